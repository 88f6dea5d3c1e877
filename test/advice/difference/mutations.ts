import type { FunctionFact } from "../../../src/advice/difference/function-facts.ts";
import type { MachineFact } from "../../../src/advice/difference/machine-facts.ts";
import type {
  Cpu,
  HostBridge,
  HostBridgeWindow,
  Iommu,
  Kernel,
  KernelModule,
  Machine,
} from "../../../src/host/machine.ts";
import { type Acs, PCI_ACS_CR, PCI_ACS_RR } from "../../../src/pci/acs.ts";
import { busAddr, physAddr } from "../../../src/pci/addresses.ts";
import type { Bar } from "../../../src/pci/bar.ts";
import type { Bdf } from "../../../src/pci/bdf.ts";
import type { BridgeRegisters, BridgeWindow } from "../../../src/pci/bridge.ts";
import type { Capability } from "../../../src/pci/capability.ts";
import type { ExpressRegisters, LinkState, PciExpress } from "../../../src/pci/express.ts";
import type { Attachment, P2pmem, PciFunction } from "../../../src/pci/function.ts";
import { isUnknown, type Known, unknown } from "../../../src/pci/known.ts";
import type { ResizableBar } from "../../../src/pci/resizable-bar.ts";
import type { Sriov } from "../../../src/pci/sriov.ts";

/**
 * What a field that was changed alone is shown as: a fact, a word of its own (`moves`: renumbered, moved, replaced, added,
 * removed; `another`: these, or other ids), groups; or why nothing need be shown where no answer differs.
 */
export type Shows =
  | { readonly fact: FunctionFact | MachineFact }
  | { readonly word: "moves" | "another" | "groups" }
  | { readonly nothing: string };

/** One field changed to another valid value; `undefined` where a value has no such field to change. */
export interface Mutation<T> {
  readonly change: (value: T) => T | undefined;
  readonly shows: Shows;
}

/** A change for each field: a new field of the type does not compile until it has one. */
type Fields<T> = { readonly [Key in keyof T]-?: readonly Mutation<T>[] };

type KnownPart<T> = Exclude<T, { readonly unknown: string } | null | undefined>;

const fact = (name: FunctionFact | MachineFact): Shows => ({ fact: name });
const moves: Shows = { word: "moves" };
const another: Shows = { word: "another" };
const nothing = (why: string): Shows => ({ nothing: why });

function to<T>(shows: Shows, change: (value: T) => T | undefined): readonly Mutation<T>[] {
  return [{ change, shows }];
}

/** Changes of a part of a value, where it is known and there. */
function within<T, Key extends keyof T>(key: Key, fields: Fields<KnownPart<T[Key]>>): readonly Mutation<T>[] {
  return Object.values<readonly Mutation<KnownPart<T[Key]>>[]>(fields).flatMap((mutations) =>
    mutations.map(
      ({ change, shows }): Mutation<T> => ({
        shows,
        change: (value) => {
          const part = value[key];
          if (part === null || part === undefined || isUnknown(part as Known<unknown>)) return undefined;
          const changed = change(part as KnownPart<T[Key]>);
          return changed === undefined ? undefined : { ...value, [key]: changed };
        },
      }),
    ),
  );
}

/** Changes of the first entry of a list. */
function ofFirst<T, Key extends keyof T, Item>(
  key: Key & (T[Key] extends Known<readonly Item[]> ? Key : never),
  fields: Fields<Item>,
): readonly Mutation<T>[] {
  return Object.values<readonly Mutation<Item>[]>(fields).flatMap((mutations) =>
    mutations.map(
      ({ change, shows }): Mutation<T> => ({
        shows,
        change: (value) => {
          const list = value[key] as Known<readonly Item[]>;
          if (isUnknown(list) || list[0] === undefined) return undefined;
          const changed = change(list[0]);
          return changed === undefined ? undefined : { ...value, [key]: [changed, ...list.slice(1)] };
        },
      }),
    ),
  );
}

