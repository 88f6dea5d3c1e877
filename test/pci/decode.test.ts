import { describe, expect, test } from "vitest";
import { decodeConfig, mayHaveExtendedSpace } from "../../src/pci/decode.ts";
import { isUnknown, unknown } from "../../src/pci/known.ts";
import { rows } from "../rows.ts";
import { beyondHeader, decode, extended, extendedList, header, type Registers, space, standardList } from "./config.ts";

/** The Express capability at 0x40, version 2, with ACS and more at 0x100. */
const express = (type: number, more: Registers = {}): Registers => ({
  ...standardList([0x40, 0x10]),
  66: [(type << 4) | 2, 2],
  ...more,
});

describe("The header", () => {
  test("holds ids, class, revision, command, and whether there are several functions", () => {
    expect(decode(256, header(0x80, { 4: 0x00100547, 8: 0x010802a5, 44: 0xa801144d }))).toMatchObject({
      vendorId: 0x8086,
      deviceId: 0x1572,
      command: 0x0547,
      revision: 0xa5,
      classCode: 0x010802,
      headerType: 0,
      multifunction: true,
      subsystem: { vendorId: 0x144d, deviceId: 0xa801 },
      bridge: null,
      express: null,
      acs: null,
      oddities: [],
    });
  });

  test.each(
    rows(`
      // byte 0e | type | several functions
      0x00       | 0    | no
      0x80       | 0    | yes
      0x01       | 1    | no
      0x81       | 1    | yes
      0x82       | 2    | yes
      0x03       | ?    | no
      0x7f       | ?    | no
      0xff       | ?    | yes
    `),
  )("of type byte %s is %s", (byte, type, several) => {
    const { headerType, multifunction, vendorId, bars, oddities } = decode(256, header(Number(byte)));
    const none = unknown(`header type ${Number(byte) & 0x7f} is none that the specification knows`);
    expect({ headerType, multifunction, vendorId }).toEqual({
      headerType: type === "?" ? none : Number(type),
      multifunction: several === "yes",
      vendorId: 0x8086,
    });
    expect(isUnknown(bars) && bars.unknown === none.unknown).toBe(type === "?");
    expect(oddities).toEqual([]);
  });

  test.each(
    rows(`
      // bytes shown | hidden
      0              | vendorId deviceId command revision classCode headerType multifunction
      3              | vendorId deviceId command revision classCode headerType multifunction
      4              | command revision classCode headerType multifunction
      6              | revision classCode headerType multifunction
      11             | revision classCode headerType multifunction
      12             | headerType multifunction
      14             | headerType multifunction
      15             |
    `),
  )("of %s bytes hides %s", (length, hidden = "") => {
    const bytes = space(64, header(0)).subarray(0, Number(length));
    const decoded = decodeConfig(bytes, { beyondHeader, extended });
    const fields = ["vendorId", "deviceId", "command", "revision", "classCode", "headerType", "multifunction"] as const;
    expect(fields.filter((field) => decoded[field] === beyondHeader).join(" ")).toBe(hidden);
    expect(decoded.bars).toEqual(beyondHeader);
  });

  test("of all ones is of a device that is gone", () => {
    const gone = unknown("config space reads as all ones: the device is gone or asleep");
    const { oddities, ...fields } = decodeConfig(new Uint8Array(256).fill(0xff), { beyondHeader, extended });
    expect(oddities).toEqual([]);
    expect(Object.values(fields).every((field) => isUnknown(field) && field.unknown === gone.unknown)).toBe(true);
    expect(decodeConfig(new Uint8Array(4).fill(0xff), { beyondHeader, extended }).deviceId).toEqual(gone);
  });

  test("of all ones is that of a device that is gone, whatever a copy put behind it", () => {
    const gone = unknown("config space reads as all ones: the device is gone or asleep");
    const decoded = decodeConfig(new Uint8Array(4096).fill(0xff, 0, 64), { beyondHeader, extended });
    expect(decoded).toMatchObject({ vendorId: gone, classCode: gone, command: gone, bridge: gone, acs: gone });
  });

  test.each([0x00000000, 0xffff0000])("that begins with %s is no device's", (ids) => {
    const zeroed = unknown("config space reads as zeros, which no device's does");
    for (const decoded of [decode(4096, { 0: ids }), decode(256, header(1, { 0: ids }))])
      expect(decoded).toMatchObject({
        vendorId: zeroed,
        headerType: zeroed,
        bridge: zeroed,
        express: zeroed,
        acs: zeroed,
      });
  });

  test("of a virtual function has no ids of its own, and all else", () => {
    const { vendorId, deviceId, classCode, headerType } = decode(64, { ...header(0), 0: 0xffffffff });
    const physical = unknown("the ids of a virtual function are those of its physical function");
    expect({ vendorId, deviceId, classCode, headerType }).toEqual({
      vendorId: physical,
      deviceId: physical,
      classCode: 0x020000,
      headerType: 0,
    });
  });

  test.each<[name: string, type: number, registers: Registers, expected: unknown]>([
    ["an endpoint, at 2c", 0, { 44: 0x12345678 }, { vendorId: 0x5678, deviceId: 0x1234 }],
    ["an endpoint without one", 0, {}, null],
    [
      "a bridge, in its capability",
      1,
      { ...standardList([0x50, 0x0d]), 84: 0x12345678 },
      { vendorId: 0x5678, deviceId: 0x1234 },
    ],
    ["a bridge without the capability, whatever stands at 2c", 1, { 44: 0x12345678 }, null],
    ["a CardBus bridge, at 40", 2, { 44: 0x11111111, 64: 0x12345678 }, { vendorId: 0x5678, deviceId: 0x1234 }],
  ])("of %s, holds the subsystem", (_name, type, registers, expected) => {
    expect(decode(256, header(type, registers)).subsystem).toEqual(expected);
  });

  test("of a bridge whose capabilities are hidden hides the subsystem", () => {
    expect(decode(64, header(1, { 52: [0x40, 1] })).subsystem).toEqual(beyondHeader);
    expect(decode(64, header(2)).subsystem).toEqual(beyondHeader);
  });
});

