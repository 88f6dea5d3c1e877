import { Localities, type Locality } from "../../answers/locality.ts";
import type { Machine } from "../../host/machine.ts";
import { type DeviceSelection, selectDevices } from "../../host/select.ts";
import type { Bdf } from "../../pci/bdf.ts";
import { isUnknown, type Known } from "../../pci/known.ts";
import type { PeerDifference } from "../../routes/peer-difference.ts";
import { type PeerDirection, type PeerRoute, PeerRoutes } from "../../routes/peer-routes.ts";
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

/** Pairs of two classes that keep map type and hops and come to lie nearer or farther apart. */
export interface LocalityChange extends ClassPair {
  readonly before: Locality;
  readonly after: Locality;
}

/** Where requests of a pair end, by the fabric: in the provider's memory, as the verdict promises or by another way; or not. */
export type RequestsEnd = "arrive" | "arrive otherwise" | "fail" | "unknown";

/** Pairs of two classes that keep their map type and whose requests end otherwise. */
export interface RouteChange extends ClassPair {
  readonly direction: PeerDirection;
  readonly before: RequestsEnd;
  readonly after: RequestsEnd;
  /** Why they end so after it, each reason once; none where they arrive as the verdict promises. */
  readonly why: readonly string[];
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
  readonly localities: readonly LocalityChange[];
  /** `null`: there are too many pairs to ask where their requests end. */
  readonly routes: readonly RouteChange[] | null;
}

/** So many changed pairs are listed one by one. */
export const MAX_LISTED = 1000;
/** Of more pairs nobody asks where their requests end. */
const MAX_ROUTED = 40_000;
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
export class Others {
  readonly #before: VerdictTable;
  readonly #asked: ReadonlySet<string>;
  readonly #classOf: ReadonlyMap<Bdf, string>;
  readonly #localities: Localities;
  readonly #isRouted: boolean;
  readonly #ends: RequestEnds;

  constructor(before: VerdictTable, pairs: readonly Pair[]) {
    this.#before = before;
    this.#asked = new Set(pairs.flatMap(({ provider, client }) => [`${provider} ${client}`, `${client} ${provider}`]));
    this.#classOf = new Map(before.machine.functions.map((fn) => [fn.bdf, classKeyOf(fn)]));
    this.#localities = new Localities(before.machine, before.topology);
    this.#isRouted = before.providers.length * before.clients.length <= MAX_ROUTED;
    this.#ends = new RequestEnds(before);
  }