const plus = (value: Known<number>, by: number): Known<number> => (isUnknown(value) ? value : value + by);

const bar = {
  index: to(fact("bars"), (value) => ({ ...value, index: 4 })),
  kind: to(fact("bars"), (value) => ({ ...value, kind: "io" })),
  is64Bit: to(fact("bars"), (value) => ({ ...value, is64Bit: !value.is64Bit })),
  prefetchable: to(fact("bars"), (value) => ({ ...value, prefetchable: !value.prefetchable })),
  busAddress: [
    ...to<Bar>(fact("bar-addresses"), (value) => ({ ...value, busAddress: busAddr(0x7f0000000) })),
    ...to<Bar>(fact("bar-addresses"), (value) => ({ ...value, busAddress: null })),
  ],
  physAddress: [
    ...to<Bar>(fact("bar-addresses"), (value) => ({ ...value, physAddress: physAddr(0x7f0000000) })),
    ...to<Bar>(fact("bar-addresses"), (value) => ({ ...value, physAddress: null })),
  ],
  sizeBytes: to(fact("bars"), (value) => ({ ...value, sizeBytes: plus(value.sizeBytes, 0x1000000) })),
  fromEnhancedAllocation: to(fact("bars"), (value) => ({
    ...value,
    fromEnhancedAllocation: !value.fromEnhancedAllocation,
  })),
} satisfies Fields<Bar>;

const window = {
  kind: to(fact("windows"), (value) => ({ ...value, kind: value.kind === "memory" ? "io" : "memory" })),
  start: to(fact("windows"), (value) => ({ ...value, start: busAddr(value.start + 0x100000) })),
  size: to(fact("windows"), (value) => ({ ...value, size: 0x1000 })),
} satisfies Fields<BridgeWindow>;

const numbers = nothing("bus numbers that contradict those of the functions: what hangs where is in their attachment");

const bridge = {
  primary: to(numbers, (value) => ({ ...value, primary: value.primary ^ 0x80 })),
  secondary: to(numbers, (value) => ({ ...value, secondary: value.secondary ^ 0x80 })),
  subordinate: to(numbers, (value) => ({ ...value, subordinate: 0xff })),
  windows: [
    ...ofFirst<BridgeRegisters, "windows", BridgeWindow>("windows", window),
    ...to<BridgeRegisters>(fact("windows"), (value) => ({ ...value, windows: [] })),
  ],
} satisfies Fields<BridgeRegisters>;

const link = (name: "link" | "link-capable"): Fields<LinkState> => ({
  speedGTps: to(fact(name), (value) => ({ ...value, speedGTps: value.speedGTps === 8 ? 16 : 8 })),
  width: to(fact(name), (value) => ({ ...value, width: value.width === 4 ? 8 : 4 })),
});

const register = (
  name: keyof ExpressRegisters,
  shows: Shows = fact("express"),
): readonly Mutation<ExpressRegisters>[] => to(shows, (value) => ({ ...value, [name]: value[name] ^ 0x10 }));
const byItself = nothing("a status register changes by itself");

const registers = {
  deviceCapabilities: register("deviceCapabilities"),
  deviceControl: register("deviceControl"),
  deviceStatus: register("deviceStatus", byItself),
  linkCapabilities: register("linkCapabilities"),
  linkControl: register("linkControl"),
  linkStatus: register("linkStatus", byItself),
  deviceCapabilities2: register("deviceCapabilities2"),
  deviceControl2: register("deviceControl2"),
  linkCapabilities2: register("linkCapabilities2"),
  linkControl2: register("linkControl2"),
  linkStatus2: register("linkStatus2", byItself),
} satisfies Fields<ExpressRegisters>;