/** BARs as the tables write them: `0 mem64 pref fe800000`, `2 io 3000`, `-` for an address that is not assigned. */
function bars(type: number, registers: string): string {
  const values = registers.split(" ").map((text) => Number.parseInt(text, 16));
  // With an empty list of capabilities nothing is hidden.
  const found = decode(
    256,
    header(type, Object.fromEntries(values.map((value, index) => [0x10 + 4 * index, value]))),
  ).bars;
  if (isUnknown(found)) return found.unknown;
  return found
    .map(({ index, kind, is64Bit, prefetchable, busAddress, physAddress, sizeBytes, fromEnhancedAllocation }) => {
      expect(isUnknown(sizeBytes) && sizeBytes.unknown).toBe("config space holds the address of a BAR, not its size");
      const isAssigned = physAddress !== null;
      if (isAssigned) {
        expect(isUnknown(physAddress) && physAddress.unknown).toBe(
          "config space holds bus addresses, not CPU addresses",
        );
      }
      expect([fromEnhancedAllocation, busAddress !== null]).toEqual([false, isAssigned]);
      const address = busAddress === null ? "-" : isUnknown(busAddress) ? "?" : busAddress.toString(16);
      return `${index} ${kind === "io" ? "io" : is64Bit ? "mem64" : "mem"}${prefetchable ? " pref" : ""} ${address}`;
    })
    .join(", ");
}

const NONE = "a BAR without an address reads as zero, like one that is not there";
const LAST = "the last BAR register claims 64 bits, and there is no register for its upper half";

describe("BAR registers", () => {
  test.each(
    rows(`
      // header | registers from 10 on                                   | BARs
      0 | fe800000                                                       | 0 mem fe800000
      0 | fe800008                                                       | 0 mem pref fe800000
      0 | fe800004 00000000                                              | 0 mem64 fe800000
      0 | 0000000c 00000380                                              | 0 mem64 pref 38000000000
      0 | fe80000c 00000001 fe700000                                     | 0 mem64 pref 1fe800000, 2 mem fe700000
      0 | 00003001                                                       | ${NONE}  // an I/O BAR alone
      0 | 00003001 fe800000                                              | 0 io 3000, 1 mem fe800000
      0 | 00003003 fe800000                                              | 0 io 3000, 1 mem fe800000
      0 | fe800000 00003005 0000000c                                     | 0 mem fe800000, 1 io 3004, 2 mem64 pref -
      0 | 00000008                                                       | 0 mem pref -
      0 | 00000001 fe800000                                              | 0 io -, 1 mem fe800000
      0 | fe800002                                                       | 0 mem fe800000   // below 1 MiB, of old
      0 | 00000000 00000000 00000000 00000000 00000000 00000000          | ${NONE}
      0 | 00000000 00000000 00000000 00000000 00000000 fe800000          | 5 mem fe800000
      0 | 00000000 00000000 00000000 00000000 fe800004 00000001          | 4 mem64 1fe800000
      0 | 00000000 00000000 00000000 00000000 00000000 fe80000c          | ${LAST}
      0 | 00000000 00000000 00000000 00000000 00000000 00000000 fe800000 | ${NONE}  // six and no more
      0 | fffffff4 000fffff                                              | 0 mem64 ffffffffffff0
      0 | fffffff4 001fffff                                              | 0 mem64 1ffffffffffff0
      0 | 00000004 00200000                                              | 0 mem64 ?
      1 | fe800004 00000001                                              | 0 mem64 1fe800000
      1 | 00000000 fe800004                                              | ${LAST}
      1 | 00000000 00000000 fe800000                                     |           // a bridge has two
      1 | 00003001                                                       | 0 io 3000
      2 | fe800000                                                       | 0 mem fe800000
      2 | fe800004 00000001                                              | ${LAST}
      2 | 00000000 fe800000                                              |           // a CardBus bridge has one
    `),
  )("of header %s, %s: %s", (type, registers = "", expected) => {
    expect(bars(Number(type), registers)).toBe(expected);
  });

  test("are no BARs where the expansion ROM stands", () => {
    expect(decode(256, header(0, { 16: 0xfe800000, 48: 0xfe700001 })).bars).toHaveLength(1);
    expect(decode(256, header(0, { 48: 0xfe700001 })).bars).toEqual(unknown(NONE));
    expect(decode(256, header(1, { 56: 0xfe700001 })).bars).toEqual([]);
  });

  test.each([
    [0x10, true],
    [0x14, true],
    [0x24, true],
    [0x27, true],
    [0x28, false],
  ])("cut at %i are hidden: %s", (length, isHidden) => {
    const bytes = space(64, header(0, { 4: 6, 16: 0xfe800000 })).subarray(0, length);
    const { bars: found } = decodeConfig(bytes, { beyondHeader, extended });
    expect(isUnknown(found)).toBe(isHidden);
  });

  test("that are all zero may be elsewhere where the list of capabilities is cut off", () => {
    expect(decode(64, header(0, { 52: [0x40, 1] })).bars).toEqual(beyondHeader);
    expect(decode(64, header(0, { 16: 0xfe800000, 52: [0x40, 1] })).bars).toHaveLength(1);
  });

  test("whose upper half is cut off are hidden", () => {
    const bytes = space(64, header(0, { 16: 0xfe800004 })).subarray(0, 0x14);
    expect(decodeConfig(bytes, { beyondHeader, extended }).bars).toEqual(beyondHeader);
  });
});

