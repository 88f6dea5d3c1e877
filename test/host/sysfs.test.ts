import { describe, expect, test } from "vitest";
import type { FileTree } from "../../src/host/file-tree.ts";
import { parseIomem } from "../../src/host/host-bridge-windows.ts";
import type { Kernel, Machine } from "../../src/host/machine.ts";
import { parseResourceFile } from "../../src/host/resource-file.ts";
import { readSysfs } from "../../src/host/sysfs.ts";
import { configSymbol } from "../../src/host/system-files.ts";
import { formatBdf } from "../../src/pci/bdf.ts";
import type { PciFunction } from "../../src/pci/function.ts";
import { isUnknown, unknown } from "../../src/pci/known.ts";
import { header, type Registers, space, standardList } from "../pci/config.ts";
import { rows } from "../rows.ts";
import { at } from "../rules/by-hand.ts";

/** Files by path, texts or bytes; `-> target` is a link. */
class Files implements FileTree {
  readonly name = "a copy";
  readonly #files: ReadonlyMap<string, string | Uint8Array>;

  constructor(files: Readonly<Record<string, string | Uint8Array>>) {
    this.#files = new Map(Object.entries(files));
  }

  read(path: string, maxBytes: number): Uint8Array | undefined {
    const content = this.#files.get(path);
    if (content === undefined || this.readLink(path) !== undefined) return undefined;
    return (typeof content === "string" ? new TextEncoder().encode(content) : content).subarray(0, maxBytes);
  }

  list(path: string): readonly string[] | undefined {
    const names = [...this.#files.keys()].flatMap((file) =>
      file.startsWith(`${path}/`) ? [file.slice(path.length + 1).split("/")[0] ?? ""] : [],
    );
    return names.length === 0 ? undefined : [...new Set(names)];
  }

  readLink(path: string): string | undefined {
    const content = this.#files.get(path);
    return typeof content === "string" && content.startsWith("-> ") ? content.slice(3) : undefined;
  }
}

const PORT = "sys/devices/pci0000:00/0000:00:01.0";
const DEVICE = `${PORT}/0000:01:00.0`;

/** A root port and a device below, each with a link of the bus, and what else the device's folder holds. */
function machine(device: Readonly<Record<string, string | Uint8Array>>, more: Record<string, string> = {}): Machine {
  const files: Record<string, string | Uint8Array> = {
    "sys/bus/pci/devices/0000:00:01.0": `-> ../../../devices/pci0000:00/0000:00:01.0`,
    "sys/bus/pci/devices/0000:01:00.0": `-> ../../../devices/pci0000:00/0000:00:01.0/0000:01:00.0`,
    [`${PORT}/config`]: space(256, header(1, { 24: 0x00010100 })),
    [`${DEVICE}/config`]: space(256, header(0)),
    ...more,
  };
  for (const [name, content] of Object.entries(device)) files[`${DEVICE}/${name}`] = content;
  return readSysfs(new Files(files));
}

function read(device: Readonly<Record<string, string | Uint8Array>>, more: Record<string, string> = {}): PciFunction {
  return machine(device, more).functions.find(({ bdf }) => bdf === at("01:00.0")) as PciFunction;
}

const hex = (value: number): string => `0x${value.toString(16).padStart(16, "0")}`;
const resource = (start: number, end: number, flags: number): string => `${hex(start)} ${hex(end)} ${hex(flags)}`;
const NONE = resource(0, 0, 0);
/** The whole file, its first lines these. */
const resources = (...lines: string[]): string =>
  `${[...lines, ...new Array<string>(13 - lines.length).fill(NONE)].join("\n")}\n`;

