import { type Answer, answer } from "../../answers/answer.ts";
import type { Machine } from "../../host/machine.ts";
import { selectDevices } from "../../host/select.ts";
import type { Bdf } from "../../pci/bdf.ts";
import { PeerlaneError } from "../../pci/error.ts";
import { isUnknown, type Known } from "../../pci/known.ts";
import type { MapType, Verdict } from "../../rules/verdict.ts";
import { decideAll, type VerdictTable } from "../../rules/verdict-table.ts";
import { compareGroups, type GroupChange } from "../difference/groups.ts";
import { compareVerdicts, type VerdictChange } from "../difference/verdicts.ts";
import { applyChanges } from "../what-if/apply.ts";
import { needsReboot } from "../what-if/change.ts";
import type { Idea, Pair } from "./idea.ts";

/** An idea of which the rules show that it helps, with everything else that it does. */
export interface ProvedFix extends Idea {
  /** The verdicts of the asked pairs after it, in their order. */
  readonly verdicts: readonly Answer[];
  /** Other pairs of devices of interest that it changes. */
  readonly otherVerdicts: readonly VerdictChange[];
  /** IOMMU groups that it changes: none at run time, as groups are formed at boot. Unknown where the source hides them. */
  readonly groups: Known<readonly GroupChange[]>;
}

/** An idea that does not help, and what it leads to. */
export interface RejectedIdea {
  readonly title: string;
  readonly why: string;
}

/** The verdicts of pairs in one machine, with what is said beside them. */
export function answersOf(machine: Machine, pairs: readonly Pair[], rules: string | undefined): readonly Answer[] {
  return pairs.map(({ provider, client }) => answer(machine, provider, client, rules === undefined ? {} : { rules }));
}

const rank: Readonly<Record<MapType, number>> = {
  "bus-addr": 2,
  "thru-host-bridge": 1,
  "not-supported": 0,
  unknown: 0,
};

/** True when every pair that `improves` asks about is better than before, and none is worse. */
export function isBetter(before: readonly Verdict[], after: readonly Verdict[]): boolean {
  const isWorse = after.some((verdict, index) => rankOf(verdict) < rankOf(before[index]));
  const isAnyBetter = after.some((verdict, index) => rankOf(verdict) > rankOf(before[index]));
  return isAnyBetter && !isWorse;
}

function rankOf(verdict: Verdict | undefined): number {
  return verdict === undefined ? 0 : rank[verdict.mapType];
}

/** The machine after an idea, or why the idea cannot be carried out. */
export function tryIdea(machine: Machine, idea: Idea): Machine | string {
  try {
    return applyChanges(machine, idea.changes);
  } catch (error) {
    if (error instanceof PeerlaneError && error.code === "usage") return error.message;
    throw error;
  }
}

/** Everything that an idea does beside what it is for. `before` is the table of the machine as it is. */
export function proved(idea: Idea, after: Machine, before: VerdictTable, pairs: readonly Pair[]): ProvedFix {
  const rules = before.rules.chosenBy === "flag" && before.rules.asked !== null ? before.rules.asked : undefined;
  const { providers, clients } = before;
  const table = decideAll(after, { providers, clients, ...(rules === undefined ? {} : { rules }) });
  // The way back is the same path, and says nothing new.
  const asked = new Set(
    pairs.flatMap(({ provider, client }) => [pairKey(provider, client), pairKey(client, provider)]),
  );
  return {
    ...idea,
    verdicts: answersOf(after, pairs, rules),
    otherVerdicts: compareVerdicts(before, table).filter(
      ({ provider, client }) => !asked.has(pairKey(provider, client)),
    ),
    groups: idea.changes.some(needsReboot) ? groupsAfterBoot(before.machine, after) : [],
  };
}

function groupsAfterBoot(before: Machine, after: Machine): Known<readonly GroupChange[]> {
  const hidden = after.functions.map((fn) => fn.iommuGroup).find(isUnknown);
  return hidden ?? compareGroups(before, after);
}

function pairKey(provider: Bdf, client: Bdf): string {
  return `${provider} ${client}`;
}

/** The table on which side effects are measured: devices of interest and those that were asked about. */
export function surroundings(machine: Machine, pairs: readonly Pair[], rules: string | undefined): VerdictTable {
  const chosen = selectDevices(machine, { all: false });
  const wanted = new Set([
    ...chosen.providers,
    ...chosen.clients,
    ...pairs.flatMap(({ provider, client }) => [provider, client]),
  ]);
  const bdfs = machine.functions.map((fn) => fn.bdf).filter((bdf) => wanted.has(bdf));
  return decideAll(machine, { providers: bdfs, clients: bdfs, ...(rules === undefined ? {} : { rules }) });
}
