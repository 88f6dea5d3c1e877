import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type DecodedConfig, decodeConfig } from "../../src/pci/decode.ts";
import { isUnknown, unknown } from "../../src/pci/known.ts";

const hidden = { beyondHeader: unknown("cut"), extended: unknown("cut") };

/** Config space whose capability lists lead somewhere: random bytes with linked headers written into them. */
const configSpace: fc.Arbitrary<Uint8Array> = fc
  .record({
    bytes: fc.uint8Array({ minLength: 4096, maxLength: 4096 }),
    headerType: fc.constantFrom(0, 1, 2, 0x80, 0x81),
    isHostBridge: fc.boolean(),
    standard: fc.array(
      fc.tuple(fc.constantFrom(1, 5, 7, 9, 0x0d, 0x10, 0x11, 0x14), fc.integer({ min: 16, max: 63 })),
      { maxLength: 6 },
    ),
    extended: fc.array(
      fc.tuple(
        fc.constantFrom(1, 0x0b, 0x0d, 0x0e, 0x0f, 0x10, 0x13, 0x15, 0x1b, 0x23),
        fc.integer({ min: 64, max: 1023 }),
      ),
      { maxLength: 6 },
    ),
  })
  .map(({ bytes, headerType, isHostBridge, standard, extended }) => {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    bytes[0x06] = (bytes[0x06] ?? 0) | 0x10;
    bytes[0x0e] = headerType;
    if (isHostBridge) view.setUint32(8, 0x06000001, true);
    let pointer = 0x34;
    for (const [id, word] of standard) {
      bytes[pointer] = word * 4;
      view.setUint8(word * 4, id);
      pointer = word * 4 + 1;
    }
    bytes[pointer] = 0;
    let at = 0x100;
    for (const [id, word] of extended) {
      view.setUint32(at, (id | 0x10000 | ((word * 4) << 20)) >>> 0, true);
      at = word * 4;
    }
    view.setUint32(at, 0x0001000d, true);
    return bytes;
  });

const fields = [
  "vendorId",
  "deviceId",
  "subsystem",
  "revision",
  "classCode",
  "headerType",
  "multifunction",
  "command",
  "bars",
  "bridge",
  "express",
  "acs",
  "sriov",
  "resizableBars",
  "capabilities",
] as const satisfies readonly (keyof DecodedConfig)[];

/** True when `part` says nothing that `whole` does not: each leaf is the same, or unknown. */
function saysNoMore(part: unknown, whole: unknown): boolean {
  if (isUnknown(part)) return true;
  if (typeof part !== "object" || part === null || typeof whole !== "object" || whole === null) return part === whole;
  const keys = new Set([...Object.keys(part), ...Object.keys(whole)]);
  return [...keys].every((key) =>
    saysNoMore((part as Record<string, unknown>)[key], (whole as Record<string, unknown>)[key]),
  );
}

describe("config space", () => {
  test("cut anywhere says nothing that the whole does not", () => {
    fc.assert(
      fc.property(configSpace, fc.oneof(fc.constantFrom(64, 128, 256), fc.nat(4096)), (bytes, length) => {
        const whole = decodeConfig(bytes, hidden);
        const part = decodeConfig(bytes.subarray(0, length), hidden);
        for (const field of fields) {
          // What Enhanced Allocation adds may lie beyond the cut: a list of BARs may be longer in the whole.
          const compared = field === "bars" && Array.isArray(part.bars) && Array.isArray(whole.bars);
          if (compared && part.bars.every((bar, index) => saysNoMore(bar, (whole.bars as unknown[])[index]))) continue;
          // Fields of a capability are for people: one that lies beyond the cut is left out.
          if (field === "capabilities") {
            const { capabilities: found } = part;
            const shape = (list: DecodedConfig["capabilities"]): unknown =>
              isUnknown(list) ? list : list.map(({ id, offset, space }) => ({ id, offset, space }));
            if (!isUnknown(found)) expect(shape(found)).toEqual(shape(whole.capabilities));
            continue;
          }
          if (!saysNoMore(part[field], whole[field])) {
            throw new Error(
              `${field}: ${JSON.stringify(part[field])} of ${length} bytes, ${JSON.stringify(whole[field])} of all`,
            );
          }
        }
      }),
      { numRuns: 5000 },
    );
  });

  test("with lists that loop ends, and says that they do", () => {
    const bytes = new Uint8Array(4096);
    bytes.set([0x86, 0x80, 0x34, 0x12], 0);
    bytes[0x06] = 0x10;
    bytes[0x34] = 0x40;
    bytes.set([0x10, 0x48], 0x40);
    bytes.set([0x05, 0x40], 0x48);
    new DataView(bytes.buffer).setUint32(0x100, 0x1401000d, true);
    new DataView(bytes.buffer).setUint32(0x140, 0x10010001, true);
    expect(decodeConfig(bytes, hidden).oddities).toHaveLength(2);
  });
});
