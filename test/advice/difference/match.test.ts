import { describe, expect, test } from "vitest";
import { compareMachines } from "../../../src/advice/difference/machines.ts";
import { matchDevices } from "../../../src/advice/difference/match-devices.ts";
import { matchRoots } from "../../../src/advice/difference/match-roots.ts";
import { matchRecords } from "../../../src/advice/difference/matching.ts";
import { topologyOf } from "../../../src/host/machine.ts";
import { type Bdf, formatBdf, makeBdf } from "../../../src/pci/bdf.ts";
import type { PciFunction } from "../../../src/pci/function.ts";
import { unknown } from "../../../src/pci/known.ts";
import { acs, at, bridge, endpoint, hostBridge, ids, machineOf } from "../../rules/by-hand.ts";

const gpu = ids("10de:2330");
const nic = ids("15b3:1021");
const drive = ids("144d:a80a");
const other = ids("1e0f:0001");

/** Below a root port a switch of two ports with two devices; another root port with one device. */
function server(
  [first, second, third]: readonly (Partial<PciFunction> | undefined)[],
  { bus = 1, root = 0, switchIds = {} }: { bus?: number; root?: number; switchIds?: Partial<PciFunction> } = {},
): readonly PciFunction[] {
  const hex = (value: number): string => value.toString(16).padStart(2, "0");
  const on = (number: number): string => `${hex(root + bus + number)}:00.0`;
  return [
    hostBridge(`${hex(root)}:00.0`, "8086:29c0"),
    bridge(`${hex(root)}:01.0`, "root-port", root + bus),
    bridge(on(0), "upstream-port", root + bus + 1, switchIds),
    bridge(`${hex(root + bus + 1)}:00.0`, "downstream-port", root + bus + 2, switchIds),
    bridge(`${hex(root + bus + 1)}:01.0`, "downstream-port", root + bus + 3, switchIds),
    ...(first === undefined ? [] : [endpoint(on(2), first)]),
    ...(second === undefined ? [] : [endpoint(on(3), second)]),
    bridge(`${hex(root)}:02.0`, "root-port", root + bus + 4),
    ...(third === undefined ? [] : [endpoint(on(4), third)]),
  ];
}

/** What is said of where functions went, in few words. */
function said(before: readonly PciFunction[], after: readonly PciFunction[]): string {
  const machines = [machineOf(before), machineOf(after)] as const;
  const { renumbered, moved, swapped, replaced, added, removed } = compareMachines(
    topologyOf(machines[0]),
    topologyOf(machines[1]),
    machines,
  );
  const short = (bdf: Bdf): string => formatBdf(bdf).slice(5);
  const both = (one: { before: Bdf; after: Bdf }): string => `${short(one.before)}→${short(one.after)}`;
  return [
    ["renumbered", renumbered.map(both)],
    ["moved", moved.map(both)],
    ["swapped", swapped.map((pair) => pair.map(both).join("&"))],
    ["replaced", replaced.map(both)],
    ["added", added.map(short)],
    ["removed", removed.map(short)],
  ]
    .filter(([, list]) => list?.length !== 0)
    .map(([word, list]) => `${String(word)} ${(list as string[]).join(" ")}`)
    .join("; ");
}

describe("Devices are matched by place and ids", () => {
  const whole = server([gpu, nic, drive]);
  test.for<[string, readonly PciFunction[], readonly PciFunction[], string]>([
    ["the same machine", whole, whole, ""],
    [
      "all buses are others",
      whole,
      server([gpu, nic, drive], { bus: 4 }),
      "renumbered 01:00.0→04:00.0 02:00.0→05:00.0 02:01.0→05:01.0 03:00.0→06:00.0 04:00.0→07:00.0 05:00.0→08:00.0",
    ],
    [
      "a card is moved to an empty port",
      server([gpu, undefined, drive]),
      server([undefined, gpu, drive]),
      "renumbered 03:00.0→04:00.0; moved 03:00.0→04:00.0",
    ],
    [
      "two cards change places",
      whole,
      server([nic, gpu, drive]),
      "renumbered 04:00.0→03:00.0 03:00.0→04:00.0; swapped 04:00.0→03:00.0&03:00.0→04:00.0",
    ],
    ["two alike cards: nobody can tell", server([gpu, gpu, drive]), server([gpu, gpu, drive]), ""],
    [
      "three go round",
      whole,
      server([drive, gpu, nic]),
      "renumbered 05:00.0→03:00.0 03:00.0→04:00.0 04:00.0→05:00.0; moved 05:00.0→03:00.0 03:00.0→04:00.0 04:00.0→05:00.0",
    ],
    ["another card in the same place", whole, server([other, nic, drive]), "replaced 03:00.0→03:00.0"],
    ["one is pulled", whole, server([gpu, undefined, drive]), "removed 04:00.0"],
    ["one comes", server([gpu, undefined, drive]), whole, "added 04:00.0"],
    [
      "one is put in where another was, which moved",
      server([gpu, undefined, drive]),
      server([other, gpu, drive]),
      "renumbered 03:00.0→04:00.0; moved 03:00.0→04:00.0; added 03:00.0",
    ],
    ["another switch with the same devices", whole, server([gpu, nic, drive], { switchIds: ids("10b5:8796") }), ""],
    ["one of two alike ones is gone", server([gpu, gpu, drive]), server([undefined, gpu, drive]), "removed 03:00.0"],
    [
      "of two alike ones in other places nobody can tell which one is gone",
      server([gpu, gpu]),
      server([undefined, undefined, gpu]),
      "added 05:00.0; removed 03:00.0 04:00.0",
    ],
  ])("%s", ([, before, after, words]) => {
    expect(said(before, after)).toBe(words);
  });

  test("names and traits tell alike ones apart where places do not", () => {
    const [one, two] = [
      { ...gpu, names: ["card0"] },
      { ...gpu, names: ["card1"] },
    ];
    expect(said(server([one, two]), server([undefined, undefined, two]))).toBe(
      "renumbered 04:00.0→05:00.0; moved 04:00.0→05:00.0; removed 03:00.0",
    );
    const board = (deviceId: number): Partial<PciFunction> => ({ ...gpu, subsystem: { vendorId: 0x10de, deviceId } });
    expect(said(server([board(1), board(2)]), server([undefined, undefined, board(1)]))).toBe(
      "renumbered 03:00.0→05:00.0; moved 03:00.0→05:00.0; removed 04:00.0",
    );
  });
});

