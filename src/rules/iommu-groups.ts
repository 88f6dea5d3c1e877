import { type Machine, topologyOf } from "../host/machine.ts";
import { PCI_ACS_CR, PCI_ACS_EC, PCI_ACS_RR, PCI_ACS_SV, PCI_ACS_UF } from "../pci/acs.ts";
import { type Bdf, domainOf, formatBdf, functionOf } from "../pci/bdf.ts";
import { entryAt } from "../pci/entry-at.ts";
import type { PciFunction } from "../pci/function.ts";
import { isUnknown, type Known, type Unknown, unknown } from "../pci/known.ts";
import type { Topology } from "../pci/topology.ts";
import { acsQuirk } from "./acs-quirks.ts";

/** The ACS bits that make the kernel call a function isolated (`REQ_ACS_FLAGS` of the IOMMU core, Linux 7.2). */
const REQUIRED = PCI_ACS_SV | PCI_ACS_RR | PCI_ACS_CR | PCI_ACS_UF;

/** The members of each group by its number, in the order given; what is in no group (`null`) is left out. */
export function groupMembers(groups: Iterable<readonly [Bdf, number | null]>): ReadonlyMap<number, readonly Bdf[]> {
  const members = new Map<number, Bdf[]>();
  for (const [bdf, group] of groups) {
    if (group === null) continue;
    const own = members.get(group);
    if (own === undefined) members.set(group, [bdf]);
    else own.push(bdf);
  }
  return members;
}

/**
 * The IOMMU groups that the kernel forms at boot from topology, DMA aliases and ACS (`pci_device_group`, checked
 * against Linux 6.1, 6.12, 7.2 and 7.3). Numbers are the kernel's own where the source shows a group with the very same
 * members, else the next free ones in enumeration order. Empty where no IOMMU is in use. Unknown as soon as something
 * that the kernel looks at is hidden. Of a machine whose ACS was written since its boot, those of the boot.
 */
export function expectedIommuGroups(machine: Machine, topology: Topology): Known<ReadonlyMap<Bdf, number>> {
  const { mode } = machine.iommu;
  if (machine.groupsAtBoot !== undefined) return machine.groupsAtBoot;
  if (isUnknown(machine.iommu.kind)) {
    // A mode and group numbers in the source prove an IOMMU, whatever its kind.
    const proven =
      (!isUnknown(mode) && mode !== "off") ||
      machine.functions.some((fn) => !isUnknown(fn.iommuGroup) && fn.iommuGroup !== null);
    if (!proven) return machine.iommu.kind;
  } else if (machine.iommu.kind === "none") {
    return new Map();
  }
  try {
    return withKernelNumbers(topology, new GroupBuilder(topology).build());
  } catch (error) {
    if (error instanceof Hidden) return unknown(error.message);
    throw error;
  }
}

/**
 * The groups between which those of a machine lie whose source hides ACS: as many and as few as there can be, since a
 * function that isolates more never joins groups. Devices that share one of the many share one whatever is hidden, and
 * those that share none of the few are apart. `undefined` where nothing of ACS is hidden, or something else is.
 */
export function extremeIommuGroups(
  machine: Machine,
): { readonly many: ReadonlyMap<Bdf, number>; readonly few: ReadonlyMap<Bdf, number> } | undefined {
  const isOpen = ({ acs }: PciFunction): boolean =>
    isUnknown(acs) || (acs !== null && ((acs.uncertain ?? 0) !== 0 || acs.capabilityHidden === true));
  if (machine.groupsAtBoot !== undefined || !machine.functions.some(isOpen)) return undefined;
  const groupsWith = (control: number): Known<ReadonlyMap<Bdf, number>> => {
    const acs = { capability: REQUIRED, control };
    const functions = machine.functions.map((fn) => (isOpen(fn) ? { ...fn, acs } : fn));
    const changed = { ...machine, functions };
    return expectedIommuGroups(changed, topologyOf(changed));
  };
  const [many, few] = [groupsWith(REQUIRED), groupsWith(0)];
  return isUnknown(many) || isUnknown(few) ? undefined : { many, few };
}

/**
 * Why the group of a function after a change is unknown where the source stated another one than the rules predict of the
 * machine as it is: what they say of the changed machine is then no better.
 */
export const GROUPS_CONTRADICTED: Unknown = unknown(
  "the source states IOMMU groups here that are not those which the rules predict of it, so what they predict after a change is not relied on",
);

/** What {@link expectedIommuGroups} says of one function: `null` for no group, unknown also where the source contradicts the rules. */
export function expectedGroupOf(
  groups: Known<ReadonlyMap<Bdf, number>>,
  { bdf, iommuGroup }: Pick<PciFunction, "bdf" | "iommuGroup">,
): Known<number | null> {
  if (isUnknown(iommuGroup) && iommuGroup.unknown === GROUPS_CONTRADICTED.unknown) return GROUPS_CONTRADICTED;
  return isUnknown(groups) ? groups : (groups.get(bdf) ?? null);
}

