import { describe, expect, test } from "vitest";
import { beyondMask, isReachable, reachOf, refuseList, refuseRange, refuseRanges } from "../../src/dma/reach.ts";
import { scatterlist } from "../../src/dma/scatterlist.ts";
import { type PhysAddr, physAddr } from "../../src/pci/addresses.ts";
import { device, range } from "./fake-memory.ts";

/** As hostile callers write it: the branded constructors refuse such numbers. */
const raw = (start: number, sizeBytes: number) => ({ start: start as PhysAddr, sizeBytes });

describe("what a device can issue", () => {
  test.for([
    [32, 2 ** 32],
    [44, 2 ** 44],
    [64, Number.MAX_SAFE_INTEGER],
  ] as const)("with %i address bits ends below %i", ([maskBits, reach]) => {
    expect(reachOf(device({ maskBits }))).toBe(reach);
  });

  test.for([
    ["the first byte", 0, 1, true],
    ["the last byte", 0xffff_ffff, 1, true],
    ["up to the last byte", 0xffff_f000, 4096, true],
    ["one byte past the end", 0xffff_f001, 4096, false],
    ["the first byte that it cannot issue", 0x1_0000_0000, 1, false],
    ["one below zero", -1, 1, false],
  ] as const)("%s", ([, address, sizeBytes, expected]) => {
    expect(isReachable(address, sizeBytes, 2 ** 32)).toBe(expected);
  });

  test.for([
    [0x1_0000_0000, "0000:05:00.0 cannot issue 0x100000000 + 4096 with 32 address bits"],
    [0, "0000:05:00.0 cannot issue 0x0 + 4096 with 32 address bits"],
    [-1, "0000:05:00.0 cannot issue -1 with 32 address bits"],
  ] as const)("an address of %i that it cannot is named", ([address, message]) => {
    expect(beyondMask(device({ maskBits: 32 }), address, 4096)).toEqual({ ok: false, errno: "EIO", reason: message });
  });
});

describe("what is no range of addresses", () => {
  const last = Number.MAX_SAFE_INTEGER;
  test.for([
    ["a page at zero", 0, 4096, null],
    ["one byte", 0x1000, 1, null],
    ["up to the last address that a number holds", last - 4096, 4096, null],
    ["no byte", 0x1000, 0, "4096 + 0 bytes is no range of addresses"],
    ["less than no byte", 0x1000, -1, "4096 + -1 bytes is no range of addresses"],
    ["below zero", -1, 4096, "-1 + 4096 bytes is no range of addresses"],
    ["half an address", 0.5, 1, "0.5 + 1 bytes is no range of addresses"],
    ["half a byte", 0, 0.5, "0 + 0.5 bytes is no range of addresses"],
    [
      "past the last address that a number holds",
      last - 4095,
      4096,
      `${last - 4095} + 4096 bytes is no range of addresses`,
    ],
  ] as const)("%s", ([, start, sizeBytes, message]) => {
    expect(refuseRange(raw(start, sizeBytes))).toEqual(
      message === null ? null : { ok: false, errno: "EINVAL", reason: message },
    );
  });

  test("none at all, and one of several, wherever it stands", () => {
    expect(refuseRanges([])).toEqual({ ok: false, errno: "EINVAL", reason: "there are no ranges to map" });
    expect(refuseRanges([range(0, 1), range(0x1000, 1)])).toBeNull();
    const wrong = { ok: false, errno: "EINVAL", reason: "-1 + 1 bytes is no range of addresses" };
    expect(refuseRanges([raw(-1, 1), range(0, 1)])).toEqual(wrong);
    expect(refuseRanges([range(0, 1), raw(-1, 1)])).toEqual(wrong);
  });
});

describe("which list is refused", () => {
  test("an empty one, with EINVAL", () => {
    expect(refuseList(scatterlist([]))).toEqual({ ok: false, errno: "EINVAL", reason: "the scatterlist is empty" });
  });

  test("one that is mapped already, as a fault of the caller", () => {
    const list = scatterlist([{ start: physAddr(0), sizeBytes: 1 }]);
    expect(refuseList(list)).toBeNull();
    list.dmaCount = 1;
    expect(() => refuseList(list)).toThrow(
      expect.objectContaining({
        code: "bad-input",
        message: "the scatterlist is mapped already; unmap it first",
      }),
    );
  });

  test.for([
    ["half a byte", 0, 0.5],
    ["no byte", 0, 0],
    ["a byte below zero", -1, 1],
    ["past what a number holds", Number.MAX_SAFE_INTEGER, 1],
  ] as const)("an entry of %s is a fault of the caller, and is named", ([, phys, lengthBytes]) => {
    expect(() =>
      scatterlist([
        { start: 0 as PhysAddr, sizeBytes: 1 },
        { start: phys as PhysAddr, sizeBytes: lengthBytes },
      ]),
    ).toThrow(
      expect.objectContaining({
        code: "bad-input",
        message: `entry 1 of the scatterlist, ${phys} + ${lengthBytes}, is no run of bytes`,
      }),
    );
  });
});
