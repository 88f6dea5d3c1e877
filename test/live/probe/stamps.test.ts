import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { damageText, findDamage } from "../../../src/live/probe/damage.ts";
import { readStamp, STAMP_BYTES, stampedBytes } from "../../../src/live/probe/stamps.ts";

const nonce = Buffer.from("12345678");
const other = Buffer.from("12345679");
const blocks = fc.integer({ min: 1, max: 12 });
const stamp = fc.record({
  kind: fc.constantFrom("canary" as const, "peer" as const, "control" as const),
  round: fc.integer({ min: 0, max: 0xffffffff }),
  address: fc.integer({ min: 0, max: 2 ** 42 }).map((block) => block * STAMP_BYTES),
});

function meant(count: number, address = 0): Buffer {
  return stampedBytes(nonce, count * STAMP_BYTES, { kind: "peer", round: 7, address });
}

function was(count: number): Buffer {
  return stampedBytes(nonce, count * STAMP_BYTES, { kind: "canary", round: 6, address: 0 });
}

function damageOf(actual: Buffer, expected: Buffer, before: Buffer) {
  return findDamage({ actual, expected, before, nonce, address: 0 });
}

describe("stamps", () => {
  test("say of each block what it is, and only to the run that wrote it", () => {
    fc.assert(
      fc.property(stamp, blocks, (first, count) => {
        const bytes = stampedBytes(nonce, count * STAMP_BYTES, first);
        for (let offset = 0; offset < bytes.length; offset += STAMP_BYTES) {
          const block = bytes.subarray(offset, offset + STAMP_BYTES);
          expect(readStamp(nonce, block)).toEqual({ ...first, address: first.address + offset });
          expect(readStamp(other, block)).toBeNull();
        }
      }),
    );
  });

  test("do not survive a change of any byte", () => {
    fc.assert(
      fc.property(
        stamp,
        fc.integer({ min: 0, max: STAMP_BYTES - 1 }),
        fc.integer({ min: 1, max: 255 }),
        (first, at, by) => {
          const bytes = stampedBytes(nonce, STAMP_BYTES, first);
          bytes[at] = (bytes[at] ?? 0) ^ by;
          expect(readStamp(nonce, bytes)).toBeNull();
        },
      ),
    );
  });

  test("take any bytes for reading", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
        expect(readStamp(nonce, bytes)).toBeNull();
      }),
    );
  });

  test("differ in every block of every round, kind and address", () => {
    const kinds = ["canary", "peer", "control"] as const;
    const all = kinds.flatMap((kind) =>
      [1, 2, 3].flatMap((round) => {
        const bytes = stampedBytes(nonce, 64 * STAMP_BYTES, { kind, round, address: 0 });
        return Array.from({ length: 64 }, (_, i) => bytes.toString("latin1", i * STAMP_BYTES, (i + 1) * STAMP_BYTES));
      }),
    );
    expect(new Set(all).size).toBe(all.length);
  });
});

describe("a buffer", () => {
  test("is right only where every byte is", () => {
    fc.assert(
      fc.property(blocks, fc.nat(), fc.integer({ min: 1, max: 255 }), (count, seed, by) => {
        const actual = meant(count);
        expect(damageOf(actual, meant(count), was(count))).toEqual({ kind: "right" });
        const at = seed % actual.length;
        actual[at] = (actual[at] ?? 0) ^ by;
        const damage = damageOf(actual, meant(count), was(count));
        expect(damage.kind).not.toBe("right");
        if (damage.kind === "corrupted") expect(damage.firstOffset).toBe(at);
      }),
    );
  });

  test.each([
    ["untouched", (_: Buffer, before: Buffer) => before],
    ["all-ones", (expected: Buffer) => Buffer.alloc(expected.length, 0xff)],
    ["all-zeros", (expected: Buffer) => Buffer.alloc(expected.length)],
  ] as const)("that is %s is called so", (kind, spoil) => {
    for (const count of [1, 2, 8]) {
      expect(damageOf(spoil(meant(count), was(count)), meant(count), was(count)).kind).toBe(kind);
    }
  });

  test("that is torn at any byte is called torn there", () => {
    fc.assert(
      fc.property(blocks, fc.nat(), fc.constantFrom("before", "ones", "zeros"), (count, seed, rest) => {
        const [expected, before] = [meant(count), was(count)];
        const cut = 1 + (seed % (expected.length - 1));
        const tail = { before, ones: Buffer.alloc(before.length, 0xff), zeros: Buffer.alloc(before.length) }[rest];
        const actual = Buffer.concat([expected.subarray(0, cut), tail.subarray(cut)]);
        const first = actual.findIndex((byte, at) => byte !== expected[at]);
        // A tail may by chance begin as the data does, or be the same throughout.
        if (first <= 0) return;
        const damage = damageOf(actual, expected, before);
        expect(damage).toMatchObject({ kind: "torn", bytes: first });
        expect(first).toBeGreaterThanOrEqual(cut);
        expect(damageText(damage)).toContain(`torn after ${first} bytes`);
      }),
    );
  });

  test("of which any two blocks changed places is called reordered", () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 12 }), fc.nat(), fc.nat(), (count, a, b) => {
        const [from, to] = [a % count, b % count];
        if (from === to) return;
        const expected = meant(count);
        const actual = Buffer.from(expected);
        expected.copy(actual, to * STAMP_BYTES, from * STAMP_BYTES, (from + 1) * STAMP_BYTES);
        expected.copy(actual, from * STAMP_BYTES, to * STAMP_BYTES, (to + 1) * STAMP_BYTES);
        const [first, second] = [Math.min(from, to), Math.max(from, to)];
        expect(damageOf(actual, expected, was(count))).toEqual({
          kind: "reordered",
          firstOffset: first * STAMP_BYTES,
          from: second * STAMP_BYTES,
          blocks: 2,
        });
      }),
    );
  });

  test("that arrived at an offset is called reordered, also by stamps from beyond its range", () => {
    const damage = damageOf(meant(4, 8 * STAMP_BYTES), meant(4), was(4));
    expect(damage).toEqual({ kind: "reordered", firstOffset: 0, from: 8 * STAMP_BYTES, blocks: 4 });
  });

  test("of which blocks were left out is called so", () => {
    const [actual, before] = [meant(5), was(5)];
    for (const block of [1, 3])
      before.copy(actual, block * STAMP_BYTES, block * STAMP_BYTES, (block + 1) * STAMP_BYTES);
    expect(damageOf(actual, meant(5), before)).toEqual({ kind: "holes", firstOffset: STAMP_BYTES, blocks: 2 });
  });

  test("of blocks that are alike is not called reordered", () => {
    const expected = Buffer.alloc(4 * STAMP_BYTES);
    const actual = Buffer.from(expected);
    actual[700] = 1;
    expect(damageOf(actual, expected, was(4))).toMatchObject({ kind: "corrupted", firstOffset: 700, blocks: 1 });
  });
});