const express = {
  type: to(fact("port-type"), (value) => ({
    ...value,
    type: value.type === "endpoint" ? "legacy-endpoint" : "pci-to-pcie-bridge",
  })),
  version: to(fact("express"), (value) => ({ ...value, version: plus(value.version, 1) })),
  slotImplemented: to(fact("slot"), (value) => ({ ...value, slotImplemented: value.slotImplemented !== true })),
  slotNumber: to(fact("slot"), (value) => (value.slotImplemented === true ? { ...value, slotNumber: 77 } : undefined)),
  linkCapable: within<PciExpress, "linkCapable">("linkCapable", link("link-capable")),
  linkStatus: within<PciExpress, "linkStatus">("linkStatus", link("link")),
  registers: within<PciExpress, "registers">("registers", registers),
  stated: to(nothing("registers, where there are any, tell it"), (value) => ({
    ...value,
    stated: { maxPayloadBytes: 2048 },
  })),
} satisfies Fields<PciExpress>;

const acs = {
  capability: to(fact("acs-capability"), (value) => ({ ...value, capability: value.capability ^ 0x40 })),
  control: [
    ...to<Acs>(fact("acs"), (value) => ({ ...value, control: value.control ^ PCI_ACS_RR })),
    ...to<Acs>(fact("acs"), (value) => ({ ...value, control: value.control ^ PCI_ACS_CR })),
    ...[0x01, 0x02, 0x10, 0x20, 0x40].flatMap((bit) =>
      to<Acs>(fact("acs"), (value) => ({ ...value, control: value.control ^ bit })),
    ),
  ],
  uncertain: to(fact("acs"), (value) => ({ ...value, uncertain: 0x40, control: value.control & ~0x40 })),
  firmwareControl: to(fact("acs-firmware"), (value) =>
    value.firmwareControl === undefined ? undefined : { ...value, firmwareControl: value.firmwareControl ^ 0x10 },
  ),
  capabilityHidden: to(nothing("what one side hides is no difference"), (value) => ({
    ...value,
    capability: value.control,
    capabilityHidden: true,
  })),
} satisfies Fields<Acs>;

const sriov = {
  totalVfs: to(fact("sriov"), (value) => ({ ...value, totalVfs: value.totalVfs + 4 })),
  numVfs: to(fact("sriov"), (value) => ({ ...value, numVfs: value.numVfs === 0 ? 1 : 0 })),
  firstVfOffset: to(fact("sriov"), (value) => ({ ...value, firstVfOffset: value.firstVfOffset + 2 })),
  vfStride: to(fact("sriov"), (value) => ({ ...value, vfStride: value.vfStride + 1 })),
  vfDeviceId: to(fact("sriov"), (value) => ({ ...value, vfDeviceId: 0x1234 })),
  vfMemoryEnable: to(fact("sriov"), (value) => ({ ...value, vfMemoryEnable: value.vfMemoryEnable !== true })),
} satisfies Fields<Sriov>;

const resizable = {
  barIndex: to(fact("resizable-bars"), (value) => ({ ...value, barIndex: 5 })),
  currentBytes: to(fact("resizable-bars"), (value) => ({ ...value, currentBytes: 0x10000000 })),
  supportedBytes: to(fact("resizable-bars"), (value) => ({ ...value, supportedBytes: [0x10000000, 0x2000000000] })),
} satisfies Fields<ResizableBar>;

const capability = {
  space: to(nothing("an id says the same"), (value) => ({ ...value, space: "extended" })),
  id: to(fact("capabilities"), (value) => ({ ...value, id: 0x21, name: "Precision Time Measurement" })),
  version: to(fact("capabilities"), (value) => ({ ...value, version: value.version + 1 })),
  offset: to(nothing("where it lies in config space"), (value) => ({ ...value, offset: value.offset + 8 })),
  name: to(nothing("an id has one name"), (value) => ({ ...value, name: `${value.name} of another kind` })),
  decoded: to(fact("capabilities"), (value) => ({ ...value, decoded: { ...value.decoded, tableSize: 7 } })),
} satisfies Fields<Capability>;

const p2pmem = {
  sizeBytes: to(fact("p2pmem"), (value) => ({ ...value, sizeBytes: value.sizeBytes * 2 })),
  availableBytes: to(nothing("what is free changes while memory is used"), (value) => ({
    ...value,
    availableBytes: 0,
  })),
  published: to(fact("published"), (value) => ({ ...value, published: value.published !== true })),
} satisfies Fields<P2pmem>;