/** Windows as the tables write them: `io 3000+1000`. */
function windows(registers: Registers): string {
  const { bridge } = decode(64, header(1, registers));
  if (isUnknown(bridge) || bridge === null || isUnknown(bridge.windows)) throw new Error("no windows");
  return bridge.windows.map(({ kind, start, size }) => `${kind} ${start.toString(16)}+${size.toString(16)}`).join(", ");
}

describe("A bridge", () => {
  test("has bus numbers and no windows where none were set", () => {
    expect(decode(256, header(1, { 24: 0x40050302 })).bridge).toEqual({
      primary: 2,
      secondary: 3,
      subordinate: 5,
      windows: [],
    });
  });

  test("of a CardBus header has windows that are not decoded", () => {
    const cardBus = { primary: 2, secondary: 3, subordinate: 5 };
    const none = unknown("the windows of CardBus bridges are not decoded");
    expect(decode(256, header(2, { 24: 0x40050302 })).bridge).toEqual({ ...cardBus, windows: none });
  });

  test.each([
    [0x1b, "bridge"],
    [0x1c, "windows"],
    [0x33, "windows"],
    [0x34, "nothing"],
  ])("cut at %i hides its %s", (length, what) => {
    const { bridge } = decodeConfig(space(64, header(1)).subarray(0, length), { beyondHeader, extended });
    const isHidden = isUnknown(bridge) ? "bridge" : isUnknown(bridge?.windows ?? null) ? "windows" : "nothing";
    expect(isHidden).toBe(what);
  });

  test.each(
    rows(`
      // 1c     | 20       | 24       | 28       | 2c       | 30       | windows
      00003030  | 00000000 | 00000000 | 00000000 | 00000000 | 00000000 | io 3000+1000
      00005030  | 00000000 | 00000000 | 00000000 | 00000000 | 00000000 | io 3000+3000
      00003131  | 00000000 | 00000000 | 00000000 | 00000000 | 00020001 | io 13000+11000                  // 32-bit I/O, base and limit
      00003131  | 00000000 | 00000000 | 00000000 | 00000000 | 00010001 | io 13000+1000
      00000101  | 00000000 | 00000000 | 00000000 | 00000000 | 00010001 | io 10000+1000                   // 16 bits of 0 are an address here
      00003030  | 00000000 | 00000000 | 00000000 | 00000000 | 00010001 | io 3000+1000                    // 16-bit I/O has no upper half
      000030f0  | 00000000 | 00000000 | 00000000 | 00000000 | 00000000 |                                 // off: base above limit
      00000000  | fe80fe80 | 00000000 | 00000000 | 00000000 | 00000000 | memory fe800000+100000
      00000000  | fe90fe80 | 00000000 | 00000000 | 00000000 | 00000000 | memory fe800000+200000
      00000000  | fe8ffe8f | 00000000 | 00000000 | 00000000 | 00000000 | memory fe800000+100000          // the low four bits are none
      00000000  | 00000010 | 00000000 | 00000000 | 00000000 | 00000000 |                                 // off
      00000000  | 00100000 | 00000000 | 00000000 | 00000000 | 00000000 | memory 0+200000
      00000000  | 00000000 | fe81fe81 | 00000000 | 00000000 | 00000000 | prefetchable fe800000+100000
      00000000  | 00000000 | 00f100f1 | 00000380 | 00000381 | 00000000 | prefetchable 38000f00000+100100000
      00000000  | 00000000 | fff10001 | 00000380 | 00000383 | 00000000 | prefetchable 38000000000+400000000
      00000000  | 00000000 | 00f000f0 | 00000380 | 00000381 | 00000000 | prefetchable f00000+100000      // 32 bits have no upper half
      00000000  | 00000000 | 00010001 | 00000001 | 00000001 | 00000000 | prefetchable 100000000+100000
      00000000  | 00000000 | 0001fff1 | 00000000 | 00000000 | 00000000 |                                 // off
      00000000  | 00000000 | 00010001 | 00000000 | 00000000 | 00000000 |                                 // never set
      00000000  | 00000000 | fff10001 | 00000000 | 00200000 | 00000000 |                                 // beyond 2^53
      0000f000  | fe90fe80 | 0001fff1 | 00000000 | 00000000 | 00000000 | io 0+10000, memory fe800000+200000
    `),
  )("with %s %s %s %s %s %s forwards %s", (...cells) => {
    const expected = cells.pop();
    expect(windows(Object.fromEntries(cells.map((text, index) => [0x1c + 4 * index, Number.parseInt(text, 16)])))).toBe(
      expected,
    );
  });
});

const ONES = "the list of capabilities leads to where config space reads as all ones";
const ZEROS = "the list of capabilities leads to where config space reads as zeros to its end";

