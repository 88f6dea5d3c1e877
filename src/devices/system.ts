import type { DecidePeer, DmaDevice } from "../dma/dma-device.ts";
import type { DmaOps } from "../dma/dma-ops.ts";
import { createFabric, type Fabric } from "../fabric/fabric.ts";
import type { HardwareSettings } from "../fabric/options.ts";
import type { Machine } from "../host/machine.ts";
import { topologyOf } from "../host/machine.ts";
import { requireMachine } from "../host/require-machine.ts";
import { type Device, resolveDevice } from "../host/select.ts";
import { IommuUnits } from "../iommu/units.ts";
import type { DistanceBetween } from "../memory/allocate-for-clients.ts";
import { type CostCounters, noCost } from "../memory/cost.ts";
import { providersOf } from "../memory/machine-bars.ts";
import { type P2pPool, poolsOf } from "../memory/p2p-pool.ts";
import { PageMaps } from "../memory/page-maps.ts";
import type { PagePool } from "../memory/page-pool.ts";
import { type PhysicalMap, physicalMapOf } from "../memory/physical-map.ts";
import type { Provider } from "../memory/provider.ts";
import { systemMemory } from "../memory/system-memory.ts";
import { type Bdf, formatBdf } from "../pci/bdf.ts";
import { PeerlaneError } from "../pci/error.ts";
import { isUnknown, type Known, unknown } from "../pci/known.ts";
import type { Topology } from "../pci/topology.ts";
import { requireWord, wrongArgument } from "../pci/wrong-argument.ts";
import { documentedIn } from "./documented.ts";
import { Backends, keepFirstPage, reserveBounceRange, wantsBounceBuffers } from "./mapping.ts";
import { makePeerPools } from "./peer-pools.ts";
import { platformChoices } from "./platform-choices.ts";
import { requireRamBesideWindows } from "./ram-offsets.ts";
import { rulesOf } from "./rules.ts";
import {
  type Backend,
  FAILED_READS,
  type FailedReads,
  type SystemChoice,
  type SystemOptions,
} from "./system-options.ts";
import { TrafficLedger } from "./traffic.ts";

/** Everything of one machine, put together: what the devices and offloads of the model run on. */
export interface System {
  readonly machine: Machine;
  readonly topology: Topology;
  readonly physical: PhysicalMap;
  readonly maps: PageMaps;
  readonly ram: PagePool;
  /** One per memory BAR with an address. */
  readonly providers: readonly Provider[];
  /** p2pmem by the function that owns it, what was enabled later among it. */
  readonly pools: ReadonlyMap<Bdf, P2pPool>;
  readonly units: IommuUnits;
  readonly fabric: Fabric;
  /** Operations of all mappings. */
  readonly cost: CostCounters;
  /** Data and control traffic, apart. */
  readonly traffic: TrafficLedger;
  /** Whether devices learn of reads that fail. */
  readonly failedReads: FailedReads;
  /** What the model decided where the machine's description is silent; grows as devices are first asked for. */
  readonly choices: readonly SystemChoice[];
  /** The rules, as the DMA API asks them; throws `unsupported`, with the reason, where the verdict is unknown. */
  readonly decide: DecidePeer;
  /** `pci_p2pdma_distance`; throws as {@link decide}. */
  readonly distance: DistanceBetween;
  /** The requester that a function is; throws `unknown-device` where there is none. */
  deviceOf(fn: Device): DmaDevice;
  /** What maps memory for a function. */
  opsOf(fn: Device): DmaOps;
}

const DEFAULT_RAM_BYTES = 2 ** 30;

/** Address bits of a device whose driver's mask is hidden: what drivers of such devices ask for. */
const ASSUMED_MASK_BITS = 64;

/**
 * Puts a machine's model together. Throws `unsupported`, with the place, where the source hides an address, the mode of
 * the IOMMU or its groups, or bounce buffers that the options ask for find no RAM; `bad-input` where the RAM finds no room
 * or its bus addresses lie in a host bridge's window.
 */
export function buildSystem(machine: Machine, asked: SystemOptions = {}): System {
  requireMachine("buildSystem", machine);
  const options = withAddresses(machine, asked);
  const topology = topologyOf(machine);
  const { rootComplex, switchForwarding, choices: platform } = platformChoices(machine, topology, options);
  const physical = physicalMapOf(machine, { ramBytes: options.ramBytes ?? DEFAULT_RAM_BYTES });
  const cost = noCost();
  const maps = new PageMaps(cost);
  const ram = systemMemory(maps, physical);
  keepFirstPage(ram);
  const units = new IommuUnits(machine, { cost, ...options.iommu });
  const { backend, ramBusOffset } = options;
  if (ramBusOffset !== undefined) requireRamBesideWindows(machine, physical.ram, ramBusOffset);
  const fabric = createFabric(machine, {
    ...options,
    rootComplex,
    switchForwarding,
    translator: units,
    ram: physical.ram,
  });
  const failedReads = failedReadsBy(options, switchForwarding);
  const peers = makePeerPools(machine, maps, options.peerMemory ?? [], options.linearMapEnd ?? null);
  const { decide, distance } = rulesOf(machine, options.rules);
  const backendOf = (fn: Bdf): Backend | undefined => (typeof backend === "function" ? backend(fn) : backend);
  const isBounceAsked = machine.functions.some(({ bdf }) => backendOf(bdf) === "swiotlb");
  const wantsBounce = isBounceAsked || wantsBounceBuffers(ram, requestersOf(topology, options));
  const bounceRange = wantsBounce ? reserveBounceRange(ram) : null;
  const backends = new Backends({
    ...{ maps, decide, cost, units, ram, bounceRange },
    dram: fabric.dram,
    documented: (provider, client) => documentedIn(machine, client)(provider),
  });
  if (isBounceAsked) backends.of("swiotlb");
  const choices: SystemChoice[] = [...platform, { what: "failed-reads", ...failedReads }, ...peers];
  const devices = new Map<Bdf, DmaDevice>();

  const addressOf = (device: Device): Bdf => (typeof device === "number" ? device : resolveDevice(machine, device));
  const deviceOf = (named: Device): DmaDevice => {
    const fn = addressOf(named);
    let device = devices.get(fn);
    if (device === undefined) {
      const offset = ramOffsetAt(fabric.indexOf(fn), topology, options);
      device = { bdf: fn, maskBits: maskOf(fn, topology, options, choices), ramBusOffset: offset };
      devices.set(fn, device);
    }
    return device;
  };
  const opsOf = (named: Device): DmaOps => {
    const fn = addressOf(named);
    const name = backendOf(fn);
    return name === undefined ? backends.asKernel(deviceOf(fn)) : backends.of(name);
  };
  const providers = providersOf(machine);
  return {
    ...{ machine, topology, physical, maps, ram, providers, units, fabric, cost, choices },
    ...{ decide, distance, deviceOf, opsOf, pools: poolsOf(maps) },
    traffic: new TrafficLedger(fabric),
    failedReads: failedReads.value,
  };
}