/** The other place that the test has: another root port. */
export interface Elsewhere {
  readonly upstream: Bdf;
  readonly rootBus: number;
}

const attachment = (elsewhere: Elsewhere): Fields<Attachment> => ({
  upstream: to(moves, (value) =>
    value.upstream === null || value.upstream === elsewhere.upstream
      ? undefined
      : { ...value, upstream: elsewhere.upstream },
  ),
  rootBus: to(nothing("the root bus follows from what is above"), (value) =>
    value.upstream === null ? undefined : { ...value, rootBus: 0x77 },
  ),
});

/** Every field of a function, changed alone. */
export const functionFields = (elsewhere: Elsewhere): Fields<PciFunction> => ({
  bdf: to(moves, (value) => ({ ...value, bdf: (value.bdf + 0x7000) as Bdf })),
  vendorId: to(another, (value) => ({ ...value, vendorId: 0x1ae0 })),
  deviceId: to(another, (value) => ({ ...value, deviceId: 0x7777 })),
  idsAmong: to(nothing("names that stand for ids, where the source has none"), (value) => ({
    ...value,
    idsAmong: [{ vendorId: Number(value.vendorId), deviceId: Number(value.deviceId) }],
  })),
  subsystem: to(fact("subsystem"), (value) => ({ ...value, subsystem: { vendorId: 0x1028, deviceId: 0x1234 } })),
  revision: to(fact("revision"), (value) => ({ ...value, revision: 0x77 })),
  classCode: [
    ...to<PciFunction>(fact("class"), (value) => ({ ...value, classCode: 0x088000 })),
    ...to<PciFunction>(fact("class"), (value) => ({ ...value, classCode: 0x030000 })),
  ],
  headerType: to(moves, (value) => ({ ...value, headerType: value.headerType === 0 ? 1 : 0 })),
  multifunction: to(fact("header"), (value) => ({ ...value, multifunction: value.multifunction !== true })),
  command: [
    ...to<PciFunction>(fact("decode"), (value) => ({ ...value, command: Number(value.command) ^ 2 })),
    ...to<PciFunction>(fact("bus-master"), (value) => ({ ...value, command: Number(value.command) ^ 4 })),
  ],
  bars: [
    ...ofFirst<PciFunction, "bars", Bar>("bars", bar),
    ...to<PciFunction>(fact("bars"), (value) =>
      isUnknown(value.bars) || value.bars.length === 0 ? undefined : { ...value, bars: [] },
    ),
    // The largest one is what peers use.
    ...Object.values<readonly Mutation<Bar>[]>(bar).flatMap((mutations) =>
      mutations.map(
        ({ change, shows }): Mutation<PciFunction> => ({
          shows,
          change: (value) => {
            if (isUnknown(value.bars) || value.bars.length < 2) return undefined;
            const last = change(value.bars.at(-1) as Bar);
            return last && { ...value, bars: [...value.bars.slice(0, -1), last] };
          },
        }),
      ),
    ),
  ],
  bridge: within<PciFunction, "bridge">("bridge", bridge),
  express: within<PciFunction, "express">("express", express),
  acs: [
    ...within<PciFunction, "acs">("acs", acs),
    ...to<PciFunction>(fact("acs"), (value) =>
      value.acs === null ? { ...value, acs: { capability: 0x7f, control: 0x1d } } : { ...value, acs: null },
    ),
  ],
  sriov: within<PciFunction, "sriov">("sriov", sriov),
  resizableBars: ofFirst<PciFunction, "resizableBars", ResizableBar>("resizableBars", resizable),
  capabilities: ofFirst<PciFunction, "capabilities", Capability>("capabilities", capability),
  names: to(fact("names"), (value) => (value.names.length === 0 ? undefined : { ...value, names: ["nvme77"] })),
  label: to(nothing("a name of the ids, which are compared"), (value) => ({ ...value, label: "Another Name" })),
  driver: [
    ...to<PciFunction>(fact("driver"), (value) => ({ ...value, driver: "vfio-pci" })),
    ...to<PciFunction>(fact("driver"), (value) => ({ ...value, driver: "nvidia" })),
    ...to<PciFunction>(fact("driver"), (value) => (value.driver === null ? undefined : { ...value, driver: null })),
  ],
  numaNode: to(fact("numa-node"), (value) => ({ ...value, numaNode: 5 })),
  iommuGroup: [
    ...to<PciFunction>({ word: "groups" }, (value) =>
      value.iommuGroup === null ? undefined : { ...value, iommuGroup: null },
    ),
    ...to<PciFunction>(nothing("the number of a group means nothing, and its members may be the same"), (value) =>
      value.iommuGroup === null ? undefined : { ...value, iommuGroup: 99 },
    ),
  ],
  p2pmem: [
    ...within<PciFunction, "p2pmem">("p2pmem", p2pmem),
    ...to<PciFunction>(fact("p2pmem"), (value) =>
      value.p2pmem === null
        ? { ...value, p2pmem: { sizeBytes: 0x1000000, availableBytes: 0x1000000, published: true } }
        : { ...value, p2pmem: null },
    ),
  ],
  physicalFunction: to(fact("virtual"), (value) => ({ ...value, physicalFunction: elsewhere.upstream })),
  attachment: within<PciFunction, "attachment">("attachment", attachment(elsewhere)),
  drawnBelow: to(nothing("for people, and no rule looks at it"), (value) => ({ ...value, drawnBelow: null })),
  dmaMaskBits: to(fact("dma-mask"), (value) => ({ ...value, dmaMaskBits: value.dmaMaskBits === 32 ? 44 : 32 })),
});