describe("The list of capabilities", () => {
  const found = (length: number, registers: Registers, type = 0): string => {
    const { capabilities } = decode(length, header(type, registers));
    if (isUnknown(capabilities)) return capabilities.unknown;
    return capabilities
      .map(({ space: of, id, offset }) => `${of} ${id.toString(16)} at ${offset.toString(16)}`)
      .join(", ");
  };

  test("is followed in whatever order it goes", () => {
    expect(found(256, standardList([0x80, 0x05], [0x40, 0x01], [0xf0, 0x11]))).toBe(
      "standard 5 at 80, standard 1 at 40, standard 11 at f0",
    );
  });

  test.each<[name: string, length: number, registers: Registers, type: number, expected: string]>([
    ["none, by the status register", 256, { ...standardList([0x40, 5]), 4: 6 }, 0, ""],
    ["an empty one", 256, {}, 0, ""],
    ["one that points into the header", 256, { 52: [0x3c, 1], 60: [0x05, 1] }, 0, ""],
    ["one that points to the first byte behind it", 256, standardList([0x40, 5]), 0, "standard 5 at 40"],
    [
      "one whose pointers have their reserved bits set",
      256,
      { ...standardList([0x40, 5]), 52: [0x43, 1] },
      0,
      "standard 5 at 40",
    ],
    ["one that ends in all ones", 256, { ...standardList([0x40, 5], [0x50, 0xff], [0x60, 1]) }, 0, ONES],
    ["one that leads to zeros", 256, standardList([0x40, 5], [0x80, 0]), 0, ZEROS],
    [
      "one with an empty entry",
      256,
      { ...standardList([0x40, 5], [0x80, 0]), 144: 1 },
      0,
      "standard 5 at 40, standard 0 at 80",
    ],
    ["one of extended space that leads to zeros", 4096, express(0, { 256: 0x2001000d, 260: 0x001d007f }), 0, ZEROS],
    ["one cut behind the header", 64, { 52: [0x40, 1] }, 0, "beyond the header"],
    ["one cut in the header", 0x34, {}, 0, "beyond the header"],
    [
      "one of a CardBus bridge, at 14",
      256,
      { 20: [0x48, 1], 52: [0x40, 1], 72: [0x01, 2], 64: [0x05, 2] },
      2,
      "standard 1 at 48",
    ],
  ])("%s", (_name, length, registers, type, expected) => {
    expect(found(length, registers, type)).toBe(expected);
  });

  test("ends where it comes back, and says so", () => {
    const standard: Registers = { ...standardList([0x40, 0x10]), 64: [0x4810, 2], 72: [0x4005, 2] };
    const { oddities } = decode(4096, header(0, { ...standard, 256: 0x1401000d, 320: 0x10010001 }));
    expect(oddities).toEqual(["the capability list comes back to 0x40", "the capability list comes back to 0x100"]);
  });

  test("goes on in extended space from 100, behind entries without an id, up to one of zero", () => {
    const list = extendedList([0x100, 0x0d], [0x140, 0], [0xffc, 0x0b]);
    expect(found(4096, express(0, list))).toBe("standard 10 at 40, extended d at 100, extended b at ffc");
    expect(found(4096, express(0, {}))).toBe("standard 10 at 40");
    // All ones are no answer.
    expect(found(4096, express(0, { 256: 0xffffffff }))).toBe(ONES);
    expect(found(256, express(0))).toBe("beyond 256 bytes");
    expect(found(4096, express(0, { ...list, 256: 0x0801000d }))).toBe("standard 10 at 40, extended d at 100");
    expect(found(4096, express(0, { ...list, 256: 0x0ff1000d }))).toBe("standard 10 at 40, extended d at 100");
    expect(found(4096, express(0, { ...list, 256: 0xfff1000d }))).toBe(
      "standard 10 at 40, extended d at 100, extended b at ffc",
    );
  });

  test("has a version for each entry of extended space", () => {
    const { capabilities } = decode(4096, header(0, express(0, { 256: 0x0007000d })));
    expect(isUnknown(capabilities) ? [] : capabilities.map(({ version }) => version)).toEqual([0, 7]);
  });
});

describe("Extended space", () => {
  const acs = { 256: 0x0001000d, 260: 0x001d007f };
  /** PCI-X at 0x40, with its status at 0x44. */
  const pciX = (status: number): Registers => ({ ...standardList([0x40, 0x07]), 68: status });
  const hostBridge = { 8: 0x06000001 };

  test.each<[name: string, registers: Registers, isThere: boolean]>([
    ["PCI Express", express(0), true],
    ["nothing that brings it", standardList([0x40, 5]), false],
    ["no capability", {}, false],
    ["PCI-X at 133 MHz", pciX(0x3fffffff), false],
    ["PCI-X 2 at 266 MHz", pciX(0x40000000), true],
    ["PCI-X 2 at 533 MHz", pciX(0x80000000), true],
    ["a host bridge, whatever its capabilities say", hostBridge, true],
    ["another bridge of class 06", { 8: 0x06010001 }, false],
  ])("of a function with %s is looked at: %s", (_name, registers, isThere) => {
    const whole = decode(4096, header(0, { ...registers, ...acs }));
    expect(whole.acs).toEqual(isThere ? { capability: 0x7f, control: 0x1d } : null);
    // Where it is cut off it is hidden, and where there is none it is known to hold nothing.
    expect(decode(256, header(0, registers)).acs).toEqual(isThere ? extended : null);
    expect(mayHaveExtendedSpace(space(256, header(0, registers)))).toBe(isThere);
  });

  test("of a function whose list is cut off is hidden for the same reason", () => {
    expect(decode(64, header(0, { 52: [0x40, 1] })).acs).toEqual(beyondHeader);
    expect(mayHaveExtendedSpace(space(64, header(0, { 52: [0x40, 1] })))).toBe(true);
    const cutStatus = decodeConfig(space(256, header(0, pciX(0))).subarray(0, 0x46), { beyondHeader, extended });
    expect(cutStatus.acs).toEqual(beyondHeader);
  });

  test("of a host bridge whose source says that it has 256 bytes is known to hold nothing", () => {
    const ends = { beyondHeader, extended, endsAtConventional: true };
    expect(decodeConfig(space(256, header(0, hostBridge)), ends).acs).toBeNull();
    expect(decodeConfig(space(4096, header(0, { ...hostBridge, ...acs })), ends).acs).toMatchObject({ control: 0x1d });
    expect(decodeConfig(space(256, header(0, express(0))), ends).acs).toEqual(extended);
  });

  test("holds 4,096 bytes at most", () => {
    const long = space(8192, header(0, express(0, { 256: 0xffc1000d, 4092: 0x0001000d })));
    expect(decodeConfig(long, { beyondHeader, extended }).acs).toMatchObject({ capability: 0 });
  });
});

