import { isScenario, isTranslating, type Machine } from "../host/machine.ts";
import type { Bar } from "../pci/bar.ts";
import type { Bdf } from "../pci/bdf.ts";
import { PCI_COMMAND_MASTER, PCI_COMMAND_MEMORY } from "../pci/config-space.ts";
import { memoryBars, type PciFunction } from "../pci/function.ts";
import { isUnknown, type Known } from "../pci/known.ts";
import { mayProvide } from "../pci/peer-roles.ts";
import type { Topology } from "../pci/topology.ts";
import { VFIO_DRIVERS } from "../platforms/asking.ts";
import { whyMaybeVirtual } from "../platforms/virtual-machine.ts";
import type { AskedBy } from "../platforms/who-asks.ts";
import { acsQuirk } from "../rules/acs-quirks.ts";
import { hasP2pdma } from "../rules/kernels/build-option.ts";
import { openRefusals } from "./driver-gates.ts";
import { GATE_KINDS, type GateKind, type JudgedPair } from "./gate.ts";

/** A set of kinds of gates: a bit for each of {@link GATE_KINDS}. */
export type GateKindSet = number;

/** The kinds of a set, in the order of {@link GATE_KINDS}. */
export function kindsIn(set: GateKindSet): readonly GateKind[] {
  return GATE_KINDS.filter((_, index) => (set & (1 << index)) !== 0);
}

/** The set of some kinds. */
export function kindSet(kinds: Iterable<GateKind>): GateKindSet {
  let set = 0;
  for (const kind of kinds) set |= 1 << GATE_KINDS.indexOf(kind);
  return set;
}

/** What of gates a source does not show. */
export interface HiddenKinds {
  /** Kinds of gates of which something is hidden that they are found by. */
  readonly hidden: GateKindSet;
  /** Those of them that there may be: nothing that is shown says otherwise, as a register that is on. */
  readonly possible: GateKindSet;
}

/** The gates that a pair of a machine may have though they are not said of it, as the source does not show all of it. */
export class HiddenGates {
  readonly #machine: Machine;
  readonly #topology: Topology;
  readonly #ofMachine: HiddenKinds;
  readonly #ofProviders = new Map<Bdf, HiddenKinds>();
  readonly #ofClients = new Map<Bdf, HiddenKinds>();
  readonly #ofWays = new Map<AskedBy, HiddenKinds>();

  constructor(machine: Machine, topology: Topology) {
    this.#machine = machine;
    this.#topology = topology;
    this.#ofMachine = hiddenOfMachine(machine);
  }