/** Ends the search where the kernel would look at something that the source hides. */
class Hidden extends Error {}

/** True when the function cannot send peer traffic past the IOMMU (`pci_acs_enabled`, Linux 7.2). */
export function isIsolated(fn: PciFunction): Known<boolean> {
  const quirk = acsQuirk(fn);
  if (isUnknown(quirk)) return quirk;
  if (quirk === "registers-elsewhere") {
    // Without the capability there are no registers elsewhere either, and the kernel goes on with the port as it is.
    if (fn.acs === null) return false;
    return unknown(`${formatBdf(fn.bdf)} keeps its ACS control where the specification does not`);
  }
  if (quirk !== undefined) return quirk === "isolated";
  if (isUnknown(fn.express)) return fn.express;
  if (fn.express === null) return false;
  const { type } = fn.express;
  if (isUnknown(type)) return type;
  switch (type) {
    case "pcie-to-pci-bridge":
    case "pci-to-pcie-bridge":
    case "root-complex-event-collector":
      return false;
    case "root-port":
    case "downstream-port":
      return requiredBitsOn(fn);
    case "endpoint":
    case "legacy-endpoint":
    case "upstream-port":
    case "root-complex-endpoint":
      return isIsolatedEndpoint(fn);
    default:
      return true;
  }
}

/** Endpoints and upstream ports need ACS only where they have siblings to talk to. */
function isIsolatedEndpoint(fn: PciFunction): Known<boolean> {
  const hasSiblings = isMultifunction(fn);
  if (isUnknown(hasSiblings)) return hasSiblings;
  return hasSiblings ? requiredBitsOn(fn) : true;
}

/**
 * What the kernel takes for a function of several: every function above 0 that it scans, and function 0 by its header;
 * never a virtual function (`pci_scan_slot` and `pci_iov_add_virtfn`, Linux 7.2).
 */
function isMultifunction(fn: PciFunction): Known<boolean> {
  const isFirst = functionOf(fn.bdf) === 0;
  // A VF at function 0 has a header without the bit, so there the header answers for it as well.
  if (isUnknown(fn.physicalFunction)) return isFirst ? fn.multifunction : fn.physicalFunction;
  if (fn.physicalFunction !== null) return false;
  return isFirst ? fn.multifunction : true;
}

function requiredBitsOn(fn: PciFunction): Known<boolean> {
  if (isUnknown(fn.acs)) return fn.acs;
  if (fn.acs === null) return false;
  // A bit that the capability does not offer counts as hard-wired on, but for egress control.
  const { capability, control, uncertain = 0 } = fn.acs;
  if (fn.acs.capabilityHidden === true) {
    if ((REQUIRED & ~control) === 0) return true;
    return unknown(`what the ACS of ${formatBdf(fn.bdf)} offers is not shown`);
  }
  const missing = REQUIRED & (capability | PCI_ACS_EC) & ~control;
  if ((missing & ~uncertain) !== 0) return false;
  return missing === 0 || unknown(`what firmware left in the ACS control of ${formatBdf(fn.bdf)} is not known`);
}

/** Of a function that was not looked at yet. */
const NO_GROUP = -1;

class GroupBuilder {
  readonly #topology: Topology;
  readonly #group: Int32Array;
  readonly #isolated: Int8Array;
  #next = 0;

  constructor(topology: Topology) {
    this.#topology = topology;
    this.#group = new Int32Array(topology.functions.length).fill(NO_GROUP);
    this.#isolated = new Int8Array(topology.functions.length).fill(-1);
  }