describe("The resource file", () => {
  /** With a register of 0xfe800000 in BAR 0 and BAR 6, and none in the others. */
  test.each(
    rows(`
      // line | start        | end           | flags       | BAR                                  | bus        | CPU          | bytes
      0       | 0xfe800000   | 0xfe8fffff    | 0x00040200  | memory                               | fe800000   | fe800000     | 100000
      0       | 0xfe800000   | 0xfe8fffff    | 0x00042200  | memory prefetchable                  | fe800000   | fe800000     | 100000
      0       | 0xfe800000   | 0xfe8fffff    | 0x00140200  | memory 64                            | fe800000   | fe800000     | 100000
      0       | 0x3fe800000  | 0x3fe8fffff   | 0x0014220c  | memory 64 prefetchable               | fe800000   | 3fe800000    | 100000
      0       | 0x3000       | 0x301f        | 0x00040101  | io                                   | fe800000   | 3000         | 20
      0       | 0x0          | 0xfffff       | 0x00040200  | memory                               | -          | -            | 100000 // at 0 lies nothing
      0       | 0xfe800000   | 0xfe8fffff    | 0x20040200  | memory                               | -          | -            | 100000 // said to be unset
      0       | 0x0          | 0x0           | 0x00000000  | none
      0       | 0xfe800000   | 0xfe8fffff    | 0x00000400  | none                                                                       // another kind
      0       | 0xfe800000   | 0xfe800000    | 0x00040200  | memory                               | fe800000   | fe800000     | 1
      0       | 0xfe800000   | 0xfe7fffff    | 0x00040200  | memory                               | fe800000   | fe800000     | ?
      0       | 0x0          | 0xffffffffffffffff | 0x00040200 | memory                           | -          | -            | ?
      0       | 0xff00000000000000 | 0xff0000000000ffff | 0x00140200 | memory 64                  | fe800000   | ?            | ?
      5       | 0xfe800000   | 0xfe8fffff    | 0x00040200  | memory                               | ?          | fe800000     | 100000 // assigned, and not in the register
      6       | 0xfe800000   | 0xfe80ffff    | 0x00046200  | memory prefetchable                  | fe800000   | fe800000     | 10000  // the expansion ROM
      7       | 0xfe800000   | 0xfe80ffff    | 0x00040200  | none                                                                       // a window of a bridge, or a VF's BAR
    `),
  )("line %s, %s to %s with flags %s, is %s at %s for the bus and %s for the CPU, %s bytes", (...cells) => {
    const [line, start = "", end = "", flags = "", kind = "", bus, phys, size] = cells;
    const lines: string[] = new Array<string>(9).fill(NONE);
    lines[Number(line)] = [start, end, flags].map((text) => `0x${text.slice(2).padStart(16, "0")}`).join(" ");
    const registers = [0, 6].map((index) => ({
      index,
      kind: "memory" as const,
      is64Bit: false,
      prefetchable: false,
      busAddress: 0xfe800000 as never,
      physAddress: unknown("-"),
      sizeBytes: unknown("-"),
      fromEnhancedAllocation: false,
    }));
    const found = parseResourceFile(lines.join("\n"), kind === "none" ? [] : registers, true)?.filter(
      ({ index }) => index === Number(line),
    );
    if (kind === "none") return expect(found).toEqual([]);
    const text = (value: unknown): string =>
      value === null ? "-" : isUnknown(value) ? "?" : (value as number).toString(16);
    const bar = found?.[0];
    const what = [bar?.kind, bar?.is64Bit ? "64" : "", bar?.prefetchable ? "prefetchable" : ""].join(" ");
    expect(what.replaceAll(/ +/g, " ").trim()).toBe(kind);
    expect([bar?.index, text(bar?.busAddress), text(bar?.physAddress), text(bar?.sizeBytes)]).toEqual([
      Number(line),
      bus,
      phys,
      size,
    ]);
  });

  const FIRST = resource(0xfe800000, 0xfe8fffff, 0x200);
  test.each([
    ["", undefined],
    ["nonsense", undefined],
    [resources("nonsense"), undefined],
    [resources(NONE, NONE, NONE, NONE, NONE, NONE, "nonsense"), undefined],
    [resources("0x0 0x0 0x0"), undefined],
    [resources(`${NONE} ${NONE}`), undefined],
    [resources(NONE.slice(1)), undefined],
    [resources(), 0],
    [resources(FIRST), 1],
    // Cut: the kernel writes a line for each BAR and the ROM, and 16 digits a number.
    [new Array<string>(6).fill(FIRST).join("\n"), undefined],
    [new Array<string>(7).fill(FIRST).join("\n").slice(0, -1), undefined],
    [new Array<string>(7).fill(FIRST).join("\n"), 7],
  ])("%j has %s BARs", (text, count) => {
    expect(parseResourceFile(text, [], true)?.length).toBe(count);
  });

  test("of zeros is no proof against a register that holds an address, nor where the registers are not seen", () => {
    const config = space(256, header(0, { 16: 0xfe800000 }));
    const lost = unknown("the resource file shows nothing for a BAR whose register holds an address");
    expect(read({ config, resource: resources() }).bars).toEqual([
      expect.objectContaining({ index: 0, busAddress: 0xfe800000, physAddress: lost, sizeBytes: lost }),
    ]);
    const io = space(256, header(0, { 16: 0x3001 }));
    expect(isUnknown(read({ config: io, resource: resources() }).bars)).toBe(true);
    expect(isUnknown(read({ config: space(64, {}), resource: resources() }).bars)).toBe(true);
    expect(isUnknown(read({ resource: resources() }).bars)).toBe(false);
    expect(read({ config: space(256, header(0)), resource: resources() }).bars).toEqual([]);
  });

  test("says why a bus address is not seen", () => {
    const text = resources(FIRST);
    const bus = (decoded: PciFunction["bars"]): unknown => parseResourceFile(text, decoded, true)?.[0]?.busAddress;
    expect(bus(unknown("-"))).toEqual(unknown("config space is not readable, so the BAR's register is not seen"));
    expect(bus([])).toEqual(unknown("the system assigned an address that the BAR's register does not hold"));
  });

  test("counts before the registers, which count where there is none or another text", () => {
    const config = space(256, header(0, { 16: 0xfe800000 }));
    const physOf = (bars: PciFunction["bars"]): unknown => (isUnknown(bars) ? bars : bars[0]?.physAddress);
    expect(physOf(read({ config, resource: resources(resource(0x3fe800000, 0x3fe8fffff, 0x200)) }).bars)).toBe(
      0x3fe800000,
    );
    const hidden = unknown("config space holds bus addresses, not CPU addresses");
    expect(physOf(read({ config }).bars)).toEqual(hidden);
    expect(physOf(read({ config, resource: "nonsense" }).bars)).toEqual(hidden);
  });
});