/** Options with masks by address. */
type AddressedOptions = Omit<SystemOptions, "dmaMaskBits"> & { readonly dmaMaskBits?: ReadonlyMap<Bdf, number> };

function withAddresses(machine: Machine, { dmaMaskBits, ...others }: SystemOptions): AddressedOptions {
  if (dmaMaskBits === undefined) return others;
  const masks = [...dmaMaskBits].map(([device, bits]): [Bdf, number] => [resolveDevice(machine, device), bits]);
  return { ...others, dmaMaskBits: new Map(masks) };
}

/**
 * The devices of the emulator whose switches send everything upstream were seen to report success for reads that fault;
 * real ones get a completion with an error, or time out (PCIe 6.0 sec 2.3.1, 2.8).
 */
function failedReadsBy(
  { failedReads }: SystemOptions,
  switchForwarding: HardwareSettings["switchForwarding"],
): { readonly value: FailedReads; readonly why: string } {
  if (failedReads !== undefined) {
    requireWord("buildSystem", "failedReads", failedReads, FAILED_READS);
    return { value: failedReads, why: "the options say so" };
  }
  return switchForwarding === "always-upstream"
    ? { value: "unnoticed", why: "measured: devices of the emulator whose switches always forward upstream" }
    : { value: "reported", why: "PCIe 6.0: the completion tells, or does not come" };
}

function maskOf(fn: Bdf, topology: Topology, options: AddressedOptions, choices: SystemChoice[]): number {
  const shown = shownMaskOf(fn, topology, options);
  if (!isUnknown(shown)) return shown;
  const why = `assumed: ${shown.unknown}`;
  choices.push({ what: "dma-mask", value: `${ASSUMED_MASK_BITS} bits of ${formatBdf(fn)}`, why });
  return ASSUMED_MASK_BITS;
}

function shownMaskOf(fn: Bdf, topology: Topology, { dmaMaskBits }: AddressedOptions): Known<number> {
  const shown = topology.find(fn)?.dmaMaskBits;
  return dmaMaskBits?.get(fn) ?? shown ?? unknown("the source does not show it");
}

/** All functions as requesters, with the assumed mask where it is hidden. */
function requestersOf(topology: Topology, options: AddressedOptions): readonly DmaDevice[] {
  return topology.functions.map(({ bdf }, index) => {
    const shown = shownMaskOf(bdf, topology, options);
    const maskBits = isUnknown(shown) ? ASSUMED_MASK_BITS : shown;
    return { bdf, maskBits, ramBusOffset: ramOffsetAt(index, topology, options) };
  });
}

function ramOffsetAt(index: number, topology: Topology, { ramBusOffset }: SystemOptions): number {
  const rootBus = topology.rootBusOf(index)?.rootBus;
  return rootBus === undefined ? 0 : (ramBusOffset?.(rootBus) ?? 0);
}

/**
 * The address of a function of a system, by any name. Throws `usage` for what is no system or no device, `unknown-device`
 * where the machine has no such function. `call` is what the user called.
 */
export function functionIn(system: System, device: Device, call: string): Bdf {
  const { fabric, machine } = (system ?? {}) as Partial<System>;
  if (fabric === undefined || machine === undefined) {
    const remedy = "buildSystem(machine) makes one";
    throw wrongArgument({ call, argument: "system", given: system, expected: "a System", remedy });
  }
  if (device === undefined)
    throw wrongArgument({ call, argument: "fn", given: device, expected: "an address or a name of a device" });
  return resolveDevice(machine, device);
}

/** The pool of a function; throws `unsupported` where it has none. */
export function poolOf(system: System, device: Device): P2pPool {
  const fn = functionIn(system, device, "poolOf");
  const pool = system.pools.get(fn);
  if (pool !== undefined) return pool;
  throw new PeerlaneError("unsupported", `${formatBdf(fn)} has no peer memory`, {
    place: { file: system.machine.source.name },
    remedy: "give the controller a 'cmb:' in the scenario, or name a BAR in 'peerMemory'",
  });
}