const module = {
  version: to(fact("modules"), (value) => ({ ...value, version: "590.1" })),
  parameters: to(fact("modules"), (value) => ({ ...value, parameters: { ...value.parameters, pcie_p2p: "N" } })),
} satisfies Fields<KernelModule>;

const kernel = {
  release: ["6.12.30", "5.15.0", "4.19.1", "6.12.0-211.el10.x86_64"].flatMap((release) =>
    to<Kernel>(fact("kernel"), (value) => ({ ...value, release })),
  ),
  commandLine: [
    ...to<Kernel>(fact("command-line"), (value) => ({ ...value, commandLine: "quiet" })),
    ...to<Kernel>(fact("command-line"), (value) => ({
      ...value,
      commandLine: "pci=disable_acs_redir=00:01.0,00:02.0",
    })),
  ],
  config: [
    ...to<Kernel>(fact("config"), (value) => ({ ...value, config: { CONFIG_HSA_AMD_P2P: "n" } })),
    ...to<Kernel>(fact("config"), (value) => ({
      ...value,
      config: { CONFIG_PCI_P2PDMA: "y", CONFIG_HSA_AMD_P2P: "y" },
    })),
  ],
  moreOnCommandLine: to(nothing("what the source leaves out"), (value) => ({
    ...value,
    moreOnCommandLine: unknown("hidden"),
  })),
  modules: Object.values<readonly Mutation<KernelModule>[]>(module).flatMap((mutations) =>
    mutations.map(
      ({ change, shows }): Mutation<Kernel> => ({
        shows,
        change: (value) => {
          const own = value.modules?.["amdgpu"];
          const changed = own === undefined ? undefined : change(own);
          return changed && { ...value, modules: { ...value.modules, amdgpu: changed } };
        },
      }),
    ),
  ),
} satisfies Fields<Kernel>;