describe("What a host bridge adds to an address", () => {
  const iomem = [
    "00000000-00000fff : Reserved",
    "80000000-8fffffff : PCI Bus 0000:00",
    "  80000000-800fffff : PCI Bus 0000:01",
    "380000000-3bfffffff : PCI Bus 0000:00",
    "",
  ].join("\n");

  test.each(
    rows(`
      // bus (register) | CPU (resource) | windows on the bus
      80000000          | 80000000       | 80000000 380000000
      80000000          | 380000000      | ? 80000000            // 3 * 4 GiB below; the first window would lie below 0
      c0000000          | 80000000       | c0000000 3c0000000    // 1 GiB above
      40000000          | 80000000       | 40000000 340000000    // 1 GiB below
    `),
  )("is seen at a BAR of %s for the bus and %s for the CPU", (bus = "", phys = "", expected = "") => {
    const [register, start] = [Number.parseInt(bus, 16), Number.parseInt(phys, 16)];
    const device = {
      config: space(256, header(0, { 16: register })),
      resource: resources(resource(start, start + 0xfffff, 0x200)),
    };
    const windows = (text: string): readonly unknown[] => {
      const { hostBridges } = machine(device, { "proc/iomem": text });
      const found = isUnknown(hostBridges) ? hostBridges : hostBridges[0]?.windows;
      if (found === undefined || isUnknown(found)) throw new Error("no windows");
      return found.map(({ kind, physStart, busStart, sizeBytes }) => ({ kind, physStart, busStart, sizeBytes }));
    };
    const [first = "", second = ""] = expected.split(" ");
    const high = {
      kind: "memory",
      physStart: 0x3_8000_0000,
      busStart: Number.parseInt(second, 16),
      sizeBytes: 2 ** 30,
    };
    if (first === "?") return expect(windows(iomem.split("\n").slice(3).join("\n"))).toEqual([high]);
    const low = { kind: "memory", physStart: 0x8000_0000, busStart: Number.parseInt(first, 16), sizeBytes: 2 ** 28 };
    expect(windows(iomem)).toEqual([low, high]);
  });

  test("is hidden where no memory BAR shows both addresses", () => {
    const windows = (device: Record<string, string | Uint8Array>): unknown => {
      const { hostBridges } = machine(device, { "proc/iomem": iomem });
      const found = isUnknown(hostBridges) ? hostBridges : hostBridges[0]?.windows;
      return found === undefined || isUnknown(found) ? found : found.map(({ busStart }) => busStart);
    };
    const none = unknown("no BAR below this host bridge shows both of its addresses");
    const config = space(256, header(0, { 16: 0xfe800000 }));
    expect(windows({ config })).toEqual([none, none]);
    expect(windows({ config, resource: resources(resource(0, 0xfffff, 0x200)) })).toEqual([none, none]);
    // An I/O BAR says nothing of memory.
    expect(
      windows({ config: space(256, header(0, { 16: 0x3001 })), resource: resources(resource(0x4000, 0x40ff, 0x101)) }),
    ).toEqual([none, none]);
  });
});