describe("Root buses", () => {
  const two = (first: number, second: number): readonly PciFunction[] => [
    ...server([gpu, nic, drive], { root: first }),
    ...server([drive, drive, drive], { root: second }),
  ];
  test("that are numbered anew are the same in their order", () => {
    const machines = [machineOf(two(0, 0x40)), machineOf(two(0, 0x60))] as const;
    const matching = matchDevices(topologyOf(machines[0]), topologyOf(machines[1]));
    expect(formatBdf(matching.laterOf(at("45:00.0")) as Bdf)).toBe("0000:65:00.0");
    expect(said(two(0, 0x40), two(0, 0x60))).not.toMatch(/moved|added|removed|replaced/);
  });

  test("one of them gone leaves the others", () => {
    expect(said(two(0, 0x40), server([drive, drive, drive], { root: 0x40 }))).toBe(
      "removed 00:00.0 00:01.0 00:02.0 01:00.0 02:00.0 02:01.0 03:00.0 04:00.0 05:00.0",
    );
  });
});

describe("Root buses of which one moved", () => {
  /** A root bus with a host bridge, a root port and a device, by its segment and number. */
  const root = (segment: number, bus: number, node: number, device: Partial<PciFunction> = nic): PciFunction[] => {
    const name = (number: number, devfn: string): string =>
      `${segment.toString(16).padStart(4, "0")}:${number.toString(16).padStart(2, "0")}:${devfn}`;
    return [
      hostBridge(name(bus, "00.0"), "8086:09a2", { numaNode: node }),
      bridge(name(bus, "01.0"), "root-port", bus + 1, { numaNode: node }),
      endpoint(name(bus + 1, "00.0"), { ...device, numaNode: node }),
    ];
  };
  const roots = (before: readonly PciFunction[], after: readonly PciFunction[]): readonly string[] => {
    const sorted = (list: readonly PciFunction[]): PciFunction[] => list.toSorted((a, b) => a.bdf - b.bdf);
    const [old, now] = [topologyOf(machineOf(sorted(before))), topologyOf(machineOf(sorted(after)))];
    const name = ({ rootBus }: { rootBus: number }): string => rootBus.toString(16);
    return [...matchRoots(old, now)].map((from, to) => {
      const [one, other] = [old.roots[from], now.roots[to]];
      return `${one === undefined ? "new" : name(one)}→${other === undefined ? "" : name(other)}`;
    });
  };

  test.for<[what: string, before: PciFunction[][], after: PciFunction[][], same: readonly string[]]>([
    [
      "to another segment, all alike",
      [root(0, 0, 0), root(0, 0x40, 0), root(0, 0x80, 0)],
      [root(0, 0x40, 0), root(0, 0x80, 0), root(1, 0, 0)],
      ["40→40", "80→80", "0→100"],
    ],
    [
      "to another number behind the others, by its device",
      [root(0, 0, 0, gpu), root(0, 0x40, 0, nic), root(0, 0x80, 0, drive)],
      [root(0, 0x40, 0, nic), root(0, 0x80, 0, drive), root(0, 0xc0, 0, gpu)],
      ["40→40", "80→80", "0→c0"],
    ],
    [
      "to another number behind the others, all alike, by its NUMA node",
      [root(0, 0, 0), root(0, 0x40, 1), root(0, 0x80, 2)],
      [root(0, 0x40, 1), root(0, 0x80, 2), root(0, 0xc0, 0)],
      ["40→40", "80→80", "0→c0"],
    ],
    [
      "not at all: all of them have new numbers, and their order tells",
      [root(0, 0, 0), root(0, 0x40, 0), root(0, 0x80, 0), root(0, 0xc0, 0)],
      [root(0, 0, 0), root(0, 0x50, 0), root(0, 0x90, 0), root(0, 0xc0, 0)],
      ["0→0", "40→50", "80→90", "c0→c0"],
    ],
    [
      "and one is gone, one new",
      [root(0, 0, 0, gpu), root(0, 0x40, 0, nic)],
      [root(0, 0x40, 0, nic), root(2, 0, 0, other)],
      ["40→40", "0→200"],
    ],
  ])("%s", ([, before, after, same]) => {
    expect(roots(before.flat(), after.flat())).toEqual(same);
  });
});

