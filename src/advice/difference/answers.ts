import { Answers } from "../../answers/answer.ts";
import { type Gate, isSureBlock } from "../../answers/gate.ts";
import { type GateKindSet, HiddenGates, kindSet, kindsIn } from "../../answers/hidden-gates.ts";
import { type Bdf, formatBdf } from "../../pci/bdf.ts";
import type { Known } from "../../pci/known.ts";
import { memoryOf } from "../../pci/peer-roles.ts";
import type { AskedBy } from "../../platforms/who-asks.ts";
import { type PeerDirection, PeerRoutes } from "../../routes/peer-routes.ts";
import type { MapType } from "../../rules/verdict.ts";
import type { VerdictTable } from "../../rules/verdict-table.ts";
import { type AnswerPart, type AnswerParts, answerParts } from "./answer-parts.ts";
import {
  type GateChanges,
  type Judgement,
  judgeChange,
  mayBlock,
  type PartChange,
  type WorkingSide,
  worksOf,
} from "./effect.ts";
import { KeptApart } from "./kept-apart.ts";
import type { Matching } from "./matching.ts";
import { hiddenFrom, sightOf } from "./sight.ts";

/** One side of an answer. */
export interface AnswerSide extends WorkingSide {
  readonly mapType: MapType;
  readonly hops: number | null;
  /** The gates that stop it, whatever its verdict is. */
  readonly blockedBy: readonly Gate[];
}

/** A pair of the same two devices of which something else is said; by the addresses after. */
export interface AnswerChange extends Judgement {
  readonly provider: Bdf;
  readonly client: Bdf;
  readonly before: AnswerSide;
  readonly after: AnswerSide;
  readonly gates: GateChanges;
  readonly parts: readonly PartChange[];
}

/** A pair by its addresses. */
export interface Pair {
  readonly provider: Bdf;
  readonly client: Bdf;
}

/** What answers differ between two machines. */
export interface AnswerDifference {
  /** Pairs of two different functions that were compared. */
  readonly compared: number;
  /** Pairs of which only map types and hops were compared, and are the same, as there are too many. */
  readonly skipped: number;
  readonly changes: readonly AnswerChange[];
  /** Pairs that worked and of which a device is gone or was replaced, by the addresses before. */
  readonly gone: readonly Pair[];
  /** The same of pairs of which it is not known whether they worked. */
  readonly mayBeGone: readonly Pair[];
  /** Functions that the IOMMU kept apart and that reach each other past it, each pair once, by the addresses after. */
  readonly pastIommu: readonly (readonly [Bdf, Bdf])[];
}

/** Of more pairs than this whole answers are compared only where map types or hops differ. */
const MAX_PAIRS = 200_000;

/** Compares all that is said of the pairs that both tables have. */
export function compareAnswers(before: VerdictTable, after: VerdictTable, matching: Matching): AnswerDifference {
  const comparison = new Comparison(before, after, matching);
  const columns = earlierPositions(before.clients, after.clients, matching);
  const changes: AnswerChange[] = [];
  let compared = 0;
  let skipped = 0;
  earlierPositions(before.providers, after.providers, matching).forEach((row, i) => {
    if (row === undefined) return;
    columns.forEach((column, j) => {
      if (column === undefined || after.providers[i] === after.clients[j]) return;
      if (compared >= MAX_PAIRS && comparison.isSameVerdict(row, column, i, j)) {
        skipped++;
        return;
      }
      compared++;
      const change = comparison.at(row, column, i, j);
      if (change !== undefined) changes.push(change);
    });
  });
  return { compared, skipped, changes, ...comparison.gone(), pastIommu: comparison.pastIommu };
}

/** For each device of a list the position that it had in the other one. */
function earlierPositions(
  before: readonly Bdf[],
  after: readonly Bdf[],
  matching: Matching,
): readonly (number | undefined)[] {
  const positions = new Map(before.map((bdf, position) => [bdf, position]));
  return after.map((bdf) => {
    const earlier = matching.earlierOf(bdf);
    return earlier === undefined ? undefined : positions.get(earlier);
  });
}

/** What is said of a pair on one side. */
interface Said extends Omit<AnswerSide, "works" | "blockedBy"> {
  readonly provider: Bdf;
  readonly client: Bdf;
  readonly path: readonly Bdf[];
  readonly askedBy: AskedBy;
  readonly gates: readonly Gate[];
  readonly parts: AnswerParts;
  readonly past: Known<readonly PeerDirection[]>;
}

/** Of a map type that is unknown the reason is another matter, and so is the kernel that a source does not name. */
const KNOWN_ONLY: readonly AnswerPart[] = ["reason", "releases", "past-iommu", "slowest-link"];
const ROUTES: readonly AnswerPart[] = ["route-write", "route-read"];

