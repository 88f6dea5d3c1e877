import type { Gate } from "../../answers/gate.ts";
import type { Machine } from "../../host/machine.ts";
import { type Bdf, formatBdf } from "../../pci/bdf.ts";
import { PeerlaneError } from "../../pci/error.ts";
import type { Verdict } from "../../rules/verdict.ts";
import { decideAll } from "../../rules/verdict-table.ts";
import { RANKS } from "../../summary/outcomes.ts";
import { applyChanges } from "../what-if/apply.ts";
import type { Change } from "../what-if/change.ts";
import type { Blockers } from "./blockers.ts";
import type { Idea, Pair } from "./idea.ts";

/** What comes of an idea for a pair. */
export interface Outcome extends Pick<Verdict, "mapType" | "hops"> {
  /** True where the kernel maps it and the transfer is stopped all the same, with no way out but another path. */
  readonly isBlocked: boolean;
}

/** What comes of an idea for the asked pairs, in their order. */
export type Outcomes = readonly Outcome[];

/** An idea carried out on paper. */
export interface Trial {
  readonly idea: Idea;
  readonly after: Machine;
  readonly outcomes: Outcomes;
}

function rankAt(outcomes: Outcomes, index: number): number {
  const outcome = outcomes[index];
  return outcome === undefined || outcome.isBlocked ? 0 : RANKS[outcome.mapType];
}

/** True when one pair is better than before, and none is worse. */
export function isBetter(before: Outcomes, after: Outcomes): boolean {
  return isAtLeast(after, before) && gain(before, after) > 0;
}

/** True when no pair of `one` is worse than in `other`. */
export function isAtLeast(one: Outcomes, other: Outcomes): boolean {
  return other.every((_, index) => rankAt(one, index) >= rankAt(other, index));
}

/** How much better `after` is, over all pairs. */
export function gain(before: Outcomes, after: Outcomes): number {
  return after.reduce((sum, _, index) => sum + rankAt(after, index) - rankAt(before, index), 0);
}

/** So many pairs are better than before. */
export function helped(before: Outcomes, after: Outcomes): number {
  return after.filter((_, index) => rankAt(after, index) > rankAt(before, index)).length;
}

/** True when the kernel counts fewer hops for a pair that goes the same way as before. */
export function isShorter(before: Outcomes, after: Outcomes): boolean {
  return isAtLeast(after, before) && gain(before, after) === 0 && hopsOf(after) < hopsOf(before);
}

/** The hops of all pairs that work together. */
export function hopsOf(outcomes: Outcomes): number {
  return outcomes.reduce((sum, { hops }, index) => sum + (rankAt(outcomes, index) > 0 ? (hops ?? 0) : 0), 0);
}

/** True when all pairs are direct. */
export function areDirect(outcomes: Outcomes): boolean {
  return outcomes.every(({ mapType, isBlocked }) => mapType === "bus-addr" && !isBlocked);
}

/** Decides pairs in one pass. `pick` takes what is wanted of each, by its place in the table. */
export function decidePairs<T>(
  machine: Machine,
  pairs: readonly Pair[],
  rules: string | undefined,
  picker: (table: ReturnType<typeof decideAll>) => (i: number, j: number) => T,
): readonly T[] {
  const providers = [...new Set(pairs.map(({ provider }) => provider))];
  const clients = [...new Set(pairs.map(({ client }) => client))];
  const rows = new Map(providers.map((bdf, index): [Bdf, number] => [bdf, index]));
  const columns = new Map(clients.map((bdf, index): [Bdf, number] => [bdf, index]));
  const pick = picker(decideAll(machine, { providers, clients, ...(rules === undefined ? {} : { rules }) }));
  return pairs.map(({ provider, client }) => pick(rows.get(provider) ?? 0, columns.get(client) ?? 0));
}

/** The outcomes of pairs as a machine is. */
export function outcomesOf(
  machine: Machine,
  pairs: readonly Pair[],
  rules: string | undefined,
  blockers: Blockers,
): Outcomes {
  const decided = decidePairs(machine, pairs, rules, (table) => (i, j) => ({
    mapType: table.mapType(i, j),
    hops: table.hops(i, j),
  }));
  return decided.map((one, pair) => ({ ...one, isBlocked: blockers.of(pair, one.mapType, machine) !== null }));
}

/** The machine after changes, or why they cannot be carried out. */
export function carryOut(machine: Machine, changes: readonly Change[]): Machine | string {
  try {
    return applyChanges(machine, changes);
  } catch (error) {
    if (error instanceof PeerlaneError && error.code === "usage") return error.message;
    throw error;
  }
}

/**
 * True where an idea of which not all is known may help: no pair is known to be worse off, or may be refused that works, and
 * one may be better off.
 */
export function mayHelp(before: readonly Verdict[], after: readonly Verdict[]): boolean {
  const isHarmless = after.every((verdict, pair) => {
    const old = before[pair]?.mapType ?? "unknown";
    if (verdict.mapType !== "unknown" || old === "unknown") return RANKS[verdict.mapType] >= RANKS[old];
    return old === "not-supported" || (old === "thru-host-bridge" && verdict.supported === true);
  });
  return isHarmless && after.some(({ mapType }, pair) => mapType === "unknown" && before[pair]?.mapType !== "unknown");
}

/** Why an idea does not help, from the whole verdicts before and after, and what stops the pairs after it. */
export function whyNot(before: readonly Verdict[], after: readonly Verdict[], blocking: readonly Gate[]): string {
  const open = after.find(({ mapType }, index) => mapType === "unknown" && before[index]?.mapType !== "unknown");
  if (open !== undefined) return `what comes of it cannot be told: ${open.hidden.join("; ")}`;
  const redirecting = [...new Set(after.flatMap(({ acsRedirect }) => acsRedirect))];
  if (redirecting.length > 0) return `ACS still redirects at ${redirecting.map(formatBdf).join(", ")}`;
  const [gate] = blocking;
  if (gate !== undefined) return `still blocked: ${gate.message}`;
  return "the verdict stays the same";
}