  /** What becomes of them in another table of the same devices. */
  in(after: VerdictTable): SideEffects {
    const before = this.#before;
    const classes = new Classes<ClassChange>();
    const hops = new Classes<HopChange>();
    const localities = new Classes<LocalityChange>();
    const routes = new Classes<RouteChange & { readonly why: string[] }>();
    const listed: VerdictChange[] = [];
    const localitiesAfter = new Localities(after.machine, after.topology);
    const ends = new RequestEnds(after);
    let count = 0;
    before.providers.forEach((provider, i) => {
      before.clients.forEach((client, j) => {
        if (provider === client || this.#asked.has(`${provider} ${client}`)) return;
        const old = { mapType: before.mapType(i, j), hops: before.hops(i, j) };
        const now = { mapType: after.mapType(i, j), hops: after.hops(i, j) };
        const pair = { first: provider, second: client, pairs: 0 };
        const of = [this.#classOf.get(provider), this.#classOf.get(client)];
        if (old.mapType !== now.mapType || old.hops !== now.hops) {
          count++;
          if (listed.length < MAX_LISTED) listed.push({ provider, client, before: old, after: now });
        }
        if (old.mapType !== now.mapType) {
          classes.count([...of, old.mapType, now.mapType], {
            ...pair,
            before: old.mapType,
            after: now.mapType,
          });
          return;
        }
        if (old.hops !== now.hops) {
          const more = (now.hops ?? 0) - (old.hops ?? 0);
          hops.count([...of, more], { ...pair, more });
        } else {
          const [was, is] = [this.#localities.of(before.path(i, j)).is, localitiesAfter.of(after.path(i, j)).is];
          if (was !== is && was !== null && is !== null && !isUnknown(was) && !isUnknown(is)) {
            localities.count([...of, was, is], { ...pair, before: was, after: is });
          }
        }
        if (!this.#isRouted) return;
        const [from, to] = [this.#ends.of(i, j), ends.of(i, j)];
        if (from === null || to === null) return;
        for (const direction of ["write", "read"] as const) {
          const [was, is] = [from[direction].end, to[direction].end];
          if (was === is) continue;
          const why: string[] = [];
          const one = routes.count([...of, direction, was, is], { ...pair, direction, before: was, after: is, why });
          const reason = to[direction].why;
          if (reason !== null && !one.why.includes(reason)) one.why.push(reason);
        }
      });
    });
    const byPairs = (a: ClassPair, b: ClassPair): number => b.pairs - a.pairs;
    return {
      classes: classes.all.sort(byPairs),
      hops: hops.all.sort((a, b) => b.more - a.more || byPairs(a, b)),
      hopsOnly: hops.all.reduce((sum, { pairs: own }) => sum + own, 0),
      listed,
      count,
      localities: localities.all.sort(byPairs),
      routes: this.#isRouted ? routes.all.sort(byPairs) : null,
    };
  }
}

/** Where requests of one direction end, and why there; `null` where they arrive as the verdict promises. */
interface EndOfRequests {
  readonly end: RequestsEnd;
  readonly why: string | null;
}

/** Where the requests of a table's pairs end; each is asked once. */
export class RequestEnds {
  readonly #routes: PeerRoutes;
  readonly #columns: number;
  readonly #known = new Map<number, Readonly<Record<PeerDirection, EndOfRequests>> | null>();

  constructor(table: VerdictTable) {
    this.#routes = new PeerRoutes(table);
    this.#columns = table.clients.length;
  }

  /** `null` where no address is handed out, or nobody knows which: after a move, of those that get another. */
  of(i: number, j: number): Readonly<Record<PeerDirection, EndOfRequests>> | null {
    const key = i * this.#columns + j;
    let ends = this.#known.get(key);
    if (ends === undefined) {
      const routing = this.#routes.at(i, j, false);
      ends =
        routing === null || isUnknown(routing.address)
          ? null
          : { write: endOf(routing.write), read: endOf(routing.read) };
      this.#known.set(key, ends);
    }
    return ends;
  }
}

function endOf(route: Known<PeerRoute>): EndOfRequests {
  if (isUnknown(route)) return { end: "unknown", why: route.unknown };
  if (route.outcome !== "delivered") return { end: "fail", why: route.reason };
  return route.differs === null
    ? { end: "arrive", why: null }
    : { end: "arrive otherwise", why: OTHERWISE[route.differs] };
}

/** How requests arrive that do not arrive as the verdict promises. */
const OTHERWISE: Readonly<Record<PeerDifference, string>> = {
  "not-delivered": "they end on the way",
  elsewhere: "they reach something else than the provider's BAR",
  "goes-up": "they go up to the root complex, while the verdict is direct",
  "stays-below": "they turn at the switch, while the verdict is through the host bridge",
};

/** Pairs counted by what is alike of them. */
class Classes<T extends ClassPair> {
  readonly #known = new Map<string, T & { pairs: number }>();

  /** The class of a pair, which is `one` where none of its key was counted before. */
  count(key: readonly (string | number | undefined)[], one: T & { pairs: number }): T {
    const text = key.join();
    const known = this.#known.get(text) ?? one;
    known.pairs++;
    this.#known.set(text, known);
    return known;
  }

  get all(): T[] {
    return [...this.#known.values()];
  }
}