  /** Group of each function. The kernel scans a bus before what is below its bridges, whatever numbers they have. */
  build(): Int32Array {
    for (const index of this.#topology.functions.keys()) this.#formFromAbove(index);
    return this.#group;
  }

  /** Forms the group of a function behind those of the bridges above it, which it may have to join. */
  #formFromAbove(index: number): void {
    const waiting: number[] = [];
    let next: number | undefined = index;
    while (next !== undefined && this.#groupOf(next) === undefined) {
      waiting.push(next);
      next = this.#topology.parentOf(next);
    }
    for (const fn of waiting.reverse()) {
      if (domainOf(this.#function(fn).bdf) > 0xffff)
        throw new Hidden("functions behind a VMD share its group; the source does not link them");
      this.#group[fn] = this.#find(fn);
    }
  }

  #function(index: number): PciFunction {
    return this.#topology.functionAt(index);
  }

  /** Index of the bridge directly above, `undefined` on a root bus. */
  #above(index: number): number | undefined {
    const above = this.#topology.parentOf(index);
    if (above === undefined && !this.#topology.isOnRootBus(index))
      throw new Hidden(`the source does not show what is above ${formatBdf(this.#function(index).bdf)}`);
    return above;
  }

  /** The group that a function got before, `undefined` where it has none yet. */
  #groupOf(index: number): number | undefined {
    const group = entryAt(this.#group, index);
    return group === NO_GROUP ? undefined : group;
  }

  #isIsolated(index: number): boolean {
    if (this.#isolated[index] === -1) {
      const answer = isIsolated(this.#function(index));
      if (isUnknown(answer)) throw new Hidden(answer.unknown);
      this.#isolated[index] = answer ? 1 : 0;
    }
    return this.#isolated[index] === 1;
  }

  /**
   * Whether a function shares no group with others of its device. Where the source hides what decides it, the groups that
   * it lists do: on a root bus nothing else puts functions of one device together, or apart.
   */
  #isAloneInSlot(index: number): boolean {
    try {
      return this.#isIsolated(index);
    } catch (hidden) {
      if (!(hidden instanceof Hidden) || !this.#topology.isOnRootBus(index)) throw hidden;
      const groups = this.#topology.slotMates(index).map((mate) => {
        const { iommuGroup } = this.#function(mate);
        return isUnknown(iommuGroup) || iommuGroup === null ? -1 : iommuGroup;
      });
      if (groups.includes(-1)) throw hidden;
      const own = this.#function(index).iommuGroup;
      return groups.filter((group) => group === own).length === 1;
    }
  }

  #isPathIsolated(index: number): boolean {
    for (let bridge: number | undefined = index; bridge !== undefined; bridge = this.#above(bridge)) {
      if (!this.#isIsolated(bridge)) return false;
    }
    return true;
  }

  #find(index: number): number {
    const aliased = this.#followAliases(index);
    if (aliased.group !== undefined) return aliased.group;
    let device = aliased.last;
    for (let bridge = this.#above(device); bridge !== undefined; bridge = this.#above(bridge)) {
      if (this.#isPathIsolated(bridge)) break;
      device = bridge;
      const group = this.#groupOf(device);
      if (group !== undefined) return group;
    }
    return this.#groupOfSlotMates(device) ?? this.#next++;
  }

  /**
   * Walks the bridges that put their own requester id on what is below them (`pci_for_each_dma_alias`): conventional
   * bridges and the two kinds between PCIe and conventional PCI.
   */
  #followAliases(index: number): { last: number; group: number | undefined } {
    let last = index;
    for (let bridge = this.#above(index); bridge !== undefined; bridge = this.#above(bridge)) {
      if (!this.#isAliasing(bridge)) continue;
      last = bridge;
      const group = this.#groupOf(bridge);
      if (group !== undefined) return { last, group };
    }
    return { last, group: undefined };
  }

  #isAliasing(bridge: number): boolean {
    const { express } = this.#function(bridge);
    if (isUnknown(express)) throw new Hidden(express.unknown);
    if (express === null) return true;
    if (isUnknown(express.type)) throw new Hidden(express.type.unknown);
    return express.type === "pcie-to-pci-bridge" || express.type === "pci-to-pcie-bridge";
  }

  #groupOfSlotMates(device: number): number | undefined {
    const own = this.#groupOf(device);
    if (own !== undefined) return own;
    const shares = isMultifunction(this.#function(device));
    if (isUnknown(shares)) throw new Hidden(shares.unknown);
    if (!shares || this.#isAloneInSlot(device)) return undefined;
    for (const mate of this.#topology.slotMates(device)) {
      const group = this.#groupOf(mate);
      if (mate !== device && group !== undefined && !this.#isAloneInSlot(mate)) return group;
    }
    return undefined;
  }
}

/** Renumbers groups whose members are exactly those of a real group; the others keep clear of the real numbers. */
function withKernelNumbers(topology: Topology, groups: Int32Array): ReadonlyMap<Bdf, number> {
  const members = new Map<number, Bdf[]>();
  const realMembers = new Map<number, Bdf[]>();
  topology.functions.forEach((fn, index) => {
    push(members, entryAt(groups, index), fn.bdf);
    if (!isUnknown(fn.iommuGroup) && fn.iommuGroup !== null) push(realMembers, fn.iommuGroup, fn.bdf);
  });
  const realByMembers = new Map([...realMembers].map(([group, bdfs]) => [bdfs.join(), group]));
  let free = realMembers.size === 0 ? 0 : Math.max(...realMembers.keys()) + 1;
  const result = new Map<Bdf, number>();
  for (const bdfs of members.values()) {
    const number = realByMembers.get(bdfs.join()) ?? free++;
    for (const bdf of bdfs) result.set(bdf, number);
  }
  return result;
}

function push(lists: Map<number, Bdf[]>, key: number, bdf: Bdf): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [bdf]);
  else list.push(bdf);
}