describe("/proc/iomem", () => {
  test.each(
    rows(`
      // line                                          | bus | start     | bytes
      80000000-8fffffff : PCI Bus 0000:00              | 0   | 80000000  | 10000000
      380000000-3bfffffff : PCI Bus 0000:40            | 40  | 380000000 | 40000000
      80000000-8fffffff : PCI Bus 0001:40              | 140 | 80000000  | 10000000
      80000000-8fffffff : PCI Bus 10000:00             | 1000000 | 80000000 | 10000000
      80000000-8fffffff : PCI MMCONFIG 0000            |
      80000000-8fffffff : System RAM                   |
      -80000000-8fffffff : PCI Bus 0000:00             |
      80000000-ffffffffffffffff : PCI Bus 0000:00      |
    `),
  )("%s", (line = "", bus, start, bytes) => {
    const found = parseIomem(`00001000-00001fff : System RAM\n${line}`);
    if (isUnknown(found)) throw new Error(found.unknown);
    const list = [...found].flatMap(([key, ranges]) => ranges.map((range) => [key, range.start, range.sizeBytes]));
    const expected = [bus, start, bytes].map((text) => Number.parseInt(text ?? "", 16));
    expect(list).toEqual(bus === "" ? [] : [expected]);
  });

  test("leaves out what lies below another line, takes several windows of one bus, and hides all from users", () => {
    const text = [
      "a0000000-afffffff : PCI Bus 0000:00",
      "  a0000000-a00fffff : PCI Bus 0000:00",
      "b0000000-bfffffff : PCI Bus 0000:00",
    ];
    const found = parseIomem(text.join("\n"));
    expect(isUnknown(found) ? found : found.get(0)?.map(({ start }) => start)).toEqual([0xa0000000, 0xb0000000]);
    expect(parseIomem("00000000-00000000 : PCI Bus 0000:00")).toEqual(
      unknown("proc/iomem shows addresses to root only"),
    );
    expect(parseIomem(undefined)).toEqual(unknown("no proc/iomem"));
  });
});

describe("Config space", () => {
  const root = unknown("config space beyond 64 bytes is readable by root only");
  const noExtended = unknown("the file holds no extended config space (only 256 of 4,096 bytes)");
  const express: Registers = { ...standardList([0x40, 0x10]), 66: [2, 2] };
  const withAcs: Registers = { ...express, 256: 0x0001000d, 260: 0x001d007f };

  test.each<[name: string, config: Uint8Array, express: unknown, acs: unknown]>([
    ["4,096 bytes", space(4096, header(0, withAcs)), "there", { capability: 0x7f, control: 0x1d }],
    ["256 bytes of a PCIe function", space(256, header(0, express)), "there", noExtended],
    ["256 bytes of a conventional one", space(256, header(0, standardList([0x40, 1]))), null, null],
    ["256 bytes without a list", space(256, header(0, { 4: 6 })), null, null],
    ["64 bytes, as users see them", space(64, header(0, { 52: [0x40, 1] })), root, root],
    // An archive of a live sysfs pads what it may not read with zeros.
    ["64 bytes padded with zeros to 256", space(256, header(0, { 52: [0x40, 1] })), root, root],
    ["64 bytes padded with zeros to 4,096", space(4096, header(0, { 52: [0x40, 1] })), root, root],
    ["128 bytes, of a CardBus bridge's user", space(128, header(2, { 20: [0x90, 1] })), root, root],
    [
      "129 bytes",
      space(129, header(0, { 52: [0x90, 1] })),
      unknown("the file holds less than 256 bytes of config space"),
      unknown("the file holds less than 256 bytes of config space"),
    ],
  ])("of %s", (_name, config, expressExpected, acs) => {
    const fn = read({ config });
    expect(fn.acs).toEqual(acs);
    if (expressExpected === "there") expect(fn.express).toMatchObject({ type: "endpoint" });
    else expect(fn.express).toEqual(expressExpected);
  });

  test("that is not there hides all but what the other files say", () => {
    const hidden = unknown("there is no readable config file");
    const files = { "sys/bus/pci/devices/0000:01:00.0": `-> ../../../devices/pci0000:00/0000:00:01.0/0000:01:00.0` };
    const of = (device: Record<string, string>): PciFunction => {
      const paths = Object.entries(device).map(([name, text]) => [`${DEVICE}/${name}`, text]);
      const { functions } = readSysfs(new Files({ ...files, ...Object.fromEntries(paths) }));
      return functions.find(({ bdf }) => bdf === at("01:00.0")) as PciFunction;
    };
    expect(of({ vendor: "0x144d\n", device: "0xa808\n", class: "0x010802\n" })).toMatchObject({
      vendorId: 0x144d,
      deviceId: 0xa808,
      classCode: 0x010802,
      acs: hidden,
      bars: hidden,
    });
    const none = {
      vendorId: unknown("no vendor file"),
      deviceId: unknown("no device file"),
      classCode: unknown("no class file"),
    };
    expect(of({ vendor: "144d\n", device: "0xa808x\n" })).toMatchObject(none);
    // Cut, of zeros, and of a device that was gone.
    expect(of({ vendor: "0x144d", device: "0xa80\n", class: "0x0108\n" })).toMatchObject(none);
    expect(of({ vendor: "0x0000\n", device: "0x0000\n", class: "0x000000\n" })).toMatchObject(none);
    expect(of({ vendor: "0xffff\n", device: "0xffff\n", class: "0xffffff\n" })).toMatchObject(none);
  });

  test("counts before the files where it is there", () => {
    expect(read({ vendor: "0x1234\n" }).vendorId).toBe(0x8086);
  });

  test.each([
    [
      64,
      "capabilities are hidden: config space of 1 of 2 functions ends after its header, so ACS and PCIe port types are unknown",
    ],
    [256, undefined],
  ])("of %i bytes is said to users", (length, message) => {
    const { notes } = machine({
      config: space(length, header(0, { 52: [0x40, 1] })).map((byte, index) => (index === 0x40 ? 1 : byte)),
    });
    expect(notes.map((note) => note.message)).toEqual(message === undefined ? [] : [message]);
  });
});

