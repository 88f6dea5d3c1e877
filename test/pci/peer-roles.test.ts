import { describe, expect, test } from "vitest";
import { devicesOfInterest, selectDevices } from "../../src/host/select.ts";
import type { Bar } from "../../src/pci/bar.ts";
import { formatBdf } from "../../src/pci/bdf.ts";
import type { PciFunction } from "../../src/pci/function.ts";
import { isUnknown, unknown } from "../../src/pci/known.ts";
import {
  hasMemory,
  isEndpoint,
  isGpuWithoutMemory,
  isIntegratedGpu,
  mayBeClient,
  mayProvide,
  memoryOf,
  smallMemory,
  whyNoMemory,
} from "../../src/pci/peer-roles.ts";
import { endpoint, hostBridge, machineOf } from "../rules/by-hand.ts";

const hidden = unknown("hidden here");
const KiB = 2 ** 10;
const MiB = 2 ** 20;
const GiB = 2 ** 30;

function bar(index: number, sizeBytes: Bar["sizeBytes"], kind: Bar["kind"] = "memory"): Bar {
  return {
    ...{ index, kind, sizeBytes, is64Bit: true, prefetchable: true, fromEnhancedAllocation: false },
    ...{ busAddress: hidden, physAddress: hidden },
  };
}

const GPU = 0x030200;
const NIC = 0x020700;
const NVME = 0x010802;
const p2pmem = { sizeBytes: 1, availableBytes: 1, published: true };

const rows: readonly (readonly [
  name: string,
  parts: Partial<PciFunction>,
  mayProvide: boolean | "?",
  all: boolean | "?",
])[] = [
  ["a GPU", { classCode: GPU, bars: [bar(0, 16 * MiB)] }, true, true],
  ["a GPU whose BARs are hidden: it has some", { classCode: GPU, bars: hidden }, true, "?"],
  ["a GPU without a memory BAR", { classCode: GPU, bars: [bar(0, 128, "io")] }, false, false],
  ["a GPU with an expansion ROM alone", { classCode: GPU, bars: [bar(6, MiB)] }, false, false],
  ["what says GPU and has a bridge's header", { classCode: GPU, headerType: 1, bars: [bar(0, GiB)] }, false, false],
  ["a processing accelerator", { classCode: 0x120000, bars: [bar(0, 64 * KiB)] }, true, true],
  ["an FPGA that says memory", { classCode: 0x058000, bars: [bar(4, 128 * 1024 * MiB)] }, true, true],
  ["an FPGA that says communication", { classCode: 0x070001, bars: [bar(0, 64 * MiB)] }, true, true],
  ["an FPGA without a class", { classCode: 0xff0000, bars: [bar(0, 1024 * MiB)] }, true, true],
  ["a memory controller with registers only", { classCode: 0x058000, bars: [bar(0, MiB)] }, false, true],
  ["a NIC: registers", { classCode: NIC, bars: [bar(0, 32 * MiB)] }, false, true],
  ["a NIC with peer memory", { classCode: NIC, bars: [bar(0, 32 * MiB)], p2pmem }, true, true],
  ["an SSD by its registers", { classCode: NVME, bars: [bar(0, 16 * KiB)], p2pmem: hidden }, false, true],
  [
    "an SSD with a BAR for a buffer",
    { classCode: NVME, bars: [bar(0, 16 * KiB), bar(4, 512 * MiB)], p2pmem: hidden },
    true,
    true,
  ],
  [
    "2 MiB are the least of which Linux makes pages",
    { classCode: NVME, bars: [bar(2, 2 * MiB)], p2pmem: hidden },
    true,
    true,
  ],
  ["and 1 MiB is less", { classCode: NVME, bars: [bar(2, MiB)], p2pmem: hidden }, false, true],
  ["an SSD of hidden BARs", { classCode: NVME, bars: hidden, p2pmem: hidden }, "?", "?"],
  ["an SSD with a BAR of hidden size", { classCode: NVME, bars: [bar(0, hidden)], p2pmem: hidden }, "?", true],
  [
    "an SSD with a BAR of hidden size beside its registers",
    { classCode: NVME, bars: [bar(0, 16 * KiB), bar(2, hidden)], p2pmem: hidden },
    "?",
    true,
  ],
  [
    "an SSD whose driver is known and what it registered is not",
    { classCode: NVME, bars: [bar(4, 512 * MiB)], driver: "nvme", p2pmem: hidden },
    true,
    true,
  ],
  ["an SSD whose driver found no buffer", { classCode: NVME, bars: [bar(4, 512 * MiB)], driver: "nvme" }, false, true],
  ["an SSD whose driver is hidden", { classCode: NVME, bars: [bar(4, 512 * MiB)], driver: hidden }, "?", true],
  ["an SSD that another driver has", { classCode: NVME, bars: [bar(4, 512 * MiB)], driver: "vfio-pci" }, true, true],
  ["an SSD with a registered buffer", { classCode: NVME, bars: [bar(2, MiB)], driver: "nvme", p2pmem }, true, true],
  ["a sound card", { classCode: 0x040300, bars: [bar(0, 16 * KiB)] }, false, true],
  ["an unknown class", { classCode: hidden, bars: [bar(0, 256 * MiB)] }, "?", "?"],
  ["a bridge", { classCode: 0x060400, headerType: 1, bars: [bar(0, 256 * MiB)] }, false, false],
  ["a host bridge", { classCode: 0x060000, bars: [bar(0, 256 * MiB)] }, false, false],
  ["an ISA bridge", { classCode: 0x060100, bars: [bar(0, MiB)] }, false, false],
];

