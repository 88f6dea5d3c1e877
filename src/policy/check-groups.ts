import type { Machine } from "../host/machine.ts";
import type { Bdf } from "../pci/bdf.ts";
import { isUnknown, type Known } from "../pci/known.ts";
import type { Topology } from "../pci/topology.ts";
import { expectedGroupOf, expectedIommuGroups, extremeIommuGroups } from "../rules/iommu-groups.ts";
import type { Assumptions } from "./judge-pair.ts";
import type { Members } from "./members.ts";
import type { FindingList, Member } from "./result.ts";

/** The IOMMU groups of a machine: those that its source states, and those that the rules predict. */
export class Groups {
  readonly #machine: Machine;
  readonly #topology: Topology;
  #predicted: Known<ReadonlyMap<Bdf, number>> | undefined;

  constructor(machine: Machine, topology: Topology, predicted?: ReadonlyMap<Bdf, number>) {
    this.#machine = machine;
    this.#topology = topology;
    this.#predicted = predicted;
  }

  /** As many and as few groups as there can be where the source hides ACS; `undefined` where it does not matter, or hides more. */
  extremes(): { readonly many: Groups; readonly few: Groups } | undefined {
    this.#predicted ??= expectedIommuGroups(this.#machine, this.#topology);
    const found = isUnknown(this.#predicted) ? extremeIommuGroups(this.#machine) : undefined;
    if (found === undefined) return undefined;
    const groupsOf = (predicted: ReadonlyMap<Bdf, number>): Groups =>
      new Groups(this.#machine, this.#topology, predicted);
    return { many: groupsOf(found.many), few: groupsOf(found.few) };
  }

  /** The group that the source states, `null` for none. */
  stated(bdf: Bdf): Known<number | null> {
    return this.#topology.find(bdf)?.iommuGroup ?? null;
  }

  /** The group that the kernel is predicted to form; its number is none of those that the source states. */
  predicted(bdf: Bdf): Known<number | null> {
    this.#predicted ??= expectedIommuGroups(this.#machine, this.#topology);
    const fn = this.#topology.find(bdf);
    return fn === undefined ? null : expectedGroupOf(this.#predicted, fn);
  }

  /** The stated group of a device, else the predicted one. */
  shown(device: Bdf): { readonly device: Bdf; readonly group: Known<number | null>; readonly isPredicted: boolean } {
    const group = this.stated(device);
    return isUnknown(group)
      ? { device, group: this.predicted(device), isPredicted: true }
      : { device, group, isPredicted: false };
  }
}

/**
 * Devices that must be in one group: each is held against the first of which that is known, by the groups that the source
 * states where it states both, else by those that are predicted.
 */
export function checkTogether(groups: Groups, { devices }: Members, findings: FindingList, assumed: Assumptions): void {
  const known = devices.map((member) => ({ member, ...groups.shown(member.bdf) }));
  const first = known.find(({ group, member }) => !isUnknown(group) && member.hidden === null) ?? known[0];
  if (first === undefined) return;
  for (const { member, device } of known) {
    const [mine, theirs] = pairOfGroups(groups, device, first.device);
    const { isPredicted } = mine;
    if (isUnknown(mine.group) || isUnknown(theirs.group)) {
      const hidden = isUnknown(mine.group) ? mine.group.unknown : isUnknown(theirs.group) ? theirs.group.unknown : "";
      findings.add("unknown", () => ({ kind: "hidden-group", device, hidden }));
      continue;
    }
    const { hidden } = member;
    const [group, other] = [mine.group, theirs.group];
    if (group === null) {
      findings.add(hidden === null ? "fail" : "unknown", () => ({ kind: "no-group", device, hidden }));
    } else if (other !== null && group !== other) {
      const apart = { kind: "apart", device, group, with: first.device, other, isPredicted, hidden } as const;
      findings.add(hidden === null ? "fail" : "unknown", () => apart);
    } else if (hidden === null) {
      findings.add("pass", () => ({ kind: "group", group, devices: [device], isPredicted, hidden: null }));
    }
    const stated = groups.stated(device);
    if (isPredicted && isUnknown(stated)) {
      assumed.set("the kernel forms IOMMU groups as predicted from ACS and topology", stated.unknown);
    }
  }
}

/** The groups of two devices, both stated or both predicted. */
function pairOfGroups(groups: Groups, a: Bdf, b: Bdf): readonly [ShownGroup, ShownGroup] {
  const areStated = [a, b].every((device) => !isUnknown(groups.stated(device)));
  const of = (device: Bdf): ShownGroup => {
    return areStated
      ? { device, group: groups.stated(device), isPredicted: false }
      : { device, group: groups.predicted(device), isPredicted: true };
  };
  return [of(a), of(b)];
}

type ShownGroup = ReturnType<Groups["shown"]>;

/** The members of one group on both sides of a rule. */
interface Gathered {
  readonly devices: Member[];
  readonly from: Member[];
}

/** Members by the number of their group. */
class Gathering {
  readonly groups = new Map<number, Gathered>();

  add(side: keyof Gathered, group: number, member: Member): void {
    const found = this.groups.get(group) ?? { devices: [], from: [] };
    this.groups.set(group, found);
    found[side].push(member);
  }
}

/**
 * Devices that must each be in a group, and in none with another of them or with one of `from`. Two devices are held
 * against each other by the groups that the source states where it states both, else by those that are predicted.
 */
export function checkSeparate(
  groups: Groups,
  devices: Members,
  from: Members | null,
  findings: FindingList,
  assumed: Assumptions,
): void {
  const [stated, predicted] = [new Gathering(), new Gathering()];
  const unstated = new Map<Bdf, string>();
  const sides = { devices: devices.devices, from: from?.devices ?? devices.devices };
  for (const { bdf } of [...sides.devices, ...sides.from]) {
    const group = groups.stated(bdf);
    if (isUnknown(group)) unstated.set(bdf, group.unknown);
  }
  const told = new Set<Bdf>();
  for (const side of ["devices", "from"] as const) {
    for (const member of sides[side]) {
      const { bdf, hidden } = member;
      const isFirst = !told.has(bdf);
      told.add(bdf);
      const group = groups.stated(bdf);
      if (!isUnknown(group) && group !== null) stated.add(side, group, member);
      const other = unstated.size > 0 ? groups.predicted(bdf) : null;
      if (!isUnknown(other) && other !== null) predicted.add(side, other, member);
      const own = isUnknown(group) ? other : group;
      if (isUnknown(own)) {
        const isAsked = side === "devices" || devices.devices.length > 0;
        if (isFirst && isAsked)
          findings.add("unknown", () => ({ kind: "hidden-group", device: bdf, hidden: own.unknown }));
      } else if (own === null && side === "devices") {
        findings.add(hidden === null ? "fail" : "unknown", () => ({ kind: "no-group", device: bdf, hidden }));
      }
    }
  }
  for (const [group, members] of stated.groups) {
    judgeGroup({ group, ...members, isPredicted: false, isToldOf: () => true }, findings);
  }
  const isToldOf = ({ bdf }: Member): boolean => unstated.has(bdf);
  let isAnyPredicted = false;
  for (const [group, members] of predicted.groups) {
    if (![...members.devices, ...members.from].some(isToldOf)) continue;
    isAnyPredicted = true;
    judgeGroup({ group, ...members, isPredicted: true, isToldOf }, findings);
  }
  const [why] = unstated.values();
  if (isAnyPredicted && why !== undefined) {
    assumed.set("the kernel forms IOMMU groups as predicted from ACS and topology", why);
  }
}

/** A stated or a predicted group. */
interface JudgedGroup extends Gathered {
  readonly group: number;
  readonly isPredicted: boolean;
  /** The devices whose group it is; the others have one of the other kind, and count as partners of these only. */
  readonly isToldOf: (member: Member) => boolean;
}

function judgeGroup(judged: JudgedGroup, findings: FindingList): void {
  const { group, devices, from, isPredicted, isToldOf } = judged;
  if (devices.length === 0) return;
  const sure = sharing(devices.filter(isSure), from.filter(isSure), isToldOf);
  const shared = sure.length > 0 ? sure : sharing(devices, from, isToldOf);
  if (shared.length === 0) {
    const apart = devices.filter(isToldOf);
    if (!apart.some(isSure)) return;
    findings.add("pass", () => ({ kind: "group", group, devices: bdfsOf(apart), isPredicted, hidden: null }));
    return;
  }
  const hidden = sure.length > 0 ? null : (shared.find((member) => !isSure(member))?.hidden ?? null);
  findings.add(sure.length > 0 ? "fail" : "unknown", () => ({
    kind: "group",
    group,
    devices: bdfsOf(shared),
    isPredicted,
    hidden,
  }));
}

function isSure({ hidden }: Member): boolean {
  return hidden === null;
}

/** Those of one side that share the group with one of the other. */
function sharing(
  devices: readonly Member[],
  from: readonly Member[],
  isToldOf: (member: Member) => boolean,
): readonly Member[] {
  const partnersIn = (side: readonly Member[]): ((member: Member) => boolean) => {
    const isAnyTold = side.some(isToldOf);
    const [first] = side;
    return (member) => (isToldOf(member) ? side.length > 1 || (first ?? member).bdf !== member.bdf : isAnyTold);
  };
  return [...devices.filter(partnersIn(from)), ...from.filter(partnersIn(devices))];
}

function bdfsOf(members: readonly Member[]): readonly Bdf[] {
  return [...new Set(members.map(({ bdf }) => bdf))].sort((a, b) => a - b);
}
