import { describe, expect, test } from "vitest";
import { answer } from "../../src/answers/answer.ts";
import type { Gate } from "../../src/answers/gate.ts";
import { machineGates } from "../../src/answers/gates.ts";
import type { IommuMode, Machine } from "../../src/host/machine.ts";
import { isTranslating } from "../../src/host/machine.ts";
import { busAddr, physAddr } from "../../src/pci/addresses.ts";
import type { Bar } from "../../src/pci/bar.ts";
import type { BridgeRegisters } from "../../src/pci/bridge.ts";
import type { PciFunction } from "../../src/pci/function.ts";
import { memoryBars } from "../../src/pci/function.ts";
import { isUnknown, unknown } from "../../src/pci/known.ts";
import type { ResizableBar } from "../../src/pci/resizable-bar.ts";
import { formatSize } from "../../src/pci/size.ts";
import type { Sriov } from "../../src/pci/sriov.ts";
import { rows } from "../rows.ts";
import { at, bridge, endpoint, hostBridge, ids, linux, machineOf, oneSwitch, zen } from "../rules/by-hand.ts";

type Driver = PciFunction["driver"];

const hidden = unknown("hidden here");
const MiB = 2 ** 20;
const GiB = 2 ** 30;

/** A memory BAR of 16 MiB, on the bus 1 GiB below where the CPU sees it. */
function bar(parts: Partial<Bar> = {}): Bar {
  return {
    index: 0,
    kind: "memory",
    is64Bit: true,
    prefetchable: true,
    busAddress: busAddr(3 * GiB),
    physAddress: physAddr(4 * GiB),
    sizeBytes: 16 * MiB,
    fromEnhancedAllocation: false,
    ...parts,
  };
}

interface Setting {
  /** Parts of the function whose memory is used, 03:00.0. */
  readonly provider?: Partial<PciFunction>;
  /** Parts of the function that reads and writes it. */
  readonly client?: Partial<PciFunction>;
  readonly machine?: Partial<Machine>;
}

/** Where the client sits: below the provider's switch, below another root port, or in the very same function. */
type Pair = "bus-addr" | "thru-host-bridge" | "not-supported" | "same function";

/** Gates without what tells several of one kind apart. */
function gates(setting: Setting, pair: Pair = "bus-addr"): readonly Gate[] {
  return allGates(setting, pair).map(({ about: _, ...gate }) => gate);
}

function allGates(setting: Setting, pair: Pair): readonly Gate[] {
  const { provider, client, machine } = setting;
  const functions = [
    ...oneSwitch(),
    endpoint("03:00.0", { bars: [bar()], ...provider }),
    endpoint("04:00.0", client),
    bridge("00:02.0", "root-port", 5),
    endpoint("05:00.0", client),
  ];
  const whom = pair === "same function" ? "03:00.0" : pair === "bus-addr" ? "04:00.0" : "05:00.0";
  const cpu = pair === "not-supported" ? {} : { cpu: zen };
  const found = answer(machineOf(functions, { ...cpu, ...machine }), at("03:00.0"), at(whom));
  expect(found.mapType).toBe(pair === "same function" ? "bus-addr" : pair);
  return found.gates;
}

const kinds = (found: readonly Gate[]): string => found.map(({ kind }) => kind).join(" ");

test("A pair of a sound machine has no gate", () => {
  for (const pair of ["bus-addr", "thru-host-bridge", "not-supported", "same function"] as const) {
    expect(gates({}, pair)).toEqual([]);
  }
});

describe("The provider's BARs", () => {
  const name = "0000:03:00.0";
  const noBar = `${name} has no memory BAR: it has nothing to provide`;
  const noAddress = (index: number): string =>
    `BAR ${index} of ${name} has no address: firmware or kernel found no space for it`;
  const decodeOff = `memory decode of ${name} is off: it answers to none of its BARs until a driver enables it`;

  test.each<[name: string, provider: Partial<PciFunction>, kind: string, messages: string[]]>([
    ["a memory BAR", { bars: [bar()] }, "", []],
    ["none", { bars: [] }, "bar-missing", [noBar]],
    ["hidden ones", { bars: hidden }, "", []],
    ["an I/O BAR only", { bars: [bar({ kind: "io" })] }, "bar-missing", [noBar]],
    ["the expansion ROM only, which is no BAR", { bars: [bar({ index: 6 })] }, "bar-missing", [noBar]],
    ["the last BAR only", { bars: [bar({ index: 5 })] }, "", []],
    ["no bus address", { bars: [bar({ busAddress: null })] }, "bar-unassigned", [noAddress(0)]],
    ["no CPU address", { bars: [bar({ physAddress: null })] }, "bar-unassigned", [noAddress(0)]],
    ["hidden addresses", { bars: [bar({ busAddress: hidden, physAddress: hidden })] }, "", []],
    ["an address of 0, which is one", { bars: [bar({ busAddress: busAddr(0) })] }, "", []],
    [
      "one of two without an address",
      { bars: [bar(), bar({ index: 2, busAddress: null })] },
      "bar-unassigned",
      [noAddress(2)],
    ],
    [
      "an I/O BAR without an address beside it",
      { bars: [bar(), bar({ index: 2, kind: "io", busAddress: null })] },
      "",
      [],
    ],
    ["an expansion ROM without an address beside it", { bars: [bar(), bar({ index: 6, busAddress: null })] }, "", []],
    ["memory decode off", { command: 0x0405 }, "memory-decode-off", [decodeOff]],
    ["memory decode on and all else off", { command: 0x0002 }, "", []],
    ["a hidden command register", { command: hidden }, "", []],
    ["memory decode off, and no BAR", { command: 0, bars: [] }, "bar-missing", [noBar]],
    ["memory decode off, and hidden BARs", { command: 0, bars: hidden }, "", []],
  ])("%s", (_name, provider, kind, messages) => {
    const found = gates({ provider });
    expect(kinds(found)).toBe(kind);
    expect(found).toMatchObject(
      messages.map((message) => ({ kind, device: at("03:00.0"), effect: "blocks", message })),
    );
    // The client's BARs are never looked at.
    const { bars, command } = provider;
    const client = { ...(bars === undefined ? {} : { bars }), ...(command === undefined ? {} : { command }) };
    expect(gates({ client })).toEqual([]);
    // They count whatever the map type is.
    expect(kinds(gates({ provider }, "thru-host-bridge"))).toBe(kind);
    expect(kinds(gates({ provider }, "not-supported"))).toBe(kind);
  });

  test("are the memory BARs 0 to 5", () => {
    const all = [bar(), bar({ index: 1, kind: "io" }), bar({ index: 5 }), bar({ index: 6 })];
    expect(memoryBars(endpoint("03:00.0", { bars: all }))).toEqual([bar(), bar({ index: 5 })]);
    expect(memoryBars(endpoint("03:00.0", { bars: hidden }))).toBeUndefined();
  });
});

