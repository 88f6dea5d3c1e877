import type { GroupChange } from "../../../src/advice/difference/groups.ts";
import { findProvider } from "../../../src/advice/find-provider.ts";
import { verdictHistory } from "../../../src/advice/history.ts";
import { type Machine, topologyOf } from "../../../src/host/machine.ts";
import type { Bdf } from "../../../src/pci/bdf.ts";
import { isUnknown, type Known } from "../../../src/pci/known.ts";
import { expectedIommuGroups } from "../../../src/rules/iommu-groups.ts";
import { decideAll } from "../../../src/rules/verdict-table.ts";
import type { Random } from "../pastes/random.ts";
import type { Asked } from "./asked.ts";
import type { Judgement } from "./judgement.ts";
import { type Decided, releaseNumber } from "./kernel.ts";
import { isBridge } from "./layout.ts";
import type { Names } from "./names.ts";
import type { Groups, Running } from "./running.ts";

export const textOf = ({ mapType, hops, distance }: Decided): string => `${mapType} at ${hops} hops (${distance})`;

/** Pairs of a machine, each end with each. */
export function judgeTable(
  judgement: Judgement,
  verb: string,
  { names, ends, isWhole }: Asked,
  machine: Machine,
  running: Running,
): void {
  const bdfs = ends.map((name) => names.bdf(name));
  const table = decideAll(machine, { providers: bdfs, clients: bdfs });
  for (const [i, provider] of ends.entries()) {
    for (const [j, client] of ends.entries()) {
      const mapType = table.mapType(i, j);
      const right = textOf(running.decide(provider, client));
      if (mapType === "unknown" && !isWhole) {
        judgement.hidden++;
        continue;
      }
      const said = `${mapType} at ${table.hops(i, j)} hops (${table.distance(i, j)})`;
      judgement.pair(verb, said, right, () => `${provider} → ${client}`);
    }
  }
}

/** Sets of names that share a group, as one text. */
export function groupsText(groups: ReadonlyMap<string, number>): string {
  const members = new Map<number, string[]>();
  for (const [name, group] of groups) members.set(group, [...(members.get(group) ?? []), name]);
  return [...members.values()]
    .map((list) => list.sort().join("+"))
    .sort()
    .join(" ");
}

/** Groups that Peerlane expects or shows, by name; `undefined` where it does not know them. */
export function saidGroups(machine: Machine, names: Names): ReadonlyMap<string, number> | undefined {
  const shown = machine.functions.every(({ iommuGroup }) => !isUnknown(iommuGroup));
  const expected = shown
    ? new Map(machine.functions.map(({ bdf, iommuGroup }) => [bdf, iommuGroup as number | null]))
    : expectedIommuGroups(machine, topologyOf(machine));
  if (isUnknown(expected)) return undefined;
  return new Map([...expected].flatMap(([bdf, group]) => (group === null ? [] : [[names.of(bdf), group]])));
}

export function judgeGroups(
  judgement: Judgement,
  what: string,
  { names, isWhole }: Asked,
  machine: Machine,
  running: Running,
): void {
  const said = saidGroups(machine, names);
  if (said === undefined && !isWhole) return;
  judgement.other(what, said === undefined ? "unknown" : groupsText(said), groupsText(running.groups));
}

/** ACS control of every function. */
export function judgeAcs(judgement: Judgement, { names, isWhole }: Asked, machine: Machine, running: Running): void {
  for (const { bdf, acs } of machine.functions) {
    const name = names.of(bdf);
    const right = running.control.get(name);
    if (isUnknown(acs)) {
      if (isWhole) judgement.fault(`ACS of ${name} is unknown: ${acs.unknown}`);
      continue;
    }
    const uncertain = acs?.uncertain ?? 0;
    if (uncertain !== 0 && isWhole) judgement.fault(`bits ${uncertain} of the ACS of ${name} are not certain`);
    const said = acs === null ? "none" : `${acs.control & ~uncertain}`;
    judgement.other("ACS", said, right === undefined ? "none" : `${right & ~uncertain}`, () => `ACS of ${name}`);
  }
}