describe("The Express capability", () => {
  test("of zeros is hidden: its version is 1 at least", () => {
    const zeroed = unknown("the PCI Express capability reads as zeros, which none does");
    const decoded = decode(4096, header(0, { ...standardList([0x40, 0x10]), 256: 0x0001000d, 260: 0x7f })).express;
    expect(decoded).toMatchObject({ type: zeroed, version: zeroed, slotImplemented: zeroed });
  });

  test.each(
    rows(`
      // type | name                         | has a link
      0x0     | endpoint                     | yes
      0x1     | legacy-endpoint              | yes
      0x2     | reserved                     | yes
      0x3     | reserved                     | yes
      0x4     | root-port                    | yes
      0x5     | upstream-port                | yes
      0x6     | downstream-port              | yes
      0x7     | pcie-to-pci-bridge           | yes
      0x8     | pci-to-pcie-bridge           | yes
      0x9     | root-complex-endpoint        | no
      0xa     | root-complex-event-collector | no
      0xb     | reserved                     | yes
      0xf     | reserved                     | yes
    `),
  )("of type %s is that of a %s, with a link: %s", (type, name, hasLink) => {
    const decoded = decode(256, header(0, express(Number(type), { 76: 0x00000103, 82: [0x0083, 2] }))).express;
    expect(decoded).toMatchObject({
      type: name,
      version: 2,
      linkCapable: hasLink === "yes" ? { speedGTps: 8, width: 16 } : null,
      linkStatus: hasLink === "yes" ? { speedGTps: 8, width: 8 } : null,
    });
  });

  test.each(
    rows(`
      // register | GT/s | lanes
      0x0011      | 2.5  | 1
      0x0022      | 5    | 2
      0x0043      | 8    | 4
      0x0084      | 16   | 8
      0x0105      | 32   | 16
      0x0206      | 64   | 32
      0x0107      | 128  | 16
      0x0000      | 0    | 0   // the link is down
      0x0108      | 0    | 16  // reserved
      0xf80f      | 0    | 0   // bits of other fields
      0x03f1      | 2.5  | 63
    `),
  )("with %s in a link register has %s GT/s and %s lanes", (register, speed, width) => {
    const value = Number(register);
    const state = { speedGTps: Number(speed), width: Number(width) };
    const decoded = decode(256, header(0, express(0, { 76: value, 82: [value, 2] }))).express;
    expect(decoded).toMatchObject({ linkCapable: state, linkStatus: state });
  });

  test.each(
    rows(`
      // capabilities | slot capabilities | slot | number
      0x0162          | 0x00080000        | yes  | 1
      0x0162          | 0xfff80000        | yes  | 8191
      0x0162          | 0x0007ffff        | yes  | 0
      0x0062          | 0xfff80000        | no   | -
    `),
  )("with %s, %s has a slot: %s, %s", (capabilities, slot, isImplemented, number) => {
    const registers = { ...express(6), 66: [Number(capabilities), 2] as const, 84: Number(slot) };
    expect(decode(256, header(1, registers)).express).toMatchObject({
      type: "downstream-port",
      slotImplemented: isImplemented === "yes",
      slotNumber: number === "-" ? null : Number(number),
    });
  });

  const words: Registers = {
    68: 0x11112222,
    72: 0x33334444,
    76: 0x55556666,
    80: 0x77778888,
    100: 0x9999aaaa,
    104: 0xbbbbcccc,
    108: 0xddddeeee,
    112: 0xffff0001,
  };
  const early = {
    deviceCapabilities: 0x11112222,
    deviceControl: 0x4444,
    deviceStatus: 0x3333,
    linkCapabilities: 0x55556666,
    linkControl: 0x8888,
    linkStatus: 0x7777,
  };
  const second = {
    deviceCapabilities2: 0x9999aaaa,
    deviceControl2: 0xcccc,
    linkCapabilities2: 0xddddeeee,
    linkControl2: 0x0001,
    linkStatus2: 0xffff,
  };
  const none = { deviceCapabilities2: 0, deviceControl2: 0, linkCapabilities2: 0, linkControl2: 0, linkStatus2: 0 };

  test.each([
    [1, { ...early, ...none }],
    [2, { ...early, ...second }],
    [3, { ...early, ...second }],
  ])("of version %i has the registers of that version", (version, registers) => {
    const decoded = decode(256, header(0, express(0, { ...words, 66: [version, 2] }))).express;
    expect(decoded).toMatchObject({ version, registers });
  });

  /** Offsets at which the capability just fits below 256, and just does not; a slot number stands in its sixth dword. */
  test.each(
    rows(`
      // at | version | slot | registers | slot number
      0xcc  | 2       | no   | there     | -
      0xd0  | 2       | no   | cut off   | -
      0xec  | 1       | no   | there     | -
      0xf0  | 1       | no   | cut off   | -
      0xe8  | 1       | yes  | there     | 5
      0xec  | 1       | yes  | there     | cut off
    `),
  )(
    "at %s of version %s, slot %s, has its registers %s and its slot number %s",
    (at, version, slot, registers, number) => {
      const offset = Number(at);
      const capabilities = Number(version) | (slot === "yes" ? 0x0100 : 0);
      const bytes = space(4096, header(0, { ...standardList([offset, 0x10]), [offset + 2]: [capabilities, 2] }));
      if (offset + 0x18 <= 0x100) new DataView(bytes.buffer).setUint32(offset + 0x14, 5 << 19, true);
      const decoded = decodeConfig(bytes, { beyondHeader, extended }).express;
      if (decoded === null || isUnknown(decoded)) throw new Error("no Express capability");
      const cutOff = unknown("the capability runs past the end of its space");
      expect(decoded.registers).toEqual(registers === "there" ? expect.objectContaining({ linkStatus: 0 }) : cutOff);
      expect(decoded.slotNumber).toEqual(number === "-" ? null : number === "cut off" ? cutOff : Number(number));
    },
  );

  test.each(
    rows(`
      // bytes shown | hidden
      0x42           | type version slotImplemented slotNumber linkCapable linkStatus registers
      0x44           | slotNumber linkCapable linkStatus registers
      0x50           | slotNumber linkStatus registers
      0x54           | slotNumber registers
      0x58           | registers
      0x74           |
    `),
  )("cut at %s hides %s", (length, hidden = "") => {
    const bytes = space(256, header(1, { ...express(6), 66: [0x0162, 2] })).subarray(0, Number(length));
    const decoded = decodeConfig(bytes, { beyondHeader, extended }).express;
    if (decoded === null || isUnknown(decoded)) throw new Error("no Express capability");
    const fields = Object.entries(decoded).filter(([, value]) => value === beyondHeader);
    expect(fields.map(([name]) => name).join(" ")).toBe(hidden);
  });
});