describe("A virtual function", () => {
  const on: Sriov = {
    totalVfs: 8,
    numVfs: 1,
    firstVfOffset: 1,
    vfStride: 1,
    vfDeviceId: 0x1234,
    vfMemoryEnable: true,
  };
  const { vfMemoryEnable: _, ...hiding } = on;
  const off = "VF MSE of 0000:03:00.0 is off: none of its virtual functions answers to its BARs";

  test.each<[name: string, sriov: PciFunction["sriov"], virtual: Partial<PciFunction>, message?: string]>([
    ["of one whose VF MSE is on", on, {}],
    ["of one whose VF MSE is off", { ...on, vfMemoryEnable: false }, {}, off],
    ["of one that hides VF MSE", hiding, {}],
    ["of one that hides its SR-IOV capability", hidden, {}],
    ["of one without the capability", null, {}],
    ["with a memory decode of its own, which is none", on, { command: 0 }],
    [
      "without a BAR",
      { ...on, vfMemoryEnable: false },
      { bars: [] },
      "0000:03:00.1 has no memory BAR: it has nothing to provide",
    ],
    ["with hidden BARs", { ...on, vfMemoryEnable: false }, { bars: hidden }],
    ["or what may be one", { ...on, vfMemoryEnable: false }, { physicalFunction: hidden, command: 0 }],
  ])("%s", (_name, sriov, virtual, ...messages) => {
    const functions = [
      ...oneSwitch(),
      endpoint("03:00.0", { sriov, bars: [bar()] }),
      endpoint("03:00.1", { physicalFunction: at("03:00.0"), bars: [bar()], ...virtual }),
      endpoint("04:00.0"),
    ];
    const found = answer(machineOf(functions), at("03:00.1"), at("04:00.0"));
    const whose = (message: string): object =>
      message === off
        ? { kind: "vf-memory-off", device: at("03:00.0") }
        : { kind: "bar-missing", device: at("03:00.1") };
    expect(found.gates).toEqual(messages.map((message = "") => ({ ...whose(message), effect: "blocks", message })));
  });

  test("of a physical function that the source lacks is left alone", () => {
    const functions = [
      hostBridge("00:00.0", "8086:29c0"),
      bridge("00:01.0", "root-port", 1),
      endpoint("01:00.1", { physicalFunction: at("01:00.0"), bars: [bar()] }),
      bridge("00:02.0", "root-port", 2),
      endpoint("02:00.0"),
    ];
    expect(answer(machineOf(functions), at("01:00.1"), at("02:00.0")).gates).toEqual([]);
  });
});

describe("A provider whose BARs hold registers", () => {
  const PROVIDERS: Readonly<Record<string, Partial<PciFunction>>> = {
    "nvme, nvme": { driver: "nvme" },
    "nvme, none": { driver: null },
    "nvme, hidden": { driver: hidden },
    "nvme, vfio-pci": { driver: "vfio-pci" },
    "nvme, snap": { driver: "snap" },
    "nvme, nvme, p2pmem hidden": { driver: "nvme", p2pmem: hidden },
    "nvme, nvme, with a BAR for a buffer": { driver: "nvme", bars: [bar({ prefetchable: false })], p2pmem: hidden },
    "nvme, nvme, no memory BAR": { driver: "nvme", bars: [bar({ kind: "io" })] },
    "nic, mlx5_core": { classCode: 0x020000, driver: "mlx5_core" },
    "nic, none": { classCode: 0x020000, driver: null },
    "nic, mlx5_core, p2pmem hidden": { classCode: 0x020000, driver: "mlx5_core", p2pmem: hidden },
    "gpu, amdgpu": { classCode: 0x030000, vendorId: 0x1002, driver: "amdgpu" },
    "gpu, amdgpu, p2pmem hidden": { classCode: 0x030000, vendorId: 0x1002, driver: "amdgpu", p2pmem: hidden },
    "gpu, amdgpu, with memory": {
      classCode: 0x030000,
      vendorId: 0x1002,
      driver: "amdgpu",
      bars: [bar({ sizeBytes: GiB })],
    },
    "serial, foo": { classCode: 0x070000, driver: "foo" },
    "accelerator, xdma": { classCode: 0x120000, driver: "xdma" },
    "hidden class, foo": { classCode: hidden, driver: "foo" },
  };
  const CLIENTS: Readonly<Record<string, Partial<PciFunction>>> = {
    nvme: { driver: "nvme" },
    mlx5_core: { classCode: 0x020000, driver: "mlx5_core" },
    "vfio-pci": { driver: "vfio-pci" },
    uio: { driver: "uio_pci_generic" },
    hidden: { classCode: 0x020000, driver: hidden },
  };

  test.each(
    rows(`
      // provider                           | client    | about                       | doubt: - where it is sure
      nvme, nvme                            | nvme      | no controller memory buffer | -
      nvme, nvme                            | mlx5_core | no controller memory buffer | -
      nvme, nvme                            | vfio-pci  | no controller memory buffer | -
      nvme, nvme                            | hidden    | no controller memory buffer | -
      nvme, nvme                            | uio       |                             |             // a program maps any BAR
      nvme, nvme, p2pmem hidden             | nvme      | no controller memory buffer | -           // no BAR is large enough
      nvme, nvme, with a BAR for a buffer   | nvme      |                             |
      nvme, nvme, no memory BAR             | nvme      |                             |             // said by bar-missing
      nvme, none                            | nvme      | no controller memory buffer | -
      nvme, none                            | vfio-pci  | no controller memory buffer | no driver is bound to the provider
      nvme, hidden                          | nvme      |                             |             // perhaps vfio-pci
      nvme, vfio-pci                        | mlx5_core |                             |             // a dma-buf of any BAR
      nvme, vfio-pci                        | nvme      | no controller memory buffer | what vfio-pci shares was not read
      nvme, snap                            | nvme      | no controller memory buffer | what snap shares was not read
      nvme, snap                            | uio       |                             |
      nic, mlx5_core                        | mlx5_core |                             |             // RDMA NICs export their registers
      nic, mlx5_core                        | nvme      | registers only              | nothing was read of how nvme would reach memory of mlx5_core
      nic, mlx5_core                        | hidden    | registers only              | the client's driver: hidden here
      nic, none                             | nvme      | registers only              | no driver is bound to the provider
      nic, mlx5_core, p2pmem hidden         | mlx5_core |                             |
      gpu, amdgpu                           | nvme      | registers only              | -
      gpu, amdgpu                           | mlx5_core | registers only              | -
      gpu, amdgpu                           | uio       |                             |
      gpu, amdgpu, p2pmem hidden            | nvme      | registers only              | hidden here
      gpu, amdgpu, with memory              | nvme      |                             |
      serial, foo                           | nvme      | registers only              | drivers of such devices may share what was not read of
      serial, foo                           | uio       |                             |
      accelerator, xdma                     | nvme      |                             |             // accelerators have memory
      hidden class, foo                     | nvme      |                             |
    `),
  )("%s for %s", (provider = "", client = "", about = "", doubt = "") => {
    const functions = [
      ...oneSwitch(),
      endpoint("03:00.0", { bars: [bar({ prefetchable: false, sizeBytes: 65536 })], ...PROVIDERS[provider] }),
      endpoint("04:00.0", CLIENTS[client]),
    ];
    const found = answer(machineOf(functions), at("03:00.0"), at("04:00.0")).gates;
    const said = `0000:03:00.0 has ${about}: its BARs hold registers, and no memory for peers`;
    const isSure = doubt === "-";
    const gate = {
      ...({ kind: "registers-only", device: at("03:00.0"), effect: "blocks", about } as const),
      message: isSure ? said : `${said}, as far as the source shows`,
      ...(isSure ? {} : { doubt }),
    };
    expect(found.filter(({ kind }) => kind === "registers-only")).toEqual(about === "" ? [] : [gate]);
  });

  test("a GPU whose largest memory BAR is too small for pages is not said to have registers alone", () => {
    const gpu = { classCode: 0x030200, bars: [bar({ prefetchable: true, sizeBytes: 2 ** 20 })], driver: "amdgpu" };
    const [gate] = gates({ provider: gpu }).filter(({ kind }) => kind === "registers-only");
    expect(gate?.message).toContain(
      "has no memory for peers: its largest memory BAR has 1 MiB, and Linux makes pages in units of 2 MiB",
    );
  });

  test("is no matter to itself", () => {
    const found = gates({ provider: { bars: [bar({ prefetchable: false, sizeBytes: 65536 })] } }, "same function");
    expect(found).toEqual([]);
  });
});

