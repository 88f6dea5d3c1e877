import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { ArchiveTree } from "../../../src/host/archive.ts";
import { withoutIdentifiers } from "../../../src/host/redaction/config-space.ts";
import { decodeConfig } from "../../../src/pci/decode.ts";
import { unknown } from "../../../src/pci/known.ts";
import { captureNames, readCapture } from "../../machines/captures.ts";

const hidden = { beyondHeader: unknown("not read"), extended: unknown("not read") };
const MARK = 0xdeadbeef;

/** Config space of a NIC: PCI Express at 0x40, and the list of extended capabilities at 0x100 as the entries say. */
function configOf(
  extended: readonly (readonly [id: number, bytes: number])[],
  standard: readonly number[] = [],
): Uint8Array {
  const bytes = new Uint8Array(4096);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0x1021_15b3, true);
  view.setUint16(6, 0x10, true);
  view.setUint32(8, 0x0207_0000, true);
  bytes[0x34] = 0x40;
  bytes.set([0x10, standard.length === 0 ? 0 : 0x80, 0x02, 0x00], 0x40);
  standard.forEach((id, index) => {
    const at = 0x80 + 0x20 * index;
    bytes.set([id, index + 1 < standard.length ? at + 0x20 : 0], at);
    view.setUint32(at + 4, MARK, true);
    view.setUint32(at + 0x14, MARK, true);
  });
  let at = 0x100;
  extended.forEach(([id, length], index) => {
    const next = index + 1 < extended.length ? at + length : 0;
    view.setUint32(at, (next << 20) | 0x1_0000 | id, true);
    for (let word = at + 4; word < at + length; word += 4) view.setUint32(word, MARK, true);
    at += length;
  });
  return bytes;
}

function offsetsOfMark(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found: number[] = [];
  for (let at = 0; at + 4 <= bytes.length; at++) if (view.getUint32(at, true) === MARK) found.push(at);
  return found;
}

describe("Of config space no byte stays that may tell one part from another", () => {
  test.for<[string, Uint8Array]>([
    ["Device Serial Number", configOf([[0x03, 12]])],
    [
      "a second Device Serial Number",
      configOf([
        [0x0d, 4],
        [0x03, 12],
        [0x03, 12],
      ]),
    ],
    ["Hierarchy ID, which holds a GUID", configOf([[0x28, 0x20]])],
    ["the body of a vendor-specific capability", configOf([[0x0b, 0x40]]).fill(0, 0x104, 0x108)],
    ["the body of a designated vendor-specific one", configOf([[0x23, 0x40]]).fill(0, 0x104, 0x10a)],
    ["Data Object Exchange", configOf([[0x2e, 0x18]])],
    ["an enclosure's management", configOf([[0x29, 0x10]])],
    ["Power Budgeting", configOf([[0x04, 0x10]])],
    ["Root Complex Link Declaration", configOf([[0x05, 0x20]])],
    ["headers of requests that errors logged", configOf([[0x01, 0x48]]).fill(0, 0x104, 0x11c)],
    ["a capability that nobody knows", configOf([[0x7f, 0x40]])],
    ["Vital Product Data", configOf([], [0x03])],
    ["a vendor's own capability", configOf([], [0x09])],
    ["MSI addresses", configOf([], [0x05])],
    ["a standard capability that nobody knows", configOf([], [0x7e])],
    [
      "bytes between capabilities",
      Uint8Array.from([...configOf([]).subarray(0, 0xf0), 0xef, 0xbe, 0xad, 0xde, ...new Uint8Array(3852)]),
    ],
    ["reserved bytes of the header", withBytes(configOf([]), 0x38)],
    ["extended space that no list leads to", withBytes(configOf([[0x0d, 8]]).fill(0, 0x104, 0x108), 0x800)],
  ])("%s", ([, bytes]) => {
    expect(offsetsOfMark(bytes)).not.toEqual([]);
    const kept = withoutIdentifiers(bytes);
    expect(offsetsOfMark(kept)).toEqual([]);
    expect(kept.length).toBe(bytes.length);
    expect(decodeConfig(kept, hidden).capabilities).toEqual(decodeConfig(bytes, hidden).capabilities);
  });
});

function withBytes(bytes: Uint8Array, at: number): Uint8Array {
  new DataView(bytes.buffer).setUint32(at, MARK, true);
  return bytes;
}

describe("What the rules read in config space is the same", () => {
  test.for(captureNames)("%s", (name) => {
    const archive = new ArchiveTree(new Uint8Array(gunzipSync(readFileSync(readCapture(name).archive))), name);
    const folder = "sys/bus/pci/devices";
    const devices = archive.list(folder) ?? [];
    expect(devices.length).toBeGreaterThan(0);
    for (const device of devices) {
      const path = `${folder}/${device}`;
      const real = archive.readLink(path)?.replace(/^(?:\.\.\/)+/, "sys/") ?? path;
      const bytes = archive.read(`${real}/config`, 4096);
      expect(bytes).toBeDefined();
      if (bytes === undefined) continue;
      expect(decodeConfig(withoutIdentifiers(bytes), hidden)).toEqual(decodeConfig(bytes, hidden));
    }
  });

  it("what is left out once stays as it is, whatever the bytes are", () => {
    const random = fc
      .tuple(fc.uint8Array({ minLength: 64, maxLength: 4096 }), fc.constantFrom(0, 1, 2, 3), fc.nat(255))
      .map(([bytes, type, pointer]) => {
        bytes[0x06] = 0x10;
        bytes[0x0e] = type;
        bytes[0x34] = pointer;
        return bytes;
      });
    fc.assert(
      fc.property(random, (bytes) => {
        const once = withoutIdentifiers(bytes);
        expect(once.length).toBe(bytes.length);
        expect(once.every((byte, index) => byte === 0 || byte === bytes[index])).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  it("a device that is gone is still gone", () => {
    expect(withoutIdentifiers(new Uint8Array(256).fill(0xff))).toEqual(new Uint8Array(256).fill(0xff));
  });
});
