import type { Machine } from "../../host/machine.ts";
import { type DeviceSelection, selectDevices } from "../../host/select.ts";
import type { Bdf } from "../../pci/bdf.ts";
import type { MapType } from "../../rules/verdict.ts";
import { decideAll, type VerdictTable } from "../../rules/verdict-table.ts";
import type { VerdictChange } from "../difference/verdicts.ts";
import type { Pair } from "./idea.ts";
import { type ClassPair, classKeyOf } from "./pair-classes.ts";

/** Pairs of two classes whose kind of path a change makes another: `first` is a provider, `second` a client. */
export interface ClassChange extends ClassPair {
  readonly before: MapType;
  readonly after: MapType;
}

/** Pairs of two classes that keep their map type and have other hops: `first` is a provider, `second` a client. */
export interface HopChange extends ClassPair {
  /** So many hops more; below 0 fewer. */
  readonly more: number;
}

/** What a change does to the pairs that nobody asked about. */
export interface SideEffects {
  /** Pairs whose map type changes, by class, most pairs first. */
  readonly classes: readonly ClassChange[];
  /** Pairs that keep their map type, with another number of hops: by class, the longest ways first, then most pairs. */
  readonly hops: readonly HopChange[];
  /** So many pairs those are. */
  readonly hopsOnly: number;
  /** The first of the changed pairs, one by one: so many as {@link MAX_LISTED}. */
  readonly listed: readonly VerdictChange[];
  /** So many changed pairs there are, with those of which only the hops change. */
  readonly count: number;
}

/** So many changed pairs are listed one by one. */
export const MAX_LISTED = 1000;
/** A table of more pairs is not made anew for each proposal: then it is of the devices of interest. */
const MAX_PAIRS = 1_000_000;

/**
 * The table on which side effects are measured: every function but bridges, as provider where it has memory; on machines
 * with more than a thousand or so of them the devices of interest, and of too many of those the asked ones alone.
 */
export function surroundings(machine: Machine, pairs: readonly Pair[], rules: string | undefined): VerdictTable {
  const asked = new Set(pairs.flatMap(({ provider, client }) => [provider, client]));
  const isSmall = ({ providers, clients }: DeviceSelection): boolean =>
    (providers.length + asked.size) * (clients.length + asked.size) <= MAX_PAIRS;
  const selections = [selectDevices(machine, { all: true }), selectDevices(machine, { all: false })];
  const { providers, clients } = selections.find(isSmall) ?? { providers: [], clients: [] };
  const inOrder = (bdfs: readonly Bdf[]): readonly Bdf[] => {
    const wanted = new Set([...bdfs, ...asked]);
    return machine.functions.map((fn) => fn.bdf).filter((bdf) => wanted.has(bdf));
  };
  return decideAll(machine, {
    providers: inOrder(providers),
    clients: inOrder(clients),
    ...(rules === undefined ? {} : { rules }),
  });
}

/** How many functions but bridges a table of {@link surroundings} has, and how many there are. */
export function watchedOf({ machine, clients }: VerdictTable): { readonly functions: number; readonly of: number } {
  return {
    functions: clients.length,
    of: Math.max(clients.length, selectDevices(machine, { all: true }).clients.length),
  };
}

/** Compares tables of the same devices, but for the asked pairs and their ways back, which are the same paths. */
export function sideEffects(before: VerdictTable, after: VerdictTable, pairs: readonly Pair[]): SideEffects {
  const asked = new Set(pairs.flatMap(({ provider, client }) => [`${provider} ${client}`, `${client} ${provider}`]));
  const classOf = new Map(before.machine.functions.map((fn) => [fn.bdf, classKeyOf(fn)]));
  const classes = new Map<string, ClassChange & { pairs: number }>();
  const listed: VerdictChange[] = [];
  const hops = new Map<string, HopChange & { pairs: number }>();
  let count = 0;
  before.providers.forEach((provider, i) => {
    before.clients.forEach((client, j) => {
      const old = { mapType: before.mapType(i, j), hops: before.hops(i, j) };
      const now = { mapType: after.mapType(i, j), hops: after.hops(i, j) };
      if (old.mapType === now.mapType && old.hops === now.hops) return;
      if (asked.has(`${provider} ${client}`)) return;
      count++;
      if (listed.length < MAX_LISTED) listed.push({ provider, client, before: old, after: now });
      const pair = { first: provider, second: client, pairs: 0 };
      const of = [classOf.get(provider), classOf.get(client)];
      if (old.mapType === now.mapType) {
        const more = (now.hops ?? 0) - (old.hops ?? 0);
        countIn(hops, [...of, more].join(), { ...pair, more });
      } else {
        countIn(classes, [...of, old.mapType, now.mapType].join(), {
          ...pair,
          before: old.mapType,
          after: now.mapType,
        });
      }
    });
  });
  return {
    classes: [...classes.values()].sort((a, b) => b.pairs - a.pairs),
    hops: [...hops.values()].sort((a, b) => b.more - a.more || b.pairs - a.pairs),
    hopsOnly: [...hops.values()].reduce((sum, { pairs: own }) => sum + own, 0),
    listed,
    count,
  };
}

function countIn<T extends ClassPair & { pairs: number }>(classes: Map<string, T>, key: string, one: T): void {
  const known = classes.get(key) ?? one;
  known.pairs++;
  classes.set(key, known);
}