/** What Peerlane says of groups that change, against the judge's groups on both sides. */
export function judgeGroupChanges(
  judgement: Judgement,
  what: string,
  { names, isWhole }: Asked,
  said: Known<readonly GroupChange[]>,
  before: Running,
  after: Running,
): void {
  if (isUnknown(said)) {
    if (isWhole) judgement.fault(`${what}: groups are unknown: ${said.unknown}`);
    return;
  }
  // A card that is put in was in no group before.
  const now = new Map([...after.groups].filter(([name]) => before.has(name)));
  const changed = changedGroups(before.groups, now);
  const text = (lists: readonly (readonly Bdf[])[]): string =>
    lists
      .map((list) =>
        list
          .map((bdf) => names.of(bdf))
          .sort()
          .join("+"),
      )
      .sort()
      .join(" ");
  judgement.other(what, text(said.flatMap((change) => change.before)), changed.before, () => "what groups were");
  judgement.other(what, text(said.flatMap((change) => change.after)), changed.after, () => "what groups become");
  const joined = joinedEnds(before, after);
  judgement.other(what, text(said.flatMap((change) => change.joined)), joined, () => "what is no longer apart");
}

function listsOf(groups: Groups): readonly string[] {
  const text = groupsText(groups);
  return text === "" ? [] : text.split(" ");
}

function changedGroups(before: Groups, after: Groups): { readonly before: string; readonly after: string } {
  const [old, now] = [listsOf(before), listsOf(after)];
  return {
    before: old.filter((group) => !now.includes(group)).join(" "),
    after: now.filter((group) => !old.includes(group)).join(" "),
  };
}

/** Ends of one group that were in several before. */
function joinedEnds(before: Running, after: Running): string {
  const joined = listsOf(after.groups)
    .map((group) => group.split("+").filter((name) => before.has(name) && !isBridge(after.at(name))))
    .filter((ends) => new Set(ends.flatMap((name) => before.groups.get(name) ?? [])).size > 1);
  return joined
    .map((ends) => ends.join("+"))
    .sort()
    .join(" ");
}

/** What each release says of a pair: its registers stay as they are. */
export function judgeHistory(judgement: Judgement, asked: Asked, random: Random, releases: readonly string[]): void {
  const { names, machine, running, ends } = asked;
  const [provider, client] = [random.pick(ends), random.pick(ends)];
  const entries = verdictHistory(machine, names.bdf(provider), names.bdf(client));
  for (const release of releases) {
    const number = releaseNumber(release);
    const entry = entries.find(({ from, to }) => releaseNumber(from) <= number && number <= releaseNumber(to));
    const right = textOf(running.withRelease(release).decide(provider, client));
    const { mapType, hops, distance } = entry?.verdict ?? { mapType: "not said", hops: 0, distance: 0 };
    judgement.other("releases of history", `${mapType} at ${hops} hops (${distance})`, right, () => {
      return `${provider} → ${client} on ${release}`;
    });
  }
  judgement.pair("history", "", "", () => "");
}

/** The provider that the kernel takes for some clients, and the order in which the others follow. */
export function judgeFind(judgement: Judgement, asked: Asked, random: Random): void {
  const { names, machine, running, ends } = asked;
  const clients = [...new Set(Array.from({ length: 1 + random.below(3) }, () => random.pick(ends)))];
  const search = findProvider(
    machine,
    clients.map((name) => names.bdf(name)),
  );
  const providers = running.functions.filter(({ hasBuffer }) => hasBuffer);
  const sums = providers.map(({ name }) => {
    const all = clients.map((client) => running.decide(name, client));
    const isReached = all.every(({ distance }) => distance >= 0);
    const sum = (of: (one: Decided) => number): number => all.reduce((total, one) => total + of(one), 0);
    return { name, distance: isReached ? sum(({ distance }) => distance) : -1, hops: sum(({ hops }) => hops) };
  });
  for (const { name, distance } of sums) {
    const said = search.candidates.find(({ provider }) => names.of(provider) === name);
    judgement.pair("find", String(said === undefined ? "not there" : said.distance), String(distance), () => {
      return `the sum of ${name} to ${clients.join(", ")}`;
    });
  }
  const reached = sums.filter(({ distance }) => distance >= 0);
  const least = Math.min(...reached.map(({ distance }) => distance));
  const right = reached.filter(({ distance }) => distance === least).map(({ name }) => name);
  const chosen = isUnknown(search.chosen) ? ["unknown"] : search.chosen.map((bdf) => names.of(bdf));
  judgement.other(
    "what find chooses",
    chosen.sort().join(" "),
    right.sort().join(" "),
    () => `for ${clients.join(", ")}`,
  );
  // The nearest first by what the kernel returns; those that are as near in the order of the bus.
  const order = [
    ...reached.toSorted((a, b) => a.distance - b.distance),
    ...sums.filter(({ distance }) => distance < 0).toSorted((a, b) => a.hops - b.hops),
  ].map(({ name }) => name);
  const said = search.candidates.map(({ provider }) => names.of(provider));
  judgement.other("the ranking of find", said.join(" "), order.join(" "), () => `for ${clients.join(", ")}`);
}