describe("A client that is no bus master", () => {
  const [off, memory] = [0, 2];
  test.each<[name: string, command: number | null, driver: Driver, isGate: boolean]>([
    ["with a driver that should have turned it on", off, "mlx5_core", true],
    ["with memory decode", memory, "nvme", true],
    ["without a driver, which would turn it on", off, null, false],
    ["of a driver that leaves it to a guest", off, "vfio-pci", false],
    ["of a driver that leaves it to a program", off, "uio_pci_generic", false],
    ["of a driver that is hidden", off, hidden, false],
    ["or may be one, as the register is hidden", null, "nvme", false],
    ["bus master", 4, "nvme", false],
  ])("%s", (_name, command, driver, isGate) => {
    const parts = { command: command ?? hidden, driver };
    const wanted = isGate ? ["bus-master-off"] : [];
    // VFIO has a gate of its own where no IOMMU is on.
    const machine: Partial<Machine> = { iommu: { kind: "intel", mode: "passthrough", groupTypes: new Map() } };
    const found = gates({ client: parts, machine });
    expect(found.map(({ kind }) => kind)).toEqual(wanted);
    expect(found.every(({ effect }) => effect === "blocks")).toBe(true);
    // A provider issues nothing.
    expect(gates({ provider: { driver, p2pmem: hidden, command: (command ?? off) | 2 }, machine })).toEqual([]);
    // No request of a function goes out to itself.
    expect(gates({ client: parts, provider: parts }, "same function").map(({ kind }) => kind)).not.toContain(
      "bus-master-off",
    );
  });
});

describe("A bridge on the way", () => {
  const [off, master, memory] = [0, 4, 2];

  test.each<
    [
      name: string,
      upper: number | null,
      lower: number | null,
      providerDriver: Driver,
      clientDriver: Driver,
      device: string,
    ]
  >([
    ["both off, above the provider", off, null, "nvme", "nvme", "02:00.0"],
    ["memory decode off, above the provider", master, null, "nvme", "nvme", "02:00.0"],
    ["no bus master, above the provider", memory, null, "nvme", "nvme", ""],
    ["both off, above the client", null, off, "nvme", "nvme", "02:01.0"],
    ["no bus master, above the client", null, memory, "nvme", "nvme", "02:01.0"],
    ["memory decode off, above the client", null, master, "nvme", "nvme", ""],
    ["off above a provider without a driver, which would turn it on", off, null, null, "nvme", ""],
    ["off above a client without a driver", null, off, "nvme", null, ""],
    ["off, and hidden drivers", off, off, hidden, hidden, ""],
    ["hidden registers", null, null, "nvme", "nvme", ""],
  ])("%s", (_name, upper, lower, providerDriver, clientDriver, device) => {
    const found = answer(
      machineOf(
        [
          hostBridge("00:00.0", "8086:29c0"),
          bridge("00:01.0", "root-port", 1, { command: off }),
          // The two meet here: no request passes it.
          bridge("01:00.0", "upstream-port", 2, { command: off }),
          bridge("02:00.0", "downstream-port", 3, { command: upper ?? hidden }),
          bridge("02:01.0", "downstream-port", 4, { command: lower ?? hidden }),
          endpoint("03:00.0", { bars: [bar()], driver: providerDriver }),
          endpoint("04:00.0", { driver: clientDriver }),
        ],
        { cpu: zen },
      ),
      at("03:00.0"),
      at("04:00.0"),
    ).gates.filter(({ kind }) => kind === "bridge-decode-off");
    expect(found.map((gate) => gate.device)).toEqual(device === "" ? [] : [at(device)]);
    expect(found.every(({ effect }) => effect === "blocks")).toBe(true);
  });

  test("says what the bridge does not pass on, and to whom", () => {
    const found = answer(
      machineOf(
        [
          hostBridge("00:00.0", "8086:29c0"),
          bridge("00:01.0", "root-port", 1, { command: 0 }),
          endpoint("01:00.0", { bars: [bar()], driver: "nvme" }),
          bridge("00:02.0", "root-port", 2, { command: 0 }),
          endpoint("02:00.0", { driver: "nvme" }),
        ],
        { cpu: zen },
      ),
      at("01:00.0"),
      at("02:00.0"),
    ).gates.filter(({ kind }) => kind === "bridge-decode-off");
    expect(found.map(({ message }) => message)).toEqual([
      "memory decode of the bridge 0000:00:01.0 is off: no request reaches 0000:01:00.0, although a driver is bound to it",
      "the bridge 0000:00:02.0 is no bus master: it passes on no request of 0000:02:00.0, although a driver is bound to it",
    ]);
  });

  test("is none where the source hides what is above the client: the two may meet at that bridge", () => {
    const found = answer(
      machineOf([
        hostBridge("00:00.0", "8086:29c0"),
        bridge("00:01.0", "root-port", 1, { command: off }),
        bridge("01:00.0", "upstream-port", 2, { command: off }),
        bridge("02:00.0", "downstream-port", 3, { command: off }),
        endpoint("03:00.0", { bars: [bar()], driver: "nvme" }),
        endpoint("04:00.0", { driver: "nvme" }),
      ]),
      at("03:00.0"),
      at("04:00.0"),
    );
    expect(found.mapType).toBe("unknown");
    expect(found.gates.filter(({ kind }) => kind === "bridge-decode-off")).toEqual([]);
  });
});