describe("The files of a function", () => {
  const groups = {
    "sys/kernel/iommu_groups/0/type": "DMA\n",
    "sys/kernel/iommu_groups/0/devices/0000:00:01.0": "-> ../../../../devices/pci0000:00/0000:00:01.0",
  };

  test.each<[file: string, content: string, field: keyof PciFunction, expected: unknown]>([
    ["numa_node", "1\n", "numaNode", 1],
    ["numa_node", "0\n", "numaNode", 0],
    ["numa_node", "-1\n", "numaNode", null],
    ["numa_node", "none", "numaNode", unknown("no numa_node file")],
    ["dma_mask_bits", "48\n", "dmaMaskBits", 48],
    ["dma_mask_bits", "64 bits", "dmaMaskBits", unknown("no dma_mask_bits file")],
    ["iommu_group", "-> ../../../kernel/iommu_groups/17", "iommuGroup", 17],
    ["iommu_group", "-> ../../../kernel/iommu_groups/x", "iommuGroup", unknown("IOMMU group 'x' has no number")],
    ["iommu_group", "a file", "iommuGroup", unknown("the copy did not keep the link iommu_group")],
    ["driver", "-> ../../../bus/pci/drivers/nvme", "driver", "nvme"],
    ["physfn", "-> ../0000:01:00.1", "physicalFunction", at("01:00.1")],
    ["physfn", "-> ../nonsense", "physicalFunction", unknown("physfn points to 'nonsense'")],
    ["physfn", "a file", "physicalFunction", unknown("the copy did not keep the link physfn")],
  ])("%s %j", (file, content, field, expected) => {
    expect(read({ [file]: content }, groups)[field]).toEqual(expected);
  });

  test("that are not there", () => {
    const bare = read({}, groups);
    expect(bare).toMatchObject({
      numaNode: unknown("no numa_node file"),
      dmaMaskBits: unknown("no dma_mask_bits file"),
      iommuGroup: unknown("the copy does not show the members of all IOMMU groups"),
      p2pmem: null,
      physicalFunction: null,
      driver: unknown("the copy kept no link to any driver"),
    });
    expect(read({}).iommuGroup).toEqual(unknown("a copy does not show sys/kernel/iommu_groups"));
    // One driver anywhere shows that the copy kept them.
    const oneDriver = { [`${PORT}/driver`]: "-> ../../../bus/pci/drivers/pcieport" };
    expect(read({}, oneDriver).driver).toBeNull();
  });

  test("of a driver may be its name in uevent, where the copy has no link", () => {
    const uevent = "DRIVER=nvme\nPCI_CLASS=10802\n";
    expect(read({ uevent }).driver).toBe("nvme");
    expect(read({ uevent, driver: "a folder" }).driver).toBe("nvme");
    // Cut within the name.
    expect(isUnknown(read({ uevent: "PCI_CLASS=10802\nDRIVER=nv" }).driver)).toBe(true);
  });

  test("are not all that show the group: the group lists its members, and a list with holes is no proof", () => {
    const folder = "sys/kernel/iommu_groups";
    const group = (files: Record<string, string>): unknown => read({}, files).iommuGroup;
    const port = { [`${folder}/0/devices/0000:00:01.0`]: "-> x" };
    expect(group({ ...port, [`${folder}/1/devices/0000:01:00.0`]: "-> x" })).toBe(1);
    const hidden = unknown("the copy does not show the members of all IOMMU groups");
    // The group behind the last one may be what was lost.
    expect(group(port)).toEqual(hidden);
    expect(group({ ...port, [`${folder}/1/type`]: "DMA\n" })).toEqual(hidden);
    expect(group({ ...port, [`${folder}/2/devices/0000:05:00.0`]: "-> x" })).toEqual(hidden);
  });

  test("show that a function without ids of its own is virtual, and not of which", () => {
    const config = space(256, header(0, { 0: 0xffffffff }));
    expect(read({ config }).physicalFunction).toEqual(
      unknown("the copy did not keep the link physfn of a virtual function"),
    );
    expect(read({}).physicalFunction).toBeNull();
  });

  test.each<[name: string, files: Record<string, string>, bars: unknown]>([
    ["a resource file of zeros beside physfn", { physfn: "-> ../0000:01:00.1", resource: resources() }, "hidden"],
    ["one beside what was a link", { physfn: "a folder", resource: resources() }, "hidden"],
    ["one without either", { resource: resources() }, []],
    ["no resource file beside physfn", { physfn: "-> ../0000:01:00.1" }, "hidden"],
    [
      "a resource file with a BAR",
      { physfn: "-> ../0000:01:00.1", resource: resources(resource(0xfe800000, 0xfe8fffff, 0x200)) },
      [expect.objectContaining({ index: 0, sizeBytes: 0x100000 })],
    ],
  ])("of a virtual function, whose registers hold no BARs: %s", (_name, files, bars) => {
    const found = read({ config: space(256, header(0, {})), ...files }).bars;
    expect(found).toEqual(bars === "hidden" ? { unknown: expect.any(String) } : bars);
  });

  test("of a copy that ends at 256 bytes throughout, or is filled up behind them, do not show that there is no ACS", () => {
    const express: Registers = { ...standardList([0x40, 0x10]), 66: [2, 2] };
    const host: Registers = { 4: 6, 8: 0x06000001 };
    const acs = (device: Uint8Array, port: Uint8Array): unknown =>
      machine({ config: device }, { [`${PORT}/config`]: port as unknown as string }).functions.map((fn) =>
        isUnknown(fn.acs) ? "?" : fn.acs,
      );
    expect(acs(space(256, header(0, host)), space(256, header(1, { 4: 6 })))).toEqual([null, null]);
    expect(acs(space(256, header(0, express)), space(256, header(1, host)))).toEqual(["?", "?"]);
    expect(acs(space(4096, header(0, express)), space(4096, header(0, express)))).toEqual(["?", "?"]);
    const withSerial = space(4096, header(0, { ...express, 256: 0x00010003 }));
    expect(acs(space(4096, header(0, express)), withSerial)).toEqual([null, null]);
  });

  test.each(
    rows(`
      // size   | available | published | p2pmem: bytes, free, published
      16777216  | 16773120  | 1         | 16777216 16773120 yes
      16777216  | 0         | 0         | 16777216 0 no
      16777216  | -         | -         | 16777216 ? ?
      16777216  | x         | yes       | 16777216 ? ?
      -         | 0         | 1         | ?
    `),
  )("p2pmem of size %s, available %s, published %s: %s", (size = "", available = "", published = "", expected) => {
    const files = Object.entries({ size, available, published }).filter(([, text]) => text !== "-");
    const { p2pmem } = read({
      "p2pmem/uevent": "",
      ...Object.fromEntries(files.map(([name, text]) => [`p2pmem/${name}`, `${text}\n`])),
    });
    if (isUnknown(p2pmem)) return expect([p2pmem.unknown, expected]).toEqual(["no size file", "?"]);
    const text = (value: unknown): string =>
      isUnknown(value) ? "?" : value === true ? "yes" : value === false ? "no" : `${value}`;
    expect([p2pmem?.sizeBytes, p2pmem?.availableBytes, p2pmem?.published].map(text).join(" ")).toBe(expected);
  });

  test.each<[files: string[], names: string[]]>([
    [["nvme/nvme0/x"], ["nvme0"]],
    [
      ["nvme/nvme10/x", "nvme/nvme2/x", "nvme/nvme-subsys0/x"],
      ["nvme10", "nvme2"],
    ],
    [
      ["net/eth1/x", "net/eth0/x", "infiniband/mlx5_0/x"],
      ["mlx5_0", "eth0", "eth1"],
    ],
    [["drm/card1/x", "drm/renderD128/x", "drm/controlD64/x"], ["card1"]],
    [["accel/accel0/x", "accel/other/x"], ["accel0"]],
    [["virtio3/net/eth0/x", "virtio/net/eth9/x", "xvirtio1/net/eth8/x"], ["eth0"]],
    [["usb1/x"], []],
  ])("with %j is called %j", (files, names) => {
    expect(read(Object.fromEntries(files.map((file) => [file, ""]))).names).toEqual(names);
  });
});

