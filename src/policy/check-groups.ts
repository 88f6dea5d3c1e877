import type { Machine } from "../host/machine.ts";
import type { Bdf } from "../pci/bdf.ts";
import type { PciFunction } from "../pci/function.ts";
import { isUnknown, type Known } from "../pci/known.ts";
import type { Topology } from "../pci/topology.ts";
import { expectedIommuGroups } from "../rules/iommu-groups.ts";
import type { Assumptions } from "./judge-pair.ts";
import type { Member, Members } from "./members.ts";
import type { FindingList } from "./result.ts";

/** The IOMMU groups of a machine: those that its source shows, and those that the rules predict. */
export class Groups {
  readonly #machine: Machine;
  readonly #topology: Topology;
  #expected: Known<ReadonlyMap<Bdf, number>> | undefined;

  constructor(machine: Machine, topology: Topology) {
    this.#machine = machine;
    this.#topology = topology;
  }

  /**
   * The group of each device, `null` for none. Numbers of the two kinds do not mix: unless the source shows the groups
   * of all of them, all are predicted, and where that is not possible those that it does not show are unknown.
   */
  of(devices: readonly Member[]): GroupsOfDevices {
    const real = (bdf: Bdf): Known<number | null> => this.#function(bdf)?.iommuGroup ?? null;
    const hidden = devices.map(({ bdf }) => real(bdf)).find(isUnknown);
    if (hidden === undefined) return { groupOf: real, predictedAs: null };
    this.#expected ??= expectedIommuGroups(this.#machine, this.#topology);
    const expected = this.#expected;
    if (!isUnknown(expected)) return { groupOf: (bdf) => expected.get(bdf) ?? null, predictedAs: hidden.unknown };
    const orWhy = (bdf: Bdf): Known<number | null> => {
      const group = real(bdf);
      return isUnknown(group) ? expected : group;
    };
    return { groupOf: orWhy, predictedAs: null };
  }

  #function(bdf: Bdf): PciFunction | undefined {
    return this.#topology.find(bdf);
  }
}

/** The groups of some devices. */
interface GroupsOfDevices {
  readonly groupOf: (bdf: Bdf) => Known<number | null>;
  /** Why they had to be predicted; `null` where the source shows them. */
  readonly predictedAs: string | null;
}

/** The members of one group on both sides of a rule. */
interface Gathered {
  readonly devices: Member[];
  readonly from: Member[];
}

/** Devices that must each be in a group, and in none with another of them or with one of `from`. */
export function checkSeparate(
  groups: Groups,
  devices: Members,
  from: Members | null,
  findings: FindingList,
  assumed: Assumptions,
): void {
  const others = from?.devices ?? devices.devices;
  const { groupOf, predictedAs } = groups.of([...devices.devices, ...others]);
  const gathered = new Map<number, Gathered>();
  const gather = (group: number): Gathered => {
    const found = gathered.get(group) ?? { devices: [], from: [] };
    gathered.set(group, found);
    return found;
  };
  const seen = new Set<Bdf>();
  for (const member of devices.devices) {
    const { bdf, hidden } = member;
    seen.add(bdf);
    const group = groupOf(bdf);
    if (isUnknown(group)) findings.add("unknown", () => ({ kind: "hidden-group", device: bdf, hidden: group.unknown }));
    else if (group === null)
      findings.add(hidden === null ? "fail" : "unknown", () => ({ kind: "no-group", device: bdf, hidden }));
    else gather(group).devices.push(member);
  }
  for (const member of others) {
    const { bdf } = member;
    const group = groupOf(bdf);
    if (!isUnknown(group)) {
      if (group !== null) gather(group).from.push(member);
    } else if (!seen.has(bdf) && devices.devices.length > 0) {
      findings.add("unknown", () => ({ kind: "hidden-group", device: bdf, hidden: group.unknown }));
    }
  }
  for (const [group, members] of gathered) judgeGroup(group, members, predictedAs !== null, findings);
  if (predictedAs !== null && gathered.size > 0) {
    assumed.set("the kernel forms IOMMU groups as predicted from ACS and topology", predictedAs);
  }
}

function judgeGroup(group: number, { devices, from }: Gathered, isPredicted: boolean, findings: FindingList): void {
  if (devices.length === 0) return;
  const isSure = ({ hidden }: Member): boolean => hidden === null;
  const share = (a: readonly Member[], b: readonly Member[]): boolean =>
    a.some(({ bdf }) => b.some((other) => other.bdf !== bdf));
  const isShared = share(devices.filter(isSure), from.filter(isSure));
  if (!isShared && !share(devices, from)) {
    if (devices.some(isSure)) {
      findings.add("pass", () => ({ kind: "group", group, devices: bdfsOf(devices), isPredicted, hidden: null }));
    }
    return;
  }
  const isMeant = isShared ? isSure : () => true;
  const doubtful = isShared ? undefined : [...devices, ...from].find((member) => !isSure(member));
  const hidden = doubtful?.hidden ?? null;
  findings.add(isShared ? "fail" : "unknown", () => ({
    kind: "group",
    group,
    devices: bdfsOf([...devices, ...from].filter(isMeant)),
    isPredicted,
    hidden,
  }));
}

function bdfsOf(members: readonly Member[]): readonly Bdf[] {
  return [...new Set(members.map(({ bdf }) => bdf))].sort((a, b) => a - b);
}