describe("Resizable BAR", () => {
  const sized = (
    currentBytes: ResizableBar["currentBytes"],
    supportedBytes: ResizableBar["supportedBytes"],
  ): ResizableBar => ({
    barIndex: 2,
    currentBytes,
    supportedBytes,
  });

  test.each<[name: string, bars: PciFunction["resizableBars"], small: boolean]>([
    ["below its largest size", [sized(256 * MiB, [256 * MiB, 8 * GiB, 32 * GiB])], true],
    ["one step below", [sized(16 * GiB, [16 * GiB, 32 * GiB])], true],
    ["at its largest size", [sized(32 * GiB, [256 * MiB, 32 * GiB])], false],
    ["beyond what it lists", [sized(64 * GiB, [256 * MiB, 32 * GiB])], false],
    ["that lists no size", [sized(256 * MiB, [])], false],
    ["of hidden size", [sized(hidden, [32 * GiB])], false],
    ["of hidden sizes", [sized(256 * MiB, hidden)], false],
    ["hidden", hidden, false],
    ["absent", [], false],
  ])("%s", (_name, resizableBars, small) => {
    const message =
      /^BAR 2 of 0000:03:00\.0 is (256 MiB|16 GiB) of 32 GiB: peers reach only that part until Resizable BAR is turned on$/;
    const found = gates({ provider: { resizableBars } });
    expect(found).toEqual(
      small
        ? [
            {
              kind: "resizable-bar-small",
              device: at("03:00.0"),
              effect: "warns",
              message: expect.stringMatching(message),
            },
          ]
        : [],
    );
    expect(gates({ client: { resizableBars } })).toEqual([]);
  });
});

describe("The client's DMA mask", () => {
  /** The BAR lies at 3 GiB on the bus, 4 GiB for the CPU, and has 16 MiB. */
  test.each(
    rows(`
      // bits | driver | pair             | IOMMU       | gate
      31      | nvme   | bus-addr         | off         | yes  // 3 GiB is beyond 2 GiB
      32      | nvme   | bus-addr         | off         | no   // ends below 4 GiB
      32      | nvme   | thru-host-bridge | off         | yes  // begins at 4 GiB
      33      | nvme   | thru-host-bridge | off         | no
      32      | nvme   | thru-host-bridge | passthrough | yes  // no IOVA stands in
      32      | nvme   | thru-host-bridge | strict      | no   // an IOVA does
      32      | nvme   | thru-host-bridge | lazy        | no
      32      | nvme   | thru-host-bridge | ?           | yes
      31      | nvme   | bus-addr         | strict      | yes  // a bus address is no IOVA
      31      | nvme   | not-supported    | off         | no   // nothing is mapped
      31      | nvme   | same function    | off         | no   // no TLP leaves it
      31      | -      | bus-addr         | off         | no   // the default of 32 bits says nothing of the device
      31      | ?      | bus-addr         | off         | no
      ?       | nvme   | bus-addr         | off         | no
      64      | nvme   | thru-host-bridge | off         | no
    `),
  )("of %s bits, driver %s, %s, IOMMU %s: %s", (bits, driver, pair = "", mode, gate) => {
    const dmaMaskBits = bits === "?" ? hidden : Number(bits);
    const found = gates(
      {
        client: { dmaMaskBits, driver: driver === "?" ? hidden : driver === "-" ? null : (driver ?? "") },
        provider: pair === "same function" ? { dmaMaskBits, driver: "nvme" } : {},
        machine: { iommu: iommu(mode ?? "") },
      },
      pair as Pair,
    ).filter(({ kind }) => kind !== "iommu-translates");
    const [client, end] = pair === "bus-addr" ? ["04:00.0", "0xc1000000"] : ["05:00.0", "0x101000000"];
    const message = `BAR 0 of 0000:03:00.0 ends at ${end}, beyond the ${bits} address bits of 0000:${client}`;
    expect(found).toEqual(
      gate === "yes"
        ? [expect.objectContaining({ kind: "beyond-dma-mask", device: at(client), effect: "blocks", message })]
        : [],
    );
  });

  const resizable = [{ barIndex: 0, currentBytes: 16 * GiB, supportedBytes: [256 * MiB, 16 * GiB] }];
  test.each<
    [name: string, bits: number, sizeBytes: number, isResizable: boolean, isFinal: true | undefined, way: RegExp]
  >([
    ["below 4 GiB", 32, 1 * GiB, false, undefined, /^turn 'Above 4G Decoding' off/],
    ["nowhere, as it is too large for 32 bits", 32, 2 * GiB, false, true, /^none: .* take a client whose driver/],
    [
      "nowhere as it is, and as a smaller one below 4 GiB",
      32,
      16 * GiB,
      true,
      true,
      /^none: .* 256 MiB of it would: then turn/,
    ],
    ["nowhere, as memory begins below", 31, 16 * MiB, false, true, /^none: a BAR of 16 MiB does not fit within 31/],
    ["lower", 40, 512 * GiB, false, undefined, /^lower 'MMIO High Base'/],
    ["nowhere, as it takes all that 40 bits reach", 40, 1024 * GiB, false, true, /^none: a BAR of 1 TiB/],
  ])("may lie %s", (_name, bits, sizeBytes, isResizable, isFinal, way) => {
    const [gate] = gates(
      {
        client: { dmaMaskBits: bits, driver: "nvme" },
        provider: {
          bars: [bar({ busAddress: busAddr(2 ** bits), sizeBytes })],
          resizableBars: isResizable ? resizable : [],
        },
        machine: { iommu: iommu("off") },
      },
      "bus-addr",
    ).filter(({ kind }) => kind === "beyond-dma-mask");
    expect(gate?.isFinal).toBe(isFinal);
    expect(gate?.remedy).toMatch(way);
  });

  const client = { dmaMaskBits: 32, driver: "nvme" };
  test.each<[name: string, bars: PciFunction["bars"], count: number]>([
    ["ends at the last byte that it reaches", [bar({ busAddress: busAddr(4 * GiB - 16 * MiB) })], 0],
    ["ends one byte beyond", [bar({ busAddress: busAddr(4 * GiB - 16 * MiB), sizeBytes: 16 * MiB + 1 })], 1],
    ["has no address", [bar({ busAddress: null })], 0],
    ["has no address and more bytes than it reaches", [bar({ busAddress: null, sizeBytes: 8 * GiB })], 0],
    ["has a hidden address", [bar({ busAddress: hidden })], 0],
    ["has a hidden size", [bar({ busAddress: busAddr(8 * GiB), sizeBytes: hidden })], 0],
    ["is an I/O BAR", [bar(), bar({ index: 1, kind: "io", busAddress: busAddr(8 * GiB) })], 0],
    ["is the expansion ROM", [bar(), bar({ index: 6, busAddress: busAddr(8 * GiB) })], 0],
    ["is one of two", [bar({ busAddress: busAddr(8 * GiB) }), bar({ index: 2, busAddress: busAddr(9 * GiB) })], 2],
    ["is hidden", hidden, 0],
  ])("and a BAR that %s", (_name, bars, count) => {
    const found = gates({ provider: { bars }, client }).filter(({ kind }) => kind === "beyond-dma-mask");
    expect(found).toHaveLength(count);
  });
});