class Comparison {
  readonly #matching: Matching;
  readonly #before: VerdictTable;
  readonly #after: VerdictTable;
  readonly #answers: readonly [before: Answers, after: Answers];
  readonly #routes: readonly [before: PeerRoutes, after: PeerRoutes];
  readonly #hidden: readonly [before: HiddenGates, after: HiddenGates];
  readonly #keptApart: KeptApart;

  constructor(before: VerdictTable, after: VerdictTable, matching: Matching) {
    this.#matching = matching;
    this.#before = before;
    this.#after = after;
    this.#answers = [new Answers(before), new Answers(after)];
    this.#routes = [new PeerRoutes(before), new PeerRoutes(after)];
    this.#hidden = [new HiddenGates(before.machine, before.topology), new HiddenGates(after.machine, after.topology)];
    this.#keptApart = new KeptApart(before, after, matching);
  }

  isSameVerdict(row: number, column: number, i: number, j: number): boolean {
    const [before, after] = [this.#before, this.#after];
    return before.mapType(row, column) === after.mapType(i, j) && before.hops(row, column) === after.hops(i, j);
  }

  at(row: number, column: number, i: number, j: number): AnswerChange | undefined {
    const [old, now] = [this.#said(0, row, column), this.#said(1, i, j)];
    this.#keptApart.add(now.provider, now.client, old, now);
    const gates = this.#gates(old, now);
    const parts = this.#parts(old, now);
    const { provider, client } = now;
    const isSame = old.mapType === now.mapType && old.hops === now.hops && old.supported === now.supported;
    const gatesDiffer = Object.values(gates).some((list: readonly unknown[]) => list.length > 0);
    if (isSame && !gatesDiffer && parts.length === 0) return undefined;
    const before = sideOf(old, gates.nowKnown.some(isBlocking));
    const after = sideOf(now, gates.noLongerKnown.some(isBlocking) || mayBlock(kindSet(gates.mayHaveCome)));
    return { provider, client, before, after, gates, parts, ...judgeChange(before, after, gates, parts) };
  }

  #said(side: 0 | 1, i: number, j: number): Said {
    const answer = this.#answers[side].routed(i, j, this.#routes[side], true);
    const name = side === 0 ? this.#nameAfter : this.#name;
    const { provider, client, mapType, hops, supported, gates, path, askedBy } = answer;
    const table = side === 0 ? this.#before : this.#after;
    const memory = memoryOf(table.topology.functionOf(provider));
    // What the kernel calls direct goes past the IOMMU by that.
    const past = mapType === "bus-addr" ? [] : this.#routes[side].pastIommu(i, j);
    const parts = answerParts(answer, table, name, past);
    return { provider, client, mapType, hops, memory, supported, gates, path, askedBy, parts, past };
  }

  /** An address of the machine before as it is after; of a function that is gone it says so. */
  readonly #nameAfter = remembered((bdf: Bdf): string => {
    const later = this.#matching.laterOf(bdf);
    return later === undefined ? `${formatBdf(bdf)} (gone)` : this.#name(later);
  });
  readonly #name = remembered(formatBdf);

  #gates(old: Said, now: Said): GateChanges {
    const gatesBefore = gatesByKey(old.gates, (bdf) => this.#matching.laterOf(bdf) ?? -bdf);
    const gatesAfter = gatesByKey(now.gates, (bdf) => bdf);
    const come = [...gatesAfter].filter(([one]) => !gatesBefore.has(one)).map(([, gate]) => gate);
    const gone = [...gatesBefore].filter(([one]) => !gatesAfter.has(one)).map(([, gate]) => gate);
    const kinds = (gates: readonly Gate[]): GateKindSet => kindSet(gates.map(({ kind }) => kind));
    const [kindsBefore, kindsAfter] = [kinds(old.gates), kinds(now.gates)];
    const [before, after] = [this.#hidden[0].of(old), this.#hidden[1].of(now)];
    const mayBefore = before.possible & ~kindsBefore;
    const mayAfter = after.possible & ~kindsAfter;
    const isIn = (set: GateKindSet, { kind }: Gate): boolean => (set & kindSet([kind])) !== 0;
    const unseen = come.filter((gate) => isIn(mayBefore, gate) && mayBeOf(old.askedBy, gate));
    const lost = gone.filter((gate) => isIn(mayAfter, gate) && mayBeOf(now.askedBy, gate));
    return {
      come: come.filter((gate) => !unseen.includes(gate)),
      gone: gone.filter((gate) => !lost.includes(gate)),
      noLongerKnown: lost,
      nowKnown: unseen,
      mayHaveCome: kindsIn(mayAfter & ~before.hidden & ~kindsBefore),
    };
  }

  /** What else differs. Where only one side shows what a part depends on, it is hidden on the other. */
  #parts(old: Said, now: Said): readonly PartChange[] {
    const sights: { readonly isLess: boolean; readonly wasLess: boolean }[] = [];
    const sight = (part: AnswerPart): { readonly isLess: boolean; readonly wasLess: boolean } => {
      const number = sightOf(part);
      let known = sights[number];
      if (known === undefined) {
        const [before, after] = [hiddenFrom(part, this.#before, old), hiddenFrom(part, this.#after, now)];
        known = {
          isLess: [...after].some((what) => !before.has(what)),
          wasLess: [...before].some((what) => !after.has(what)),
        };
        sights[number] = known;
      }
      return known;
    };
    // Hops follow from where a request ends, and are long.
    const isOtherRoute = ROUTES.some((part) => old.parts[part] !== now.parts[part]);
    return (Object.entries(old.parts) as [AnswerPart, string | null][]).flatMap(([part, before]): PartChange[] => {
      const after = now.parts[part];
      if (before === after || (part === "route-hops" && isOtherRoute)) return [];
      if (part === "past-iommu" && old.mapType !== now.mapType) return [];
      if (KNOWN_ONLY.includes(part) && (before === null || after === null)) return [];
      // Most sources show no peer memory: only what one showed is missed.
      if (part === "peer-memory" && (before === null || (after === null && before.startsWith("none")))) return [];
      const { isLess, wasLess } = sight(part);
      const change = { part, before: wasLess ? null : before, after: isLess ? null : after };
      return change.before === change.after ? [] : [change];
    });
  }

  get pastIommu(): AnswerDifference["pastIommu"] {
    return this.#keptApart.lost;
  }

  gone(): Pick<AnswerDifference, "gone" | "mayBeGone"> {
    const { providers, clients } = this.#before;
    const isGone = (bdf: Bdf): boolean => this.#matching.laterOf(bdf) === undefined;
    const answers = this.#answers[0];
    const gone: Pair[] = [];
    const mayBeGone: Pair[] = [];
    const goneClients = new Set(clients.filter(isGone));
    providers.forEach((provider, i) => {
      const isProviderGone = isGone(provider);
      if (!isProviderGone && goneClients.size === 0) return;
      clients.forEach((client, j) => {
        if (provider === client || !(isProviderGone || goneClients.has(client))) return;
        const mapType = this.#before.mapType(i, j);
        if (mapType === "not-supported" || gone.length + mayBeGone.length >= MAX_PAIRS) return;
        const supported = mapType === "unknown" ? this.#before.why(i, j).supported : true;
        const works = worksOf(supported, answers.gates(i, j));
        if (works !== false) (works === true ? gone : mayBeGone).push({ provider, client });
      });
    });
    return { gone, mayBeGone };
  }
}

/** The same function, asked of each address once. */
function remembered(of: (bdf: Bdf) => string): (bdf: Bdf) => string {
  const known = new Map<Bdf, string>();
  return (bdf) => {
    let text = known.get(bdf);
    if (text === undefined) {
      text = of(bdf);
      known.set(bdf, text);
    }
    return text;
  };
}

/** Gates by what they decide, several of which decide the same by their number; their words are evidence. */
function gatesByKey(gates: readonly Gate[], name: (bdf: Bdf) => number): ReadonlyMap<string, Gate> {
  const byKey = new Map<string, Gate>();
  for (const gate of gates) {
    const { kind, device, effect, doubt, about = "" } = gate;
    const key = [kind, device === null ? "" : name(device), effect, doubt === undefined, about].join("\n");
    let number = 1;
    while (byKey.has(`${key} ${number}`)) number++;
    byKey.set(`${key} ${number}`, gate);
  }
  return byKey;
}

/** A gate of one way of sharing memory is none of drivers that are known to have other ways. */
function mayBeOf({ hidden, ways }: AskedBy, { kind, about }: Gate): boolean {
  return kind !== "no-peer-dma" || hidden !== null || ways.some(({ row }) => row.id === about);
}

function isBlocking({ effect }: Gate): boolean {
  return effect === "blocks";
}

/** Whether a side works, where what it may hide leaves that open. */
function sideOf({ mapType, hops, memory, supported, gates }: Said, mayBeBlocked: boolean): AnswerSide {
  const works = worksOf(supported, gates);
  const blockedBy = gates.filter(isSureBlock);
  return { mapType, hops, memory, supported, works: works === true && mayBeBlocked ? null : works, blockedBy };
}