describe("Extended capabilities", () => {
  const all = (id: number, registers: Registers, length = 4096): ReturnType<typeof decode> =>
    decode(length, header(0, express(0, { 256: 0x00010000 | id, ...registers })));

  test("ACS is two words", () => {
    expect(all(0x0d, { 260: 0x001d005f }).acs).toEqual({ capability: 0x5f, control: 0x1d });
    expect(all(0x0d, {}, 0x106).acs).toEqual(extended);
  });

  test.each(
    rows(`
      // control | initial and total | number | offset and stride | device    | total | VFs | first | stride | device
      0x0001     | 0x00400008        | 0x0004 | 0x00020001        | 0x154c0000 | 64   | 4   | 1     | 2      | 0x154c
      0x0000     | 0x00400008        | 0x0004 | 0x00020001        | 0x154c0000 | 64   | 0   | 1     | 2      | 0x154c  // VF Enable is off
      0x0011     | 0x00080040        | 0x0008 | 0x00010100        | 0x00010000 | 8    | 8   | 256   | 1      | 0x0001
      0xfffe     | 0xffffffff        | 0xffff | 0xffffffff        | 0xffffffff | 65535 | 0  | 65535 | 65535  | 0xffff
      0xffff     | 0xffffffff        | 0x1ffff | 0xffffffff       | 0xffffffff | 65535 | 65535 | 65535 | 65535 | 0xffff // Function Dependency Link is another field
    `),
  )(
    "SR-IOV with control %s, %s, %s, %s, %s",
    (control, vfs, number, routing, device, total, numVfs, first, stride, id) => {
      const registers = {
        264: Number(control),
        268: Number(vfs),
        272: Number(number),
        276: Number(routing),
        280: Number(device),
      };
      expect(all(0x10, registers).sriov).toEqual({
        totalVfs: Number(total),
        numVfs: Number(numVfs),
        firstVfOffset: Number(first),
        vfStride: Number(stride),
        vfDeviceId: Number(id),
        vfMemoryEnable: (Number(control) & 8) !== 0,
      });
      expect(all(0x10, { 264: 1 }, 0x11b).sriov).toEqual(extended);
    },
  );

  const MiB = 2 ** 20;
  test.each<[capability: number, control: number, index: number, current: number, supported: number[]]>([
    // Bit 4 of the capability is 1 MiB, bit 31 is 128 TiB; bits 16 to 31 of the control go on from 256 TiB.
    [0x00000010, 0x00000020, 0, MiB, [MiB]],
    [0x000ffff0, 0x00000822, 2, 256 * MiB, Array.from({ length: 16 }, (_, bit) => MiB * 2 ** bit)],
    [0x80000000, 0x00001b20, 0, 2 ** 47, [2 ** 47]],
    [0x80000000, 0x00031c20, 0, 2 ** 48, [2 ** 47, 2 ** 48, 2 ** 49]],
    [0x00000000, 0x00100020, 0, MiB, [2 ** 52]],
    [0x00000000, 0xffe00020, 0, MiB, []], // beyond 2^53
    [0x0000000f, 0x00002b25, 5, 2 ** 63, []],
    [0x00000000, 0x00003f27, 7, 2 ** 83, []],
  ])("Resizable BAR with %i and %i", (capability, control, barIndex, currentBytes, supportedBytes) => {
    const found = all(0x15, { 260: capability, 264: control }).resizableBars;
    expect(found).toEqual([{ barIndex, currentBytes, supportedBytes }]);
  });

  test("Resizable BAR has as many entries as the first says, up to six", () => {
    const entries = (count: number): unknown[] => {
      const registers: Record<number, number> = {};
      for (let entry = 0; entry < 8; entry++) {
        registers[0x104 + 8 * entry] = 0x10;
        registers[0x108 + 8 * entry] = entry | (entry === 0 ? count << 5 : 0);
      }
      const found = all(0x15, registers).resizableBars;
      return isUnknown(found) ? [] : found.map(({ barIndex }) => barIndex);
    };
    expect([0, 1, 3, 6, 7].map((count) => entries(count))).toEqual([
      [],
      [0],
      [0, 1, 2],
      [0, 1, 2, 3, 4, 5],
      [0, 1, 2, 3, 4, 5],
    ]);
    expect(all(0x15, { 264: 0x40 }, 0x110).resizableBars).toEqual(extended);
    expect(all(0x15, {}, 0x10b).resizableBars).toEqual(extended);
    expect(all(0x0d, {}).resizableBars).toEqual([]);
  });
});

/** Enhanced Allocation at 0x40 of a header of this type, its dwords from 0x44 (or 0x48 of a bridge) on. */
function allocated(
  type: number,
  count: number,
  dwords: readonly number[],
  length = 256,
): ReturnType<typeof decode>["bars"] {
  const first = type === 1 ? 0x48 : 0x44;
  const registers = Object.fromEntries(dwords.map((dword, index) => [first + 4 * index, dword]));
  const whole = header(type, { ...standardList([0x40, 0x14]), 66: [count, 1], ...registers });
  return decodeConfig(space(256, whole).subarray(0, length), { beyondHeader, extended }).bars;
}