function iommu(mode: string): Machine["iommu"] {
  if (mode === "off") return { kind: "none", mode, groupTypes: new Map() };
  return { kind: "intel", mode: mode === "?" ? hidden : (mode as IommuMode), groupTypes: new Map() };
}

describe("The IOMMU", () => {
  test.each(
    rows(`
      // mode     | pair             | gate
      off         | bus-addr         | no
      passthrough | bus-addr         | no
      strict      | bus-addr         | yes
      lazy        | bus-addr         | yes
      ?           | bus-addr         | no
      strict      | thru-host-bridge | no   // by an IOVA, as it wants
      lazy        | thru-host-bridge | no
      strict      | not-supported    | no
      strict      | same function    | no
    `),
  )("in mode %s, %s: %s", (mode = "", pair, gate) => {
    const found = gates({ machine: { iommu: iommu(mode) } }, pair as Pair);
    const message =
      `the IOMMU translates (${mode}) and the DMA address is a bus address: a switch that sends peer traffic up ` +
      "all the same meets an IOMMU fault, and the data is lost without an error; test with real data, or use iommu=pt";
    expect(found).toEqual(gate === "yes" ? [{ kind: "iommu-translates", device: null, effect: "warns", message }] : []);
    expect(isTranslating(mode)).toBe(mode === "strict" || mode === "lazy");
  });
});

describe("The kernel", () => {
  const tooOld = (release: string): string =>
    `Linux ${release} has no P2PDMA, below a switch or elsewhere: it came with 4.20`;
  const builtWithout = (name: string): string =>
    `${name} is built without CONFIG_PCI_P2PDMA: no driver that asks the kernel can register or map peer memory`;
  const on = { CONFIG_PCI_P2PDMA: "y" };

  test.each<[name: string, kernel: Partial<Machine["kernel"]>, messages: string[]]>([
    ["7.2 with P2PDMA", { release: "7.2.12", config: on }, []],
    ["7.2 without P2PDMA", { release: "7.2.12", config: { CONFIG_PCI: "y" } }, [builtWithout("7.2.12")]],
    ["7.2 of hidden configuration", { release: "7.2.12", config: hidden }, []],
    ["4.20", { release: "4.20.0", config: hidden }, []],
    ["4.19", { release: "4.19.316", config: hidden }, [tooOld("4.19.316")]],
    ["4.19 without P2PDMA", { release: "4.19", config: {} }, [tooOld("4.19"), builtWithout("4.19")]],
    ["3.10", { release: "3.10.0-1160", config: hidden }, [tooOld("3.10.0-1160")]],
    ["a hidden release", { release: hidden, config: hidden }, []],
    ["a hidden release without P2PDMA", { release: hidden, config: {} }, [builtWithout("this kernel")]],
    ["no release at all", { release: "custom", config: on }, []],
  ])("%s", (_name, kernel, messages) => {
    const machine = { kernel: { ...linux("7.2"), ...kernel } };
    const expected = messages.map((message) => ({
      kind: "kernel-without-p2pdma",
      device: null,
      effect: "blocks",
      message,
    }));
    expect(machineGates(machineOf([], machine))).toEqual(expected);
    // 4.19 and older have no rules, so that no pair is anything else.
    const isOld = messages.includes(tooOld(String(kernel.release)));
    const pair = isOld || isUnknown(kernel.release ?? "") || kernel.release === "custom" ? "not-supported" : "bus-addr";
    if (pair === "bus-addr") expect(gates({ machine })).toEqual(expected);
  });

  test.each<[name: string, commandLine: string | null, drivers: Driver[], isTold: boolean]>([
    ["the IOMMU off beside a device that a guest is to have", "iommu=off", ["nvme", "vfio-pci"], true],
    ["off beside none", "iommu=off", ["nvme", null], false],
    ["off beside one that hides its driver", "iommu=off", [hidden, null], false],
    ["on beside one", "iommu=pt", ["vfio-pci"], false],
    ["a hidden command line beside one", null, ["vfio-pci"], false],
  ])("may turn what VFIO wants off: %s", (_name, commandLine, drivers, isTold) => {
    const functions = drivers.map((driver, index) => endpoint(`0${index + 1}:00.0`, { driver }));
    const kernel = { ...linux("7.2"), commandLine: commandLine ?? hidden };
    const message =
      "'iommu=off' and VFIO exclude each other on x86: without an IOMMU there are no groups, and no device can be given to a guest";
    const remedy = "leave it out; iommu=pt is for a host whose own devices are to go untranslated";
    const gate = { kind: "kernel-parameter-misread", device: null, effect: "warns", message, remedy };
    expect(machineGates(machineOf(functions, { kernel }))).toEqual(isTold ? [gate] : []);
  });

  test("has words that do nothing, which are told with what does", () => {
    const found = gates({ machine: { kernel: linux("7.2", "pci=noacs") } });
    expect(found).toMatchObject([
      {
        kind: "kernel-parameter-misread",
        device: null,
        effect: "warns",
        message: expect.stringContaining("noacs"),
        remedy: expect.stringContaining("disable_acs_redir"),
      },
    ]);
  });

  test("may have read a parameter otherwise than it was meant", () => {
    const commandLine = "pci=disable_acs_redir=00:01.0,00:02.0";
    const message =
      "the kernel reads '00:02.0' as an option of its own and ignores it: devices are separated by ';', not ','";
    const expected = [{ kind: "kernel-parameter-misread", device: null, effect: "warns", message }];
    expect(gates({ machine: { kernel: linux("7.2", commandLine) } })).toEqual(expected);
    expect(gates({ machine: { kernel: { ...linux("7.2"), commandLine: hidden } } })).toEqual([]);
  });
});