const answer = (known: ReturnType<typeof mayProvide>): boolean | "?" => (isUnknown(known) ? "?" : known);

test.each(rows)("%s", (_, parts, provides, memory) => {
  const fn = endpoint("01:00.0", parts);
  expect([answer(mayProvide(fn)), answer(hasMemory(fn))]).toEqual([provides, memory]);
});

const registers = (sizeBytes: Bar["sizeBytes"]): Bar => ({ ...bar(0, sizeBytes), prefetchable: false });

test.each<[name: string, parts: Partial<PciFunction>, expected: boolean]>([
  ["a GPU with memory", { classCode: GPU, bars: [registers(16 * MiB), bar(1, 256 * MiB)] }, false],
  ["a GPU with registers alone", { classCode: GPU, bars: [registers(16 * MiB)] }, true],
  ["2 MiB are the least", { classCode: GPU, bars: [bar(1, 2 * MiB)] }, false],
  ["and 1 MiB is less", { classCode: GPU, bars: [bar(1, MiB)] }, true],
  ["a size that is hidden may be any", { classCode: GPU, bars: [bar(1, hidden)] }, false],
  ["a GPU whose BARs are hidden", { classCode: GPU, bars: hidden }, false],
  ["a GPU without a memory BAR, which is said otherwise", { classCode: GPU, bars: [] }, false],
  ["a GPU whose driver registered memory all the same", { classCode: GPU, bars: [bar(1, MiB)], p2pmem }, false],
  ["a NIC", { classCode: NIC, bars: [registers(16 * MiB)] }, false],
])("GPUs without memory: %s", (_, parts, expected) => {
  expect(isGpuWithoutMemory(endpoint("01:00.0", parts))).toBe(expected);
});

test.each<[name: string, address: string, parts: Partial<PciFunction>, provides: boolean]>([
  ["Intel's processor", "00:02.0", { vendorId: 0x8086, deviceId: 0xa780 }, false],
  ["a virtual function of it", "00:02.1", { vendorId: 0x8086, deviceId: 0xa780 }, false],
  ["a card below a port", "03:00.0", { vendorId: 0x8086, deviceId: 0xe20b }, true],
  ["a card that is given to a guest", "00:02.0", { vendorId: 0x8086, deviceId: 0x56a0 }, true],
  ["another vendor's", "00:02.0", { vendorId: 0x10de, deviceId: 0x2330 }, true],
])("a GPU of %s at %s may provide: %s", (_, address, parts, provides) => {
  const fn = endpoint(address, { classCode: GPU, bars: [registers(16 * MiB), bar(2, 256 * MiB)], ...parts });
  expect(mayProvide(fn)).toBe(provides);
  if (!provides) expect(whyNoMemory(fn)).toBe("no memory of its own");
});