describe("Enhanced Allocation", () => {
  /** The first dword: 2 more dwords, BAR-equivalent indicator, properties, enabled. */
  const entry = (index: number, primary: number, secondary = 0xff, size = 2, enable = 0x80000000): number =>
    (enable | (secondary << 16) | (primary << 8) | (index << 4) | size) >>> 0;

  test.each<[name: string, dwords: number[], expected: object[]]>([
    [
      "memory",
      [entry(0, 0), 0xfe800000, 0x000ffffc],
      [{ index: 0, kind: "memory", prefetchable: false, is64Bit: false, busAddress: 0xfe800000, sizeBytes: 0x100000 }],
    ],
    ["prefetchable memory", [entry(2, 1), 0xfe800000, 0x000ffffc], [{ index: 2, kind: "memory", prefetchable: true }]],
    [
      "I/O",
      [entry(5, 2), 0x3000, 0xfc],
      [{ index: 5, kind: "io", prefetchable: false, busAddress: 0x3000, sizeBytes: 0x100 }],
    ],
    [
      "64 bits of address and size",
      [entry(0, 1, 0xff, 4), 0x00000002, 0xfffffffe, 0x380, 0x3],
      [{ is64Bit: true, busAddress: 0x380_0000_0000, sizeBytes: 0x4_0000_0000 }],
    ],
    [
      "64 bits of address alone",
      [entry(0, 1, 0xff, 3), 0x00000002, 0x000ffffc, 0x380],
      [{ is64Bit: true, busAddress: 0x380_0000_0000, sizeBytes: 0x100000 }],
    ],
    [
      "64 bits of size alone",
      [entry(0, 1, 0xff, 3), 0xfe800000, 0xfffffffe, 0x1],
      [{ is64Bit: false, busAddress: 0xfe800000, sizeBytes: 0x2_0000_0000 }],
    ],
    ["properties that say: see the second ones", [entry(0, 0xff, 1), 0xfe800000, 0xffffc], [{ prefetchable: true }]],
    ["second properties that nobody points to", [entry(0, 0, 1), 0xfe800000, 0xffffc], [{ prefetchable: false }]],
    ["properties of a virtual function's memory", [entry(0, 3), 0xfe800000, 0xffffc], []],
    ["no properties at all", [entry(0, 0xff, 0xff), 0xfe800000, 0xffffc], []],
    ["an entry that is off", [entry(0, 0, 0xff, 2, 0), 0xfe800000, 0xffffc], []],
    ["the expansion ROM, which is no BAR", [entry(8, 0), 0xfe800000, 0xffffc], []],
    ["the last index of a BAR", [entry(5, 0), 0xfe800000, 0xffffc], [{ index: 5 }]],
    ["the first index behind the BARs", [entry(6, 0), 0xfe800000, 0xffffc], []],
    ["an address beyond 2^53", [entry(0, 0, 0xff, 3), 0x2, 0xffffc, 0x200000], []],
    ["a size beyond 2^53", [entry(0, 0, 0xff, 3), 0, 0xfffffffe, 0x1fffff], []],
    ["a size of 2^53 - 4 GiB", [entry(0, 0, 0xff, 3), 0, 0xfffffffe, 0x1ffffe], [{ sizeBytes: 2 ** 53 - 2 ** 32 }]],
  ])("%s", (_name, dwords, expected) => {
    const physAddress = unknown("config space holds bus addresses, not CPU addresses");
    const common = expected.map((one) => ({ ...one, fromEnhancedAllocation: true, physAddress }));
    expect(allocated(0, 1, dwords)).toMatchObject(common);
    expect(allocated(0, 1, dwords)).toHaveLength(expected.length);
    // A bridge has a dword of bus numbers before its first entry.
    expect(allocated(1, 1, dwords)).toMatchObject(common);
  });

  test("has as many entries as it says, of the lengths that they say", () => {
    const dwords = [
      entry(0, 0, 0xff, 4),
      0xfe800002,
      0xffffe,
      1,
      0,
      entry(1, 1),
      0xfe700000,
      0xffffc,
      entry(2, 2),
      0x3000,
      0xfc,
    ];
    const indices = (count: number): unknown => {
      const found = allocated(0, count, dwords);
      return isUnknown(found) ? found.unknown : found.map(({ index }) => index).join(" ");
    };
    expect([0, 1, 2, 3, 0x42].map(indices)).toEqual(["", "0", "0 1", "0 1 2", "0 1"]);
  });

  test("stands beside the BAR registers", () => {
    const registers = {
      ...standardList([0x40, 0x14]),
      66: [1, 1] as const,
      68: entry(2, 0),
      72: 0xfe700000,
      76: 0xffffc,
    };
    const { bars: found } = decode(256, header(0, { 16: 0xfe800000, ...registers }));
    expect(
      isUnknown(found) ? [] : found.map(({ index, fromEnhancedAllocation }) => [index, fromEnhancedAllocation]),
    ).toEqual([
      [0, false],
      [2, true],
    ]);
  });

  test.each([
    [0x42, true],
    [0x43, true],
    [0x47, true],
    [0x48, true],
    [0x4f, true],
    [0x50, false],
  ])("cut at %i is hidden: %s", (length, isHidden) => {
    expect(isUnknown(allocated(0, 1, [entry(0, 0), 0xfe800000, 0xffffc], length))).toBe(isHidden);
  });

  test("ends at the end of its space", () => {
    const at = (offset: number): unknown => {
      const registers = { [offset + 4]: entry(0, 0), [offset + 8]: 0xfe800000 };
      const whole = header(0, { ...standardList([offset, 0x14]), [offset + 2]: [1, 1], ...registers });
      return decodeConfig(space(4096, whole), { beyondHeader, extended }).bars;
    };
    expect(at(0xf0)).toHaveLength(1);
    expect(at(0xf4)).toEqual([]);
  });
});