describe("A root port that keeps its ACS registers elsewhere", () => {
  const SUNRISE_POINT = "8086:a167";
  test.each<[name: string, port: string, mode: IommuMode | "hidden", commandLine: string, isTold: boolean]>([
    ["an IOMMU that translates", SUNRISE_POINT, "strict", "", true],
    ["one that does not", SUNRISE_POINT, "passthrough", "", true],
    ["no IOMMU", SUNRISE_POINT, "off", "", false],
    ["a hidden one", SUNRISE_POINT, "hidden", "", false],
    ["a parameter for this port", SUNRISE_POINT, "strict", "pci=disable_acs_redir=00:1b.0", false],
    ["a parameter for another", SUNRISE_POINT, "strict", "pci=disable_acs_redir=00:1c.0", true],
    ["a port of another family", "8086:a340", "strict", "", false],
  ])("with %s", (_name, port, mode, commandLine, isTold) => {
    const functions = [
      hostBridge("00:00.0", "8086:191f"),
      bridge("00:1b.0", "root-port", 1, ids(port)),
      endpoint("01:00.0", { bars: [bar()], multifunction: true }),
      endpoint("01:00.1", { multifunction: true }),
    ];
    const machine = machineOf(functions, {
      kernel: linux("7.2", commandLine),
      iommu: { kind: "intel", mode: mode === "hidden" ? hidden : mode, groupTypes: new Map() },
    });
    const found = answer(machine, at("01:00.0"), at("01:00.1"));
    expect(found.mapType).toBe("bus-addr");
    const told = found.gates.filter(({ kind }) => kind === "acs-registers-elsewhere");
    const message =
      "the verdict and the hardware differ: 0000:00:1b.0 keeps its ACS registers where the specification does not. With an " +
      "IOMMU the kernel turns redirection on in those, and decides by the standard one, which says off: requests go up to " +
      "the root complex all the same";
    const gate = { kind: "acs-registers-elsewhere", device: at("00:1b.0"), effect: "warns", message };
    expect(told).toEqual(isTold ? [gate] : []);
  });
});

test("Nothing is said of ACS registers elsewhere where the port is not what both go through", () => {
  const spt = ids("8086:a167");
  const functions = [
    hostBridge("00:00.0", "8086:191f"),
    bridge("00:1b.0", "root-port", 1, spt),
    bridge("01:00.0", "upstream-port", 2),
    bridge("02:00.0", "downstream-port", 3),
    bridge("02:01.0", "downstream-port", 4),
    endpoint("03:00.0", { bars: [bar()] }),
    endpoint("04:00.0"),
    bridge("00:1c.0", "root-port", 5),
    endpoint("05:00.0"),
  ];
  const machine = machineOf(functions, {
    cpu: zen,
    iommu: { kind: "intel", mode: "passthrough", groupTypes: new Map() },
  });
  for (const [client, mapType] of [
    ["04:00.0", "bus-addr"],
    ["05:00.0", "thru-host-bridge"],
    ["03:00.0", "bus-addr"],
  ] as const) {
    const found = answer(machine, at("03:00.0"), at(client));
    expect(found.mapType).toBe(mapType);
    expect(kinds(found.gates)).toBe("");
  }
});

describe("A guest", () => {
  const qemu = { vendorId: 0x1b36, deviceId: 0x0010 };
  const real = { vendorId: 0x144d, deviceId: 0xa80a };
  const message =
    "this is a virtual machine (KVM; shown by lscpu): its kernel decides by the bus that the hypervisor emulates; the real " +
    "path between devices that were passed through (switches, root complex, IOMMU) is the host's: look there";
  const gate = { kind: "virtual-machine", device: null, effect: "warns", message };
  test.each<[name: string, provider: Partial<PciFunction>, client: Partial<PciFunction>, pair: Pair, gates: object[]]>([
    ["of two devices that were passed through", real, real, "bus-addr", [gate]],
    ["of one that is emulated", qemu, real, "bus-addr", [gate]],
    ["of another that is emulated", real, qemu, "bus-addr", [gate]],
    ["of two that are emulated", qemu, qemu, "bus-addr", []],
    ["of one whose ids are hidden", { ...real, vendorId: hidden }, qemu, "bus-addr", [gate]],
    ["of a function with itself", real, real, "same function", []],
  ])("%s", (_name, provider, client, pair, expected) => {
    const machine = { guestOf: { hypervisor: "KVM", shownBy: "lscpu" } } as const;
    expect(gates({ provider, client, machine }, pair)).toEqual(expected);
  });
});

test("Gates stand in one order: machine, BARs, sizes, mask, IOMMU", () => {
  const found = gates({
    provider: {
      bars: [bar({ busAddress: busAddr(8 * GiB) }), bar({ index: 2, busAddress: null })],
      command: 0,
      resizableBars: [{ barIndex: 0, currentBytes: 16 * MiB, supportedBytes: [16 * MiB, GiB] }],
    },
    client: { dmaMaskBits: 32, driver: "nvme" },
    machine: {
      kernel: { release: "7.2", commandLine: "disable_acs_redir=00:01.0", config: {} },
      iommu: iommu("strict"),
    },
  });
  expect(kinds(found)).toBe(
    "kernel-without-p2pdma kernel-parameter-misread bar-unassigned memory-decode-off resizable-bar-small beyond-dma-mask iommu-translates",
  );
});

test.each([
  [0, "0 B"],
  [1, "1 B"],
  [1023, "1023 B"],
  [1024, "1 KiB"],
  [1536, "1.5 KiB"],
  [MiB - 1, "1024.0 KiB"],
  [MiB, "1 MiB"],
  [16 * MiB - 65536, "15.9 MiB"],
  [32 * GiB, "32 GiB"],
  [2 ** 47, "128 TiB"],
  [2 ** 50, "1 PiB"],
  [2 ** 60, "1024 PiB"],
])("%i bytes are %s", (bytes, text) => {
  expect(formatSize(bytes)).toBe(text);
});