describe("The place of a function", () => {
  const config = space(256, header(0));
  const places = (files: Record<string, string | Uint8Array>): string[] =>
    readSysfs(new Files(files)).functions.map(({ bdf, attachment }) => {
      if (isUnknown(attachment)) return `${formatBdf(bdf)} ?`;
      const above = attachment.upstream === null ? "-" : formatBdf(attachment.upstream);
      return `${formatBdf(bdf)} below ${above} on ${attachment.rootBus.toString(16)}`;
    });

  test.each<[name: string, link: string, expected: string[]]>([
    ["on a root bus", "pci0000:00/0000:01:00.0", ["0000:01:00.0 below - on 0"]],
    // What the path leads through is there, though the bus does not list it.
    [
      "below a port",
      "pci0000:40/0000:40:01.0/0000:01:00.0",
      ["0000:01:00.0 below 0000:40:01.0 on 40", "0000:40:01.0 below - on 40"],
    ],
    [
      "below two",
      "pci0000:40/0000:40:01.0/0000:41:00.0/0000:01:00.0",
      ["0000:01:00.0 below 0000:41:00.0 on 40", "0000:40:01.0 below - on 40", "0000:41:00.0 below 0000:40:01.0 on 40"],
    ],
    [
      "in another segment",
      "pci0001:00/0001:00:01.0/0000:01:00.0",
      ["0000:01:00.0 below 0001:00:01.0 on 100", "0001:00:01.0 below - on 100"],
    ],
    [
      "behind a VMD",
      "pci0000:00/0000:00:0e.0/pci10000:e0/0000:01:00.0",
      ["0000:00:0e.0 below - on 0", "0000:01:00.0 below - on 10000e0"],
    ],
    [
      "of a platform's host bridge",
      "platform/soc/1c00000.pcie/pci0004:00/0000:01:00.0",
      ["0000:01:00.0 below - on 400"],
    ],
    ["of no host bridge", "virtual/0000:01:00.0", ["0000:01:00.0 ?"]],
    ["outside of sysfs", "../../etc/0000:01:00.0", []],
  ])("%s", (_name, link, expected) => {
    const files = {
      "sys/bus/pci/devices/0000:01:00.0": `-> ../../../devices/${link}`,
      "sys/bus/pci/devices/nonsense": "-> ../../../devices/pci0000:00/nonsense",
      [`sys/devices/${link}/config`]: config,
    };
    expect(places(files)).toEqual(expected);
  });

  test("is found in folders that the bus does not list, and by paths to folders that are gone", () => {
    const files: Record<string, string | Uint8Array> = {
      "sys/bus/pci/devices/0000:02:00.0": "-> ../../../devices/pci0000:00/0000:00:01.0/0000:01:00.0/0000:02:00.0",
      "sys/devices/pci0000:00/0000:00:00.0/config": config,
      "sys/devices/pci0000:00/0000:00:01.0/0000:01:01.0/config": config,
    };
    expect(places(files)).toEqual([
      "0000:00:00.0 below - on 0",
      "0000:00:01.0 below - on 0",
      "0000:01:00.0 below 0000:00:01.0 on 0",
      "0000:01:01.0 below 0000:00:01.0 on 0",
      "0000:02:00.0 below 0000:01:00.0 on 0",
    ]);
    // A function that one path names has nothing else that is known.
    const gone = readSysfs(new Files(files)).functions[2];
    for (const field of ["vendorId", "acs", "express", "driver", "iommuGroup", "p2pmem", "physicalFunction"] as const)
      expect(isUnknown(gone?.[field] ?? null)).toBe(true);
  });

  test("is that of its own folder, where the copy has that beside one that took the place of the link", () => {
    const files = {
      "sys/bus/pci/devices/0000:40:00.0": "../../../devices/pci0000:40/0000:40:00.0",
      "sys/devices/pci0000:40/0000:40:00.0/config": config,
    };
    expect(places(files)).toEqual(["0000:40:00.0 below - on 40"]);
  });

  test("is hidden where a copy followed the links", () => {
    const files = { "sys/bus/pci/devices/0000:01:00.0/config": config };
    expect(places(files)).toEqual(["0000:01:00.0 ?"]);
    const followed = unknown("the copy replaced the links of sys/bus/pci/devices");
    expect(readSysfs(new Files(files)).hostBridges).toEqual(followed);
  });

  test("is found below sys/devices where a copy left the bus out", () => {
    expect(
      places({
        "sys/devices/pci0000:00/0000:00:01.0/config": config,
        "sys/devices/pci0000:00/0000:00:01.0/0000:01:00.0/config": config,
        "sys/devices/pci0000:00/0000:00:01.0/power/0000:02:00.0/config": config,
        "sys/devices/platform/soc/pci0004:00/0004:00:00.0/config": config,
        "sys/devices/virtual/pci0009:00/0009:00:00.0/config": config,
        "sys/devices/0000:07:00.0/config": config,
      }),
    ).toEqual(["0000:00:01.0 below - on 0", "0000:01:00.0 below 0000:00:01.0 on 0", "0004:00:00.0 below - on 400"]);
    expect(() => readSysfs(new Files({ "proc/iomem": "" }))).toThrow("a copy has no sys/bus/pci/devices");
  });

  test("gives each root bus a host bridge, with the NUMA node of the first function on it", () => {
    const files: Record<string, string | Uint8Array> = {
      "sys/devices/pci0000:40/0000:40:01.0/config": config,
      "sys/devices/pci0000:40/0000:40:01.0/numa_node": "1\n",
      "sys/devices/pci0000:00/0000:00:01.0/config": config,
    };
    expect(readSysfs(new Files(files)).hostBridges).toEqual([
      { rootBus: 0, windows: unknown("no proc/iomem"), numaNode: unknown("no numa_node file") },
      { rootBus: 0x40, windows: unknown("no proc/iomem"), numaNode: 1 },
    ]);
  });
});