describe("Capabilities for people", () => {
  /** Fields of the one capability in conventional space, or behind the Express capability in extended space. */
  const fields = (of: "standard" | "extended", id: number, registers: Registers, length = 4096): unknown => {
    const list = of === "standard" ? standardList([0x40, id]) : express(0, { 256: 0x00010000 | id });
    const { capabilities } = decode(length, header(0, { ...list, ...registers }));
    return isUnknown(capabilities) ? capabilities : capabilities.at(-1)?.decoded;
  };

  test.each<[name: string, of: "standard" | "extended", id: number, registers: Registers, expected: object]>([
    [
      "MSI off",
      "standard",
      5,
      { 66: [0x0000, 2] },
      { enabled: false, vectorsCapable: 1, vectorsEnabled: 1, address64: false, maskable: false },
    ],
    [
      "MSI on",
      "standard",
      5,
      { 66: [0x01bb, 2] },
      { enabled: true, vectorsCapable: 32, vectorsEnabled: 8, address64: true, maskable: true },
    ],
    [
      "MSI, other bits",
      "standard",
      5,
      { 66: [0xfe00, 2] },
      { enabled: false, vectorsCapable: 1, vectorsEnabled: 1, address64: false, maskable: false },
    ],
    ["vendor specific", "standard", 9, { 66: [0x18, 1] }, { length: 24 }],
    [
      "MSI-X on",
      "standard",
      17,
      { 66: [0x8020, 2], 68: 0x00002003 },
      { enabled: true, masked: false, tableSize: 33, tableBar: 3, tableOffset: "0x00002000" },
    ],
    [
      "MSI-X masked",
      "standard",
      17,
      { 66: [0x47ff, 2], 68: 0xfffffff8 },
      { enabled: false, masked: true, tableSize: 2048, tableBar: 0, tableOffset: "0xfffffff8" },
    ],
    ["Enhanced Allocation", "standard", 20, { 66: [0xc3, 1] }, { entries: 3 }],
    ["Express", "standard", 16, { 66: [0x0042, 2] }, { type: "root-port", version: 2 }],
    ["what is not decoded", "standard", 1, { 66: [0xffff, 2] }, {}],
    [
      "AER",
      "extended",
      1,
      { 260: 0x00100000, 272: 0x00002000 },
      { uncorrectableStatus: "0x00100000", correctableStatus: "0x00002000" },
    ],
    ["VSEC", "extended", 11, { 260: 0x0381abcd }, { vsecId: "0xabcd", revision: 1, length: 0x38 }],
    [
      "ACS",
      "extended",
      13,
      { 260: 0x0015005f },
      { SrcValid: true, TransBlk: false, ReqRedir: true, CmpltRedir: false, UpstreamFwd: true, DirectTrans: false },
    ],
    [
      "ACS, the others",
      "extended",
      13,
      { 260: 0x006a006a },
      { TransBlk: true, CmpltRedir: true, EgressCtrl: true, DirectTrans: true },
    ],
    ["ARI", "extended", 14, { 260: 0x00000300 }, { nextFunction: 3 }],
    [
      "ATS on",
      "extended",
      15,
      { 260: 0x80050030 },
      { invalidateQueueDepth: 16, pageAligned: true, enabled: true, smallestTranslationUnit: 5 },
    ],
    [
      "ATS, 0 stands for 32",
      "extended",
      15,
      { 260: 0x7fc00000 },
      { invalidateQueueDepth: 32, pageAligned: false, enabled: false, smallestTranslationUnit: 0 },
    ],
    ["SR-IOV", "extended", 16, { 264: 1, 268: 0x00400040, 272: 7 }, { totalVfs: 64, numVfs: 7 }],
    ["PRI", "extended", 19, { 260: 0x01000001 }, { enabled: true, stopped: true }],
    ["PRI off", "extended", 19, { 260: 0x00000002 }, { enabled: false, stopped: false }],
    [
      "PASID",
      "extended",
      27,
      { 260: 0x00011406 },
      { executePermission: true, privilegedMode: true, maxWidth: 20, enabled: true },
    ],
    [
      "PASID off",
      "extended",
      27,
      { 260: 0x00060001 },
      { executePermission: false, privilegedMode: false, maxWidth: 0, enabled: false },
    ],
    [
      "CXL",
      "extended",
      35,
      { 260: 0x03811e98, 264: [0x0008, 2] },
      { vendor: "0x1e98", revision: 1, length: 0x38, dvsecId: "0x0008", cxl: true },
    ],
    [
      "another DVSEC",
      "extended",
      35,
      { 260: 0x01008086, 264: [0xabcd, 2] },
      { vendor: "0x8086", revision: 0, length: 0x10, dvsecId: "0xabcd", cxl: false },
    ],
    ["what is not decoded there", "extended", 3, { 260: 0xffffffff }, {}],
  ])("%s", (_name, of, id, registers, expected) => {
    expect(fields(of, id, registers)).toEqual(expected);
  });

  test.each<[of: "standard" | "extended", id: number, length: number, expected: object]>([
    ["standard", 5, 0x43, {}],
    ["standard", 9, 0x42, {}],
    ["standard", 17, 0x43, {}],
    ["standard", 17, 0x47, { enabled: false, masked: false, tableSize: 1 }],
    ["standard", 20, 0x42, {}],
    ["extended", 1, 0x107, {}],
    ["extended", 1, 0x113, { uncorrectableStatus: "0x00000000" }],
    ["extended", 11, 0x107, {}],
    ["extended", 13, 0x107, {}],
    ["extended", 14, 0x105, {}],
    ["extended", 15, 0x107, {}],
    ["extended", 16, 0x11b, {}],
    ["extended", 19, 0x107, {}],
    ["extended", 27, 0x107, {}],
    ["extended", 35, 0x107, {}],
    ["extended", 35, 0x109, {}],
  ])("of %s id %i cut at %i leave out what is not there", (of, id, length, expected) => {
    expect(fields(of, id, {}, length)).toEqual(expected);
  });
});