describe("A bridge window too small for a BAR is named, with its size", () => {
  const window = (size: number, kind: "prefetchable" | "memory" = "prefetchable"): { bridge: BridgeRegisters } => ({
    bridge: {
      primary: 0,
      secondary: 1,
      subordinate: 1,
      windows: [
        { kind: "memory" as const, start: busAddr(2 * GiB), size: 16 * MiB },
        { kind, start: busAddr(64 * GiB), size },
      ],
    },
  });
  const sizes = Array.from({ length: 8 }, (_, position) => 2 ** (28 + position));
  const gpu = (address: string, currentBytes: number, start: number | null): PciFunction =>
    endpoint(address, {
      bars: [
        bar({
          index: 1,
          sizeBytes: currentBytes,
          busAddress: start === null ? null : busAddr(start),
          physAddress: start === null ? null : physAddr(start),
        }),
      ],
      resizableBars: [{ barIndex: 1, currentBytes, supportedBytes: sizes }],
    });
  const decided = (other: number, one: PciFunction, above = window(288 * MiB)): readonly Gate[] => {
    const functions = [
      hostBridge("00:00.0", "8086:29c0"),
      bridge("00:01.0", "root-port", 1, above),
      one,
      bridge("00:02.0", "root-port", 2),
      gpu("02:00.0", other, 1024 * GiB),
    ];
    return answer(machineOf(functions, { cpu: zen }), at("01:00.0"), at("02:00.0")).gates;
  };

  test("where Resizable BAR is on, as another device's shows, the window is the cause", () => {
    expect(decided(32 * GiB, gpu("01:00.0", 256 * MiB, 64 * GiB))).toMatchObject([
      {
        kind: "bridge-window-small",
        device: at("00:01.0"),
        effect: "warns",
        message:
          "BAR 1 of 0000:01:00.0 is 256 MiB of 32 GiB: the prefetchable window of 0000:00:01.0 (288 MiB) cannot hold more; " +
          "Resizable BAR itself is on (BAR 1 of 0000:02:00.0 has 32 GiB)",
      },
    ]);
  });

  test("where nothing shows that it is on, both are named", () => {
    const [gate, ...others] = decided(256 * MiB, gpu("01:00.0", 256 * MiB, 64 * GiB));
    expect(others).toEqual([]);
    expect(gate?.kind).toBe("resizable-bar-small");
    expect(gate?.message).toBe(
      "BAR 1 of 0000:01:00.0 is 256 MiB of 32 GiB: peers reach only that part until Resizable BAR is turned on, " +
        "and the prefetchable window of 0000:00:01.0 (288 MiB) made larger",
    );
  });

  test("a BAR lies in a window of a kind that may hold it: one that is not prefetchable in a memory window only", () => {
    const { bridge: registers } = window(288 * MiB);
    const io = { kind: "io" as const, start: busAddr(64 * GiB), size: 4096 };
    const windows = isUnknown(registers.windows) ? [] : registers.windows;
    const above = { bridge: { ...registers, windows: [io, ...windows] } };
    const plain = (fn: PciFunction): PciFunction => ({
      ...fn,
      bars: isUnknown(fn.bars) ? fn.bars : fn.bars.map((one) => ({ ...one, prefetchable: false })),
    });
    const cause = (one: PciFunction): string | undefined =>
      /the \w+ window of \S+ \([^)]+\)/.exec(decided(32 * GiB, one, above)[0]?.message ?? "")?.[0];
    // An I/O window at the same address is none of them.
    expect(cause(gpu("01:00.0", 256 * MiB, 64 * GiB))).toBe("the prefetchable window of 0000:00:01.0 (288 MiB)");
    expect(cause(plain(gpu("01:00.0", 256 * MiB, 64 * GiB)))).toBeUndefined();
    expect(cause(plain(gpu("01:00.0", 256 * MiB, 2 * GiB)))).toBe("the memory window of 0000:00:01.0 (16 MiB)");
    // Without an address it is the largest of those.
    expect(cause(plain(gpu("01:00.0", 256 * MiB, null)))).toBe("the memory window of 0000:00:01.0 (16 MiB)");
    expect(cause(gpu("01:00.0", 32 * GiB, null))).toBe("the prefetchable window of 0000:00:01.0 (288 MiB)");
  });

  test.each<[name: string, windows: BridgeRegisters["windows"], cause: string | undefined]>([
    [
      "a window as large as the BAR may be",
      [{ kind: "prefetchable", start: busAddr(64 * GiB), size: 32 * GiB }],
      undefined,
    ],
    ["hidden windows", hidden, undefined],
    ["no window", [], undefined],
    ["a window that begins at the BAR", [{ kind: "memory", start: busAddr(64 * GiB), size: GiB }], "memory 1 GiB"],
    ["one that begins behind it", [{ kind: "memory", start: busAddr(64 * GiB + MiB), size: GiB }], undefined],
    ["one that ends before it", [{ kind: "memory", start: busAddr(63 * GiB), size: GiB }], undefined],
    ["one in whose midst it lies", [{ kind: "memory", start: busAddr(63 * GiB), size: 2 * GiB }], "memory 2 GiB"],
  ])("%s", (_name, windows, cause) => {
    const above = { bridge: { primary: 0, secondary: 1, subordinate: 1, windows } };
    const { message = "" } = decided(32 * GiB, gpu("01:00.0", 256 * MiB, 64 * GiB), above)[0] ?? {};
    const [, kind, size] = /the (\w+) window of \S+ \(([^)]+)\)/.exec(message) ?? [];
    expect(kind === undefined ? undefined : `${kind} ${size}`).toBe(cause);
  });

  test("the smallest of several windows above is named, whichever comes first", () => {
    const named = (outer: PciFunction["bridge"], inner: PciFunction["bridge"], bars?: PciFunction["bars"]): string => {
      const one = gpu("03:00.0", 256 * MiB, 64 * GiB);
      const functions = [
        hostBridge("00:00.0", "8086:29c0"),
        bridge("00:01.0", "root-port", 1, { bridge: outer }),
        bridge("01:00.0", "upstream-port", 2, { bridge: inner }),
        bridge("02:00.0", "downstream-port", 3),
        bars === undefined ? one : { ...one, bars },
        bridge("00:02.0", "root-port", 5),
        endpoint("05:00.0"),
      ];
      const [gate] = answer(machineOf(functions, { cpu: zen }), at("03:00.0"), at("05:00.0")).gates;
      return /the .* window of \S+ \([^)]+\)/.exec(gate?.message ?? "")?.[0] ?? "";
    };
    const of = (secondary: number, size: number): BridgeRegisters => ({
      primary: secondary - 1,
      secondary,
      subordinate: 3,
      windows: [{ kind: "prefetchable", start: busAddr(64 * GiB), size }],
    });
    const [outer, inner] = ["the prefetchable window of 0000:00:01.0", "the prefetchable window of 0000:01:00.0"];
    expect(named(of(1, 512 * MiB), of(2, 256 * MiB))).toBe(`${inner} (256 MiB)`);
    expect(named(of(1, 256 * MiB), of(2, 512 * MiB))).toBe(`${outer} (256 MiB)`);
    expect(named(of(1, 512 * MiB), of(2, 512 * MiB))).toBe(`${inner} (512 MiB)`);
    // A BAR that hides its address may lie in any.
    const unseen = [bar({ index: 1, busAddress: hidden, physAddress: hidden, sizeBytes: 256 * MiB })];
    expect(named(of(1, 512 * MiB), of(2, 256 * MiB), unseen)).toBe("");
    // Where one of both addresses is hidden, the other one tells.
    const physical = [bar({ index: 1, busAddress: hidden, physAddress: physAddr(64 * GiB), sizeBytes: 256 * MiB })];
    expect(named(of(1, 512 * MiB), of(2, 256 * MiB), physical)).toBe(`${inner} (256 MiB)`);
  });

  test.each<[name: string, bars: PciFunction["resizableBars"], isOn: boolean]>([
    ["all it can be", [{ barIndex: 1, currentBytes: GiB, supportedBytes: [256 * MiB, GiB] }], true],
    [
      "the second of two",
      [
        { barIndex: 0, currentBytes: 16 * MiB, supportedBytes: [16 * MiB] },
        { barIndex: 1, currentBytes: GiB, supportedBytes: [256 * MiB, GiB] },
      ],
      true,
    ],
    ["the only size that it has", [{ barIndex: 1, currentBytes: GiB, supportedBytes: [GiB] }], false],
    ["less than it can be", [{ barIndex: 1, currentBytes: GiB, supportedBytes: [256 * MiB, GiB, 2 * GiB] }], false],
    [
      "what such BARs have anyway",
      [{ barIndex: 1, currentBytes: 256 * MiB, supportedBytes: [128 * MiB, 256 * MiB] }],
      false,
    ],
    ["a hidden size", [{ barIndex: 1, currentBytes: hidden, supportedBytes: [256 * MiB, GiB] }], false],
    ["hidden sizes", [{ barIndex: 1, currentBytes: GiB, supportedBytes: hidden }], false],
    ["a hidden capability", hidden, false],
  ])("another BAR shows that Resizable BAR is on by %s", (_name, resizableBars, isOn) => {
    const functions = [
      hostBridge("00:00.0", "8086:29c0"),
      bridge("00:01.0", "root-port", 1, window(288 * MiB)),
      gpu("01:00.0", 256 * MiB, 64 * GiB),
      bridge("00:02.0", "root-port", 2),
      endpoint("02:00.0", { resizableBars }),
    ];
    const [gate] = answer(machineOf(functions, { cpu: zen }), at("01:00.0"), at("02:00.0")).gates;
    expect(gate?.kind).toBe(isOn ? "bridge-window-small" : "resizable-bar-small");
  });

  test("its own BAR does not show it, nor does a scenario, whose windows are laid out around the BARs", () => {
    const both: PciFunction["resizableBars"] = [
      { barIndex: 1, currentBytes: 256 * MiB, supportedBytes: [256 * MiB, 32 * GiB] },
      { barIndex: 3, currentBytes: GiB, supportedBytes: [256 * MiB, GiB] },
    ];
    const functions = [
      hostBridge("00:00.0", "8086:29c0"),
      bridge("00:01.0", "root-port", 1, window(288 * MiB)),
      { ...gpu("01:00.0", 256 * MiB, 64 * GiB), resizableBars: both },
      bridge("00:02.0", "root-port", 2),
      endpoint("02:00.0"),
    ];
    const told = (parts: Partial<Machine> = {}): readonly Gate[] =>
      answer(machineOf(functions, { cpu: zen, ...parts }), at("01:00.0"), at("02:00.0")).gates;
    expect(told()).toMatchObject([
      { kind: "resizable-bar-small", message: expect.stringContaining("window of 0000:00:01.0 (288 MiB) made larger") },
    ]);
    const [gate] = told({ source: { format: "scenario", name: "by hand" } });
    expect(gate?.message).toBe(
      "BAR 1 of 0000:01:00.0 is 256 MiB of 32 GiB: peers reach only that part until Resizable BAR is turned on",
    );
  });

  test("a Resizable BAR without a BAR or without sizes", () => {
    const told = (parts: Partial<PciFunction>): readonly Gate[] => gates({ provider: parts });
    const sizes = [{ barIndex: 2, currentBytes: 16 * MiB, supportedBytes: [16 * MiB, GiB] }];
    const message =
      "BAR 2 of 0000:03:00.0 is 16 MiB of 1 GiB: peers reach only that part until Resizable BAR is turned on";
    expect(told({ resizableBars: sizes })).toMatchObject([{ kind: "resizable-bar-small", message }]);
    expect(told({ resizableBars: sizes, bars: hidden })).toMatchObject([{ kind: "resizable-bar-small", message }]);
    expect(told({ resizableBars: [{ barIndex: 0, currentBytes: 0, supportedBytes: [] }] })).toEqual([]);
  });

  test("a window that holds the BAR is no cause", () => {
    const [gate] = decided(32 * GiB, gpu("01:00.0", 256 * MiB, 64 * GiB), window(64 * GiB));
    expect(gate?.message).toBe(
      "BAR 1 of 0000:01:00.0 is 256 MiB of 32 GiB: peers reach only that part until Resizable BAR is turned on",
    );
  });

  test("it is why a BAR has no address, where it is smaller; else there was no space", () => {
    const one = endpoint("01:00.0", { bars: [bar({ sizeBytes: 32 * GiB, busAddress: null, physAddress: null })] });
    expect(decided(32 * GiB, one)).toMatchObject([
      {
        kind: "bridge-window-small",
        device: at("00:01.0"),
        effect: "blocks",
        message:
          "BAR 0 of 0000:01:00.0 has no address: the prefetchable window of 0000:00:01.0 (288 MiB) cannot hold 32 GiB",
      },
    ]);
    expect(kinds(decided(32 * GiB, one, window(64 * GiB)))).toBe("bar-unassigned");
  });
});