const cpu = {
  architecture: to(fact("architecture"), (value) => ({ ...value, architecture: "aarch64" })),
  vendor: to(fact("cpu"), (value) => ({
    ...value,
    vendor: value.vendor === "GenuineIntel" ? "AuthenticAMD" : "GenuineIntel",
  })),
  family: [0x17, 0x1a, 0x15].flatMap((family) =>
    to<Cpu>(fact("cpu"), (value) => (value.family === family ? undefined : { ...value, family })),
  ),
  model: to(fact("cpu"), (value) => ({ ...value, model: plus(value.model as number, 1) as number })),
  name: to(nothing("vendor, family and model tell it"), (value) => ({ ...value, name: "Another CPU" })),
} satisfies Fields<Cpu>;

const iommu = {
  kind: to(fact("iommu-kind"), (value) => ({ ...value, kind: value.kind === "amd" ? "intel" : "amd" })),
  mode: (["strict", "lazy", "passthrough"] as const).flatMap((mode) =>
    to<Iommu>(fact("iommu-mode"), (value) => (value.mode === mode ? undefined : { ...value, mode })),
  ),
  groupTypes: to(fact("group-type"), (value) => {
    const [first] = isUnknown(value.groupTypes) ? [] : value.groupTypes.keys();
    if (isUnknown(value.groupTypes) || first === undefined) return undefined;
    return { ...value, groupTypes: new Map([...value.groupTypes, [first, "identity"]]) };
  }),
} satisfies Fields<Iommu>;

const hostBridgeWindow = {
  kind: to(fact("windows"), (value) => ({ ...value, kind: "io" })),
  physStart: to(fact("windows"), (value) => ({ ...value, physStart: physAddr(value.physStart + 0x100000) })),
  busStart: to(fact("bus-offset"), (value) => ({ ...value, busStart: busAddr(0x7000000) })),
  sizeBytes: to(fact("windows"), (value) => ({ ...value, sizeBytes: value.sizeBytes * 2 })),
} satisfies Fields<HostBridgeWindow>;

const hostBridge = {
  rootBus: to(nothing("root buses follow from the functions; one without any is none"), (value) => ({
    ...value,
    rootBus: value.rootBus + 0x30,
  })),
  windows: [
    ...ofFirst<HostBridge, "windows", HostBridgeWindow>("windows", hostBridgeWindow),
    ...to<HostBridge>(fact("windows"), (value) => ({ ...value, windows: [] })),
  ],
  numaNode: to(fact("host-bridge-numa-node"), (value) => ({ ...value, numaNode: 9 })),
} satisfies Fields<HostBridge>;

/** Every field of a machine but its functions, changed alone. */
export const machineFields: Fields<Machine> = {
  source: to(nothing("what it was read from"), (value) => ({ ...value, source: { ...value.source, name: "another" } })),
  functions: to(moves, (value) => ({ ...value, functions: value.functions.slice(0, -1) })),
  functionsMayBeMissing: to(nothing("what the source leaves out"), (value) => ({
    ...value,
    functionsMayBeMissing: "filtered",
  })),
  hostBridges: ofFirst<Machine, "hostBridges", HostBridge>("hostBridges", hostBridge),
  cpu: within<Machine, "cpu">("cpu", cpu),
  kernel: within<Machine, "kernel">("kernel", kernel),
  iommu: within<Machine, "iommu">("iommu", iommu),
  groupsAtBoot: to(nothing("where the source lists the groups, those are the groups"), (value) => ({
    ...value,
    groupsAtBoot: new Map(value.functions.map(({ bdf }) => [bdf, 1])),
  })),
  renumbered: to(nothing("where parameters by address find functions, and no reader gives it"), (value) => ({
    ...value,
    renumbered: new Map(value.functions.map(({ bdf }) => [bdf, { bus: 1, devfn: 0, secondary: null }])),
  })),
  guestOf: to(fact("virtual-machine"), (value) => ({
    ...value,
    guestOf: { hypervisor: "VMware", shownBy: "dmi" },
  })),
  host: to<Machine>(nothing("the verb takes none: `explain --host` gives it"), () => undefined),
  notes: to(nothing("what the reader says of its source"), (value) => ({
    ...value,
    notes: [{ severity: "info", message: "another" }],
  })),
};