test.each<[name: string, first: number, last: number]>([
  ["DG1", 0x4905, 0x4909],
  ["DG2's servers", 0x4f80, 0x4f8f],
  ["DG2", 0x5690, 0x56ff],
  ["Ponte Vecchio, bridges", 0x0b69, 0x0b6e],
  ["Ponte Vecchio", 0x0bd0, 0x0be5],
  ["Battlemage", 0xe200, 0xe2ff],
  ["Crescent Island", 0x6740, 0x675f],
])("where a processor has its GPU, ids of Intel's cards are none: %s", (_, first, last) => {
  const integrated = [first - 1, first, last, last + 1].map((deviceId) =>
    isIntegratedGpu(endpoint("00:02.0", { classCode: GPU, vendorId: 0x8086, deviceId })),
  );
  expect(integrated).toEqual([true, false, false, true]);
});

test.each<[address: string, parts: Partial<PciFunction>, expected: boolean]>([
  ["00:02.0", {}, true],
  ["00:02.7", {}, true],
  ["00:01.0", {}, false],
  ["00:03.0", {}, false],
  ["01:02.0", {}, false],
  ["0001:00:02.0", {}, false],
  ["00:02.0", { vendorId: 0x1002 }, false],
  ["00:02.0", { vendorId: hidden }, false],
  ["00:02.0", { deviceId: hidden }, false],
  ["00:02.0", { classCode: 0x040300 }, false],
])("a GPU of Intel's processors stands at 00:02: %s %j", (address, parts, expected) => {
  const fn = endpoint(address, { classCode: GPU, vendorId: 0x8086, deviceId: 0xa780, ...parts });
  expect(isIntegratedGpu(fn)).toBe(expected);
});

test.each<[name: string, bars: PciFunction["bars"], expected: number | null]>([
  ["the largest of two", [bar(0, MiB), bar(2, 64 * KiB)], MiB],
  ["a hidden size is none", [registers(MiB)], null],
  ["memory enough is not small", [bar(0, 2 * MiB)], null],
  ["hidden BARs", hidden, null],
])("memory of a GPU too small for pages: %s", (_, bars, expected) => {
  expect(smallMemory(endpoint("01:00.0", { classCode: GPU, bars }))).toBe(expected);
});

test("why it is not known whether an SSD has a buffer", () => {
  const reason = unknown("the source does not show whether it has a controller memory buffer");
  for (const bars of [hidden, [bar(0, hidden)]]) {
    expect(mayProvide(endpoint("01:00.0", { classCode: NVME, bars, p2pmem: hidden }))).toEqual(reason);
  }
});

test.each<[name: string, parts: Partial<PciFunction>, expected: boolean | "?"]>([
  ["its header", { headerType: 0, classCode: 0x060400 }, true],
  ["a bridge's header", { headerType: 1, classCode: NVME }, false],
  ["no bus numbers", { headerType: hidden, bridge: null, classCode: 0x060400 }, true],
  [
    "bus numbers",
    { headerType: hidden, bridge: { primary: 0, secondary: 1, subordinate: 1, windows: [] }, classCode: NVME },
    false,
  ],
  ["the class of a drive", { headerType: hidden, bridge: hidden, classCode: NVME }, true],
  ["the class of a PCI bridge", { headerType: hidden, bridge: hidden, classCode: 0x060400 }, false],
  ["the class of a host bridge", { headerType: hidden, bridge: hidden, classCode: 0x060000 }, true],
  ["the class of an ISA bridge", { headerType: hidden, bridge: hidden, classCode: 0x060100 }, true],
  ["the class of another bridge", { headerType: hidden, bridge: hidden, classCode: 0x068000 }, "?"],
  ["nothing", { headerType: hidden, bridge: hidden, classCode: hidden }, "?"],
])("an endpoint or none by %s", (_, parts, expected) => {
  expect(answer(isEndpoint(endpoint("01:00.0", parts)))).toBe(expected);
});

test.each<[words: string, parts: Partial<PciFunction>]>([
  ["registers only", { classCode: GPU, bars: hidden }],
  ["no memory BAR", { classCode: GPU, bars: [] }],
  ["no memory BAR", { classCode: NVME, bars: [bar(0, 128, "io")] }],
  ["no controller memory buffer", { classCode: NVME, bars: [bar(0, 16 * KiB)] }],
  ["registers only", { classCode: NIC, bars: [bar(0, 16 * KiB)] }],
  ["registers only", { classCode: GPU, bars: [registers(16 * MiB)] }],
  ["too small a BAR", { classCode: GPU, bars: [registers(16 * MiB), bar(2, MiB)] }],
])("why there is none: %s", (words, parts) => {
  expect(whyNoMemory(endpoint("01:00.0", parts))).toBe(words);
});