  /** What is hidden of the gates of a pair. */
  of({ provider, client, mapType, askedBy }: JudgedPair): HiddenKinds {
    const parts = [this.#ofMachine, this.#ofProvider(provider), this.#ofClient(client), this.#ofDrivers(askedBy)];
    let hidden = parts.reduce((set, part) => set | part.hidden, 0);
    let possible = parts.reduce((set, part) => set | part.possible, 0);
    if (mapType === "unknown") {
      const more = this.#ofMapType(client);
      hidden |= more.hidden;
      possible |= more.possible;
    }
    return { hidden, possible };
  }

  /** What the drivers of a pair do depends on what their rows name besides. */
  #ofDrivers(askedBy: AskedBy): HiddenKinds {
    let kinds = this.#ofWays.get(askedBy);
    if (kinds === undefined) {
      const isOpen = openRefusals(this.#machine, askedBy).length > 0;
      kinds = kindsOf({ "no-peer-dma": [true, isOpen] });
      this.#ofWays.set(askedBy, kinds);
    }
    return kinds;
  }

  #ofProvider(bdf: Bdf): HiddenKinds {
    let kinds = this.#ofProviders.get(bdf);
    if (kinds === undefined) {
      kinds = hiddenOfProvider(this.#machine, this.#topology, this.#topology.functionOf(bdf));
      this.#ofProviders.set(bdf, kinds);
    }
    return kinds;
  }

  #ofClient(bdf: Bdf): HiddenKinds {
    let kinds = this.#ofClients.get(bdf);
    if (kinds === undefined) {
      kinds = hiddenOfClient(this.#machine, this.#topology, this.#topology.functionOf(bdf));
      this.#ofClients.set(bdf, kinds);
    }
    return kinds;
  }

  /** Gates of an address of one kind only, where the kind of address is not known. */
  #ofMapType(client: Bdf): HiddenKinds {
    const translates = mayTranslate(this.#machine);
    return kindsOf({
      "beyond-dma-mask": [this.#topology.functionOf(client).driver !== null, true],
      "iommu-translates": [translates, true],
      "acs-registers-elsewhere": [translates, true],
    });
  }
}

function mayTranslate({ iommu: { mode } }: Machine): boolean {
  return isUnknown(mode) || isTranslating(mode);
}

/** Of each kind whether there may be such a gate by what is shown, and whether something of it is hidden. */
function kindsOf(
  kinds: Readonly<Partial<Record<GateKind, readonly [isPossible: boolean, isHidden: boolean]>>>,
): HiddenKinds {
  const entries = Object.entries(kinds) as [GateKind, readonly [boolean, boolean]][];
  return {
    hidden: kindSet(entries.filter(([, [, isHidden]]) => isHidden).map(([kind]) => kind)),
    possible: kindSet(entries.filter(([, [isPossible, isHidden]]) => isPossible && isHidden).map(([kind]) => kind)),
  };
}

function hiddenOfMachine(machine: Machine): HiddenKinds {
  return kindsOf({
    "kernel-without-p2pdma": [true, isUnknown(hasP2pdma(machine))],
    "kernel-parameter-misread": [true, isUnknown(machine.kernel.commandLine)],
    "virtual-machine": [true, whyMaybeVirtual(machine) !== null],
    "iommu-translates": [true, isUnknown(machine.iommu.mode)],
  });
}

function hiddenOfProvider(machine: Machine, topology: Topology, provider: PciFunction): HiddenKinds {
  const { iommu } = machine;
  const { bars, command, driver, physicalFunction, resizableBars } = provider;
  const quirks = topology
    .bridgesAbove(topology.indexOf(provider.bdf))
    .map((index) => acsQuirk(topology.functionAt(index)) ?? false);
  const memory = memoryBars(provider);
  const areAddressesHidden =
    memory === undefined || memory.some((bar) => isUnknown(bar.busAddress) && isUnknown(bar.physAddress));
  const areSizesHidden =
    isUnknown(resizableBars) ||
    resizableBars.some(({ currentBytes, supportedBytes }) => isUnknown(currentBytes) || isUnknown(supportedBytes));
  return kindsOf({
    "bar-missing": [true, isUnknown(bars)],
    "registers-only": [
      mayProvide(provider) !== false,
      isUnknown(mayProvide(provider)) || (isUnknown(provider.p2pmem) && driver !== null) || isUnknown(driver),
    ],
    "no-peer-dma": [true, isUnknown(driver) || needsHiddenIommu(machine, provider)],
    "bar-unassigned": [true, areAddressesHidden],
    "memory-decode-off": [
      mayBeOff(command, PCI_COMMAND_MEMORY) && (isUnknown(physicalFunction) || physicalFunction === null),
      isUnknown(bars) || isUnknown(physicalFunction) || isUnknown(command),
    ],
    "vf-memory-off": [true, isVfMemoryHidden(topology, provider)],
    "bridge-decode-off": bridgesHidden(topology, provider, PCI_COMMAND_MEMORY),
    "resizable-bar-small": [true, areSizesHidden],
    "bridge-window-small": [
      areAddressesHidden || areSizesHidden || mayNotFit(provider),
      areAddressesHidden || areSizesHidden || areWindowsHidden(machine, topology, provider),
    ],
    "beyond-dma-mask": [true, areAddressesHidden || isUnknown(driver)],
    // A kernel without it is in the way of drivers that ask for it alone.
    "kernel-without-p2pdma": [hasP2pdma(machine) !== true, isUnknown(driver)],
    "iommu-translates": [mayTranslate(machine), isUnknown(driver)],
    "acs-registers-elsewhere": [
      iommu.mode !== "off" && quirks.some((quirk) => isUnknown(quirk) || quirk === "registers-elsewhere"),
      isUnknown(iommu.mode) || quirks.some((quirk) => isUnknown(quirk)),
    ],
  });
}

function hiddenOfClient(machine: Machine, topology: Topology, client: PciFunction): HiddenKinds {
  const { command, dmaMaskBits, driver } = client;
  return kindsOf({
    "bridge-decode-off": bridgesHidden(topology, client, PCI_COMMAND_MASTER),
    "bus-master-off": [
      driver !== null && mayBeOff(command, PCI_COMMAND_MASTER),
      isUnknown(command) || isUnknown(driver),
    ],
    "no-peer-dma": [true, isUnknown(driver) || needsHiddenIommu(machine, client)],
    "beyond-dma-mask": [driver !== null, isUnknown(dmaMaskBits) || isUnknown(driver) || isUnknown(machine.iommu.mode)],
    "iommu-translates": [mayTranslate(machine), isUnknown(driver)],
  });
}

/** VFIO needs an IOMMU, and whether one is on is hidden. */
function needsHiddenIommu({ iommu }: Machine, { driver }: PciFunction): boolean {
  return isUnknown(iommu.mode) && !isUnknown(driver) && VFIO_DRIVERS.includes(driver ?? "");
}

function mayBeOff(command: Known<number>, bit: number): boolean {
  return isUnknown(command) || (command & bit) === 0;
}

/** Bridges above one end may have turned off what its requests need; without a driver below nothing has turned it on. */
function bridgesHidden(
  topology: Topology,
  { bdf, driver }: PciFunction,
  bit: number,
): readonly [isPossible: boolean, isHidden: boolean] {
  const index = topology.indexOf(bdf);
  const isTopHidden = topology.rootBusOf(index) === undefined;
  const commands = topology.bridgesAbove(index).map((above) => topology.functionAt(above).command);
  return [
    driver !== null && (isTopHidden || commands.some((command) => mayBeOff(command, bit))),
    isTopHidden || isUnknown(driver) || commands.some((command) => isUnknown(command)),
  ];
}

function isVfMemoryHidden(topology: Topology, { physicalFunction }: PciFunction): boolean {
  if (isUnknown(physicalFunction)) return true;
  if (physicalFunction === null) return false;
  const sriov = topology.find(physicalFunction)?.sriov;
  return sriov === undefined || isUnknown(sriov) || (sriov !== null && sriov.vfMemoryEnable === undefined);
}

/** A window may be too small for a BAR without an address, or for one that could be larger. */
function mayNotFit(provider: PciFunction): boolean {
  const { resizableBars } = provider;
  const isWithoutAddress = ({ busAddress, physAddress }: Bar): boolean => busAddress === null || physAddress === null;
  return (
    memoryBars(provider)?.some(isWithoutAddress) === true ||
    isUnknown(resizableBars) ||
    resizableBars.some(
      ({ currentBytes, supportedBytes }) =>
        !isUnknown(supportedBytes) && !isUnknown(currentBytes) && currentBytes < (supportedBytes.at(-1) ?? 0),
    )
  );
}

/** A scenario shows no windows of bridges. */
function areWindowsHidden(machine: Machine, topology: Topology, provider: PciFunction): boolean {
  if (isScenario(machine)) return true;
  return topology.bridgesAbove(topology.indexOf(provider.bdf)).some((index) => {
    const { bridge } = topology.functionAt(index);
    return isUnknown(bridge) || (bridge !== null && isUnknown(bridge.windows));
  });
}