describe("Modules that decide how drivers share memory", () => {
  const modulesOf = (files: Record<string, string>): unknown => machine({}, files).kernel.modules;

  test("are named with the versions and parameters that sysfs shows", () => {
    expect(
      modulesOf({
        "sys/module/nvidia/version": "580.65.06\n",
        "sys/module/amdgpu/parameters/pcie_p2p": "N\n",
        "sys/module/amdgpu/parameters/ppfeaturemask": "4294967295\n",
        "sys/module/nvme/version": "1.0\n",
      }),
    ).toEqual({
      nvidia: { version: "580.65.06", parameters: {} },
      amdgpu: { version: null, parameters: { pcie_p2p: "N" } },
    });
  });

  test("are none where others are loaded, and hidden where the tree shows no modules", () => {
    expect(modulesOf({ "sys/module/nvme/version": "1.0\n" })).toEqual({});
    expect(modulesOf({})).toBeUndefined();
  });
});

describe("The kernel's configuration", () => {
  const kernelOf = (config: string): Kernel =>
    machine({}, { "proc/sys/kernel/osrelease": "7.2.0\n", "boot/config-7.2.0": config }).kernel;

  test("says of every symbol that was looked for what it is", () => {
    const kernel = kernelOf(
      "# comment\nCONFIG_PCI=y\nCONFIG_PCI_P2PDMA=y\n# CONFIG_HSA_AMD_P2P is not set\nCONFIG_PROC_FS=y\n",
    );
    expect(kernel.config).toEqual({
      CONFIG_PCI_P2PDMA: "y",
      CONFIG_HSA_AMD_P2P: "n",
      CONFIG_INFINIBAND_ON_DEMAND_PAGING: "n",
    });
    expect(configSymbol(kernel, "CONFIG_PCI_P2PDMA")).toBe("y");
    expect(configSymbol(kernel, "CONFIG_DMABUF_MOVE_NOTIFY")).toBe("n");
    expect(configSymbol(kernel, "CONFIG_HSA_AMD_P2P")).toBe("n");
  });

  test("of an older snapshot says nothing of what was not looked for", () => {
    const kernel: Kernel = { release: "7.2", commandLine: "", config: { CONFIG_PCI_P2PDMA: "y" } };
    expect(configSymbol(kernel, "CONFIG_DMABUF_MOVE_NOTIFY")).toBe("n");
    expect(configSymbol(kernel, "CONFIG_HSA_AMD_P2P")).toEqual(
      unknown("the source was made without looking for CONFIG_HSA_AMD_P2P"),
    );
    expect(configSymbol({ ...kernel, config: unknown("no config") }, "CONFIG_PCI_P2PDMA")).toEqual(
      unknown("no config"),
    );
  });
});