describe("Functions of one device", () => {
  const card = (bus: number): readonly PciFunction[] =>
    ["0", "1"].map((fn) => endpoint(`0${bus}:00.${fn}`, { ...nic, multifunction: fn === "0" }));
  test("move together, each its own", () => {
    const before = [...server([]), ...card(3)];
    const after = [...server([]), ...card(4)];
    expect(said(before, after)).toBe(
      "renumbered 03:00.0→04:00.0 03:00.1→04:00.1; moved 03:00.0→04:00.0 03:00.1→04:00.1",
    );
  });

  test("virtual functions are those of their physical one", () => {
    const vf = (address: string, physical: string): PciFunction =>
      endpoint(address, { ...ids("15b3:101e"), physicalFunction: at(physical) });
    const sriov = (vfs: number): Partial<PciFunction> => ({
      ...nic,
      sriov: { totalVfs: 4, numVfs: vfs, firstVfOffset: 1, vfStride: 1, vfDeviceId: 0x101e },
    });
    const before = [...server([sriov(2)]), vf("03:00.1", "03:00.0"), vf("03:00.2", "03:00.0")];
    const after = [...server([undefined, sriov(1)]), vf("04:00.1", "04:00.0")];
    expect(said(before, after)).toBe(
      "renumbered 03:00.0→04:00.0 03:00.1→04:00.1; moved 03:00.0→04:00.0; removed 03:00.2",
    );
  });
});

describe("Where the place is hidden", () => {
  /** What `lspci` shows without root: no bus numbers of bridges. */
  const flat = (functions: readonly PciFunction[]): readonly PciFunction[] =>
    functions.filter(({ bridge: is }) => is === null);
  const hiddenIds = unknown("not shown");

  test("the address and ids tell", () => {
    expect(said(flat(server([gpu, gpu, drive])), flat(server([gpu, undefined, drive])))).toBe("removed 04:00.0");
  });

  test("ids tell where addresses shifted, and nothing is said of moves", () => {
    expect(said(flat(server([gpu, nic])), flat(server([gpu, nic], { bus: 4 })))).toBe(
      "renumbered 03:00.0→06:00.0 04:00.0→07:00.0",
    );
  });

  test("the address tells where ids are hidden, too", () => {
    const before = flat(server([gpu, nic]));
    const after = before.map((fn) => ({ ...fn, vendorId: hiddenIds, deviceId: hiddenIds }));
    expect(said(before, after)).toBe("");
  });

  test("another device at the same address is another device", () => {
    expect(said(flat(server([gpu])), flat(server([other])))).toBe("added 03:00.0; removed 03:00.0");
  });

  test("a whole tree and a text without it are one machine", () => {
    const tree = server([gpu, nic, drive]);
    expect(said(tree, flat(tree))).toBe("removed 00:01.0 00:02.0 01:00.0 02:00.0 02:01.0");
  });
});

test("within one machine the record is the same whatever was done to it", () => {
  const before = machineOf(server([gpu, gpu, drive]));
  const moved = server([gpu, gpu, drive]).map((fn) =>
    fn.bdf === at("03:00.0") ? { ...fn, attachment: { upstream: at("00:02.0"), rootBus: 0 } } : fn,
  );
  const after = machineOf(moved);
  const [one, two] = [topologyOf(before), topologyOf(after)];
  const { moved: records } = compareMachines(one, two, [before, after], matchRecords(one, two));
  expect(records).toEqual([{ before: at("03:00.0"), after: at("03:00.0"), from: at("02:00.0"), to: at("00:02.0") }]);
  expect(matchRecords(one, two).earlierOf(makeBdf(0, 3, 0, 0))).toBe(at("03:00.0"));
});

test("every ACS bit that differs is shown", () => {
  const machines = [machineOf(server([gpu])), machineOf(server([{ ...gpu, acs: acs(4) }]))] as const;
  const { functions } = compareMachines(topologyOf(machines[0]), topologyOf(machines[1]), machines);
  expect(functions.map(({ what }) => what)).toEqual(["acs", "acs-capability"]);
});
