import { expect, it } from "vitest";
import { ByteStore } from "../../src/memory/bytes.ts";

const FAR = 2 ** 52 - 4096;

it("What was never written reads as 0, and is not kept", () => {
  const store = new ByteStore();
  const into = new Uint8Array(8).fill(7);
  store.read(FAR, into);
  expect(into).toEqual(new Uint8Array(8));
  expect(store.storedBytes).toBe(0);
});

it("Bytes cross pages, and come back from where they were written", () => {
  const store = new ByteStore();
  const bytes = Uint8Array.from({ length: 10_000 }, (_, index) => index % 251);
  store.write(FAR - 5000, bytes);
  expect(store.slice(FAR - 5000, bytes.length)).toEqual(bytes);
  expect(store.storedBytes).toBe(4 * 4096);
  expect(store.storedPages()[0]).toBe(FAR - 2 * 4096);
});

it("A part of a buffer is read and written alone", () => {
  const store = new ByteStore();
  store.write(100, Uint8Array.of(1, 2, 3, 4), 1, 2);
  const into = new Uint8Array(4).fill(9);
  store.read(99, into, 1, 3);
  expect([...into]).toEqual([9, 0, 2, 3]);
});

it("Clearing terabytes costs no memory and forgets whole pages", () => {
  const store = new ByteStore();
  store.fill(4000, 200, 0xff);
  store.fill(2 ** 40, 4096, 0xff);
  store.fill(4096, 2 ** 45, 0);
  expect(store.storedBytes).toBe(4096);
  expect([...store.slice(4094, 4)]).toEqual([0xff, 0xff, 0, 0]);
});

it("Overlapping copies arrive whole in both directions", () => {
  const bytes = Uint8Array.from({ length: 9000 }, (_, index) => index % 253);
  for (const to of [777, 5000]) {
    const store = new ByteStore();
    store.write(3000, bytes);
    store.copy(3000, to, bytes.length);
    expect(store.slice(to, bytes.length)).toEqual(bytes);
  }
});

it("A full store says so instead of taking all memory", () => {
  const store = new ByteStore(2 * 4096);
  store.fill(0, 2 * 4096, 1);
  expect(() => store.fill(2 * 4096, 1, 1)).toThrowError(/byte store of 8192 bytes is full/);
  store.fill(0, 4096, 0);
  store.fill(2 * 4096, 1, 1);
  expect(store.slice(2 * 4096, 1)[0]).toBe(1);
});

it("What is no range or no part of a buffer is refused", () => {
  const store = new ByteStore();
  expect(() => store.write(-1, Uint8Array.of(1))).toThrowError(/not a range/);
  expect(() => store.fill(2 ** 53, 1, 1)).toThrowError(/not a range/);
  expect(() => store.read(0, new Uint8Array(4), 2, 3)).toThrowError(/a buffer of 4 bytes/);
});