test.each<[name: string, parts: Partial<PciFunction>, pool: unknown, largestBar: unknown]>([
  ["registers and a buffer that is registered", { bars: [bar(0, 16 * KiB), bar(4, 64 * MiB)], p2pmem }, 1, 64 * MiB],
  ["the larger one first", { bars: [bar(0, 64 * MiB), bar(2, 16 * KiB)], p2pmem: null }, null, 64 * MiB],
  ["no BAR", { bars: [], p2pmem: null }, null, null],
  ["an I/O BAR alone", { bars: [bar(0, 128, "io")], p2pmem: null }, null, null],
  ["a BAR of hidden size", { bars: [bar(0, 64 * MiB), bar(2, hidden)], p2pmem: null }, null, hidden],
  ["all hidden", { bars: hidden, p2pmem: hidden }, hidden, hidden],
])("what there is for peers: %s", (_, parts, pool, largestBar) => {
  expect(memoryOf(endpoint("01:00.0", parts))).toEqual({ pool, largestBar });
});

test.each<[name: string, parts: Partial<PciFunction>, expected: boolean | "?"]>([
  ["an endpoint", {}, true],
  ["a bridge by its header", { headerType: 1, classCode: NVME }, false],
  ["a bridge by its class", { headerType: hidden, bridge: hidden, classCode: 0x060400 }, false],
  ["a host bridge", { classCode: 0x060000 }, false],
  ["an ISA bridge whose header is hidden", { headerType: hidden, bridge: hidden, classCode: 0x060100 }, false],
  ["another bridge whose header is hidden", { headerType: hidden, bridge: hidden, classCode: 0x068000 }, "?"],
  ["nothing but an address", { headerType: hidden, bridge: hidden, classCode: hidden }, "?"],
])("as a client: %s", (_, parts, expected) => {
  expect(answer(mayBeClient(endpoint("01:00.0", parts)))).toBe(expected);
});

describe("The devices of a matrix", () => {
  const machine = machineOf([
    hostBridge("00:00.0", "8086:09a2"),
    endpoint("00:1f.0", { classCode: 0x060100, bars: [bar(0, MiB)] }),
    endpoint("01:00.0", { classCode: GPU, bars: [bar(0, 256 * MiB)] }),
    endpoint("02:00.0", { classCode: NIC, bars: [bar(0, 32 * MiB)] }),
    endpoint("03:00.0", { classCode: NVME, bars: [bar(0, 16 * KiB)] }),
    endpoint("04:00.0", { classCode: NVME, bars: [bar(0, 16 * KiB)], p2pmem }),
    endpoint("05:00.0", { classCode: NVME, bars: hidden, p2pmem: hidden }),
    endpoint("06:00.0", { classCode: 0x040300, bars: [bar(0, 16 * KiB)] }),
    endpoint("07:00.0", { classCode: 0x120000, bars: [bar(0, GiB)] }),
  ]);
  const buses = (list: readonly Parameters<typeof formatBdf>[0][]): string =>
    list.map((bdf) => formatBdf(bdf).slice(5, 7)).join(" ");

  test("by default: clients are devices of interest, providers those that may have memory for peers", () => {
    const { providers, clients } = selectDevices(machine, { all: false });
    expect([buses(providers), buses(clients)]).toEqual(["01 04 07", "01 02 03 04 05 07"]);
    expect(clients).toEqual(devicesOfInterest(machine));
  });

  test("where none may have memory for peers, each has its row", () => {
    const functions = machine.functions.filter(({ bdf }) => !["01", "04", "07"].includes(buses([bdf])));
    const { providers, clients } = selectDevices({ ...machine, functions }, { all: false });
    expect([buses(providers), buses(clients)]).toEqual(["02 03 05", "02 03 05"]);
  });

  test("with all: whatever has a memory BAR or hides whether it has, and everything but bridges", () => {
    const { providers, clients } = selectDevices(machine, { all: true });
    expect([buses(providers), buses(clients)]).toEqual(["01 02 03 04 05 06 07", "01 02 03 04 05 06 07"]);
  });
});
