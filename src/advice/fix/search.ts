import type { Gate } from "../../answers/gate.ts";
import { type Machine, topologyOf } from "../../host/machine.ts";
import type { Bdf } from "../../pci/bdf.ts";
import { isUnknown } from "../../pci/known.ts";
import type { Verdict } from "../../rules/verdict.ts";
import { acsIdeas, byPath, type RedirectingFunction } from "./acs-ideas.ts";
import { type Arrangement, Arrangements, areOneCard, oneExchange, oneExchangeMore } from "./arrangements.ts";
import type { Blockers } from "./blockers.ts";
import { Foretelling, promising } from "./foretelling.ts";
import { both, type Idea, type Pair } from "./idea.ts";
import { passthroughIdea, translationIdea, withoutIommuIdea } from "./iommu-ideas.ts";
import { hasAcsParameters, kernelIdeas, withReleases } from "./kernel-ideas.ts";
import { slotIdeas } from "./slot-ideas.ts";
import { narrowMoves } from "./slots.ts";
import { switchCardIdeas } from "./switch-card-idea.ts";
import {
  areDirect,
  carryOut,
  decidePairs,
  gain,
  helped,
  hopsOf,
  isAtLeast,
  isBetter,
  isShorter,
  type Outcomes,
  outcomesOf,
  type Trial,
  whyNot,
} from "./trial.ts";

/** An idea that does not help, and what it leads to. */
export interface RejectedIdea {
  readonly title: string;
  readonly why: string;
}

/** What was looked through. */
export interface Searched {
  /** Each kind of change, and each two that were combined, with how many changed machines were decided. */
  readonly tried: readonly { readonly what: string; readonly machines: number }[];
  /** Why there may be more ways than were found, `null` where the search came to its end. */
  readonly cut: string | null;
}

/** What is to be found, and where. */
export interface Question {
  readonly machine: Machine;
  readonly pairs: readonly Pair[];
  readonly rules: string | undefined;
  /** The verdicts as they are. */
  readonly before: readonly Verdict[];
  readonly blockers: Blockers;
  /** Whether the kernel has P2PDMA at all: without it nothing helps but another one. */
  readonly hasP2pdma: boolean;
  /** Whether the devices are passed through to a guest: their slots are the host's. */
  readonly isGuest: boolean;
}

/** What was found. */
export interface Found {
  /** One change before two. */
  readonly ways: readonly Trial[];
  /** The last resort, in each slot that it may go into: one of them is enough. */
  readonly cards: readonly Trial[];
  readonly rejected: readonly RejectedIdea[];
  readonly searched: Searched;
}

/** So many slots are shown, of one change, of two. */
const SHOWN = { one: 3, two: 2 };
/** Machines that are decided at most; fewer of a machine with so many functions that each takes long. */
const MAX_MACHINES = 3000;
const MAX_FUNCTIONS = 4_000_000;
/** Pairs that are foretold at most, over all arrangements of cards; and arrangements of one kind that are carried out. */
const MAX_FORETOLD = 10_000_000;
const MAX_CARRIED_OUT = 20;

/**
 * Every single change, then two of different kinds (and both devices moved), then a switch card. Of two changes only what
 * no single one reaches is kept, so that no part of a way is enough; of places that no verdict tells apart one is tried.
 */
export function findWays(question: Question): Found {
  const search = new Search(question);
  if (search.isDone) return { ways: [], cards: [], rejected: [], searched: search.searched };
  const one = search.oneChange();
  const two = one.some(({ outcomes }) => areDirect(outcomes)) ? [] : search.twoChanges(one);
  const ways = [...one, ...two];
  const cards = ways.some(({ outcomes }) => areDirect(outcomes)) ? [] : search.switchCards(ways.length === 0);
  return {
    ways: ways.map((way) => search.withReleases(way)),
    cards,
    rejected: search.rejected,
    searched: search.searched,
  };
}

/**
 * Every function that redirects one of some pairs; a pair on which one is hidden asks for nothing, as nothing would be sure,
 * nor does one on a kernel without P2PDMA.
 */
function redirectingFunctions(machine: Machine, verdicts: readonly Verdict[]): readonly RedirectingFunction[] {
  const asking = verdicts.filter(({ acsHidden, reason }) => acsHidden.length === 0 && reason !== "kernel-too-old");
  const devices = new Set<Bdf>(asking.flatMap(({ acsRedirect }) => acsRedirect));
  if (devices.size === 0) return [];
  const topology = topologyOf(machine);
  return [...devices].flatMap((device) => {
    const { acs } = topology.functionOf(device);
    return acs === null || isUnknown(acs) ? [] : [{ device, acs }];
  });
}

/** The outcomes of verdicts on the machine as it is. */
function blockedOutcomes(verdicts: readonly Verdict[], { blockers, machine }: Question): Outcomes {
  return verdicts.map(({ mapType, hops }, pair) => ({
    mapType,
    hops,
    isBlocked: blockers.of(pair, mapType, machine) !== null,
  }));
}

class Search {
  readonly rejected: RejectedIdea[] = [];
  readonly #question: Question;
  readonly #before: Outcomes;
  readonly #pair: Pair | undefined;
  readonly #tried = new Map<string, number>();
  #left: number;
  #cut: string | null = null;
  /** Single changes that were carried out, helpful or not: two are made of them. */
  #slots: readonly Trial[] = [];
  #kernels: readonly Trial[] = [];
  #iommu: readonly Trial[] = [];
  #bothSlots: readonly Idea[] = [];
  /** The cards of several pairs, or of two functions of one card, and where one of them may go. */
  #cards: { readonly arrangements: Arrangements; readonly one: readonly Arrangement[] } | undefined;

  constructor(question: Question) {
    this.#question = question;
    this.#before = blockedOutcomes(question.before, question);
    const [pair, ...others] = question.pairs;
    // What is a better place for one pair is a worse one for others: those of several are looked for together.
    this.#pair = others.length === 0 && pair !== undefined && !areOneCard(question.machine, pair) ? pair : undefined;
    this.#left = Math.max(40, Math.min(MAX_MACHINES, Math.floor(MAX_FUNCTIONS / question.machine.functions.length)));
  }

  get searched(): Searched {
    return { tried: [...this.#tried].map(([what, machines]) => ({ what, machines })), cut: this.#cut };
  }

  /** The machine after an idea with its pairs decided, or why the idea cannot be carried out. */
  #tryOrSay(what: string, idea: Idea): Trial | string {
    const sum = [...this.#tried.values()].reduce((all, count) => all + count, 0);
    if (this.#left-- <= 0) {
      this.#cut = `the search ended after ${sum} changed machines`;
      return "not tried";
    }
    const after = carryOut(this.#question.machine, idea.changes);
    if (typeof after === "string") return after;
    this.#tried.set(what, (this.#tried.get(what) ?? 0) + 1);
    return { idea, after, outcomes: this.#outcomesOf(after) };
  }

  #verdictsAfter(trial: Trial): readonly Verdict[] {
    const { pairs, rules } = this.#question;
    return decidePairs(trial.after, pairs, rules, (table) => (i, j) => table.at(i, j));
  }

  /** True where the pairs are direct as they are, and nothing stops them. */
  get isDone(): boolean {
    return areDirect(this.#before);
  }

  #outcomesOf(machine: Machine): Outcomes {
    const { pairs, rules, blockers } = this.#question;
    return outcomesOf(machine, pairs, rules, blockers);
  }

  /** What stops the pairs after a change. */
  #blocking({ outcomes, after }: Trial): readonly Gate[] {
    const { blockers } = this.#question;
    return outcomes.flatMap(({ mapType }, pair) => blockers.of(pair, mapType, after) ?? []);
  }

  /** All single changes that help. */
  oneChange(): readonly Trial[] {
    const { machine, before } = this.#question;
    const redirecting = redirectingFunctions(machine, before);
    const now = { verdicts: before, outcomes: this.#before };
    const acs = acsIdeas(machine, redirecting).flatMap((idea, index) =>
      this.#carriedOut("ACS", [idea], true).map((trial) =>
        this.#withoutIdle("ACS", now, trial, redirecting, (needed) => acsIdeas(machine, needed)[index]),
      ),
    );
    const translation = this.#question.blockers.hangOnAddresses ? translationIdea(machine) : [];
    const iommuIdeas = [...translation, ...passthroughIdea(machine), ...withoutIommuIdea(machine)];
    this.#iommu = this.#carriedOut("IOMMU", iommuIdeas, redirecting.length > 0);
    const found = [...acs, ...this.#iommu, ...this.#newerKernel()].filter((trial) => this.#isBetter(trial));
    return [...found, ...this.#oneSlot(found.some(({ outcomes }) => areDirect(outcomes)))];
  }

  #isBetter({ outcomes }: Trial): boolean {
    return isBetter(this.#before, outcomes);
  }

  /** Ideas carried out; why one does not help is said where somebody would think of it. */
  #carriedOut(what: string, ideas: readonly Idea[], saysWhyNot: boolean): readonly Trial[] {
    return ideas.flatMap((idea) => {
      const trial = this.#tryOrSay(what, idea);
      const isCarriedOut = typeof trial !== "string";
      if (saysWhyNot && !(isCarriedOut && this.#isBetter(trial))) {
        const why = isCarriedOut
          ? whyNot(this.#question.before, this.#verdictsAfter(trial), this.#blocking(trial))
          : trial;
        this.rejected.push({ title: idea.title, why });
      }
      return isCarriedOut ? [trial] : [];
    });
  }

  /**
   * Of some functions at which redirection is cleared those that did something: a pair comes to be direct when none
   * redirects it any more, and until then nothing has come of it. `remake` has the idea of fewer functions.
   */
  #withoutIdle(
    what: string,
    before: { readonly verdicts: readonly Verdict[]; readonly outcomes: Outcomes },
    trial: Trial,
    redirecting: readonly RedirectingFunction[],
    remake: (needed: readonly RedirectingFunction[]) => Idea | undefined,
  ): Trial {
    const of = (outcomes: Outcomes, index: number): Outcomes => outcomes.slice(index, index + 1);
    const better = before.verdicts.filter((_, index) =>
      isBetter(of(before.outcomes, index), of(trial.outcomes, index)),
    );
    const devices = new Set(better.flatMap(({ acsRedirect }) => acsRedirect));
    const needed = redirecting.filter(({ device }) => devices.has(device));
    const idea = needed.length < redirecting.length && needed.length > 0 ? remake(needed) : undefined;
    const less = idea === undefined ? "nothing is idle" : this.#tryOrSay(what, idea);
    return typeof less !== "string" && isAtLeast(less.outcomes, trial.outcomes) ? less : trial;
  }

  /** The oldest of the releases that help most. */
  #newerKernel(): readonly Trial[] {
    const { machine, rules } = this.#question;
    const isRefused = this.#before.some(({ mapType }) => mapType === "not-supported");
    // What is not refused is better off for what another kernel makes of parameters at boot alone.
    if (rules !== undefined || !(isRefused || hasAcsParameters(machine))) return [];
    const ideas = kernelIdeas(machine);
    this.#kernels = this.#carriedOut("kernel", ideas, false);
    const best = this.#bestOf(this.#kernels);
    if (best !== undefined) return [withCount(best, this.#before)];
    const newest = ideas.at(-1);
    if (newest !== undefined && isRefused) {
      const why = `up to ${newest.title.replace(" or newer", "")} the pair is refused where it is`;
      this.rejected.push({ title: "a newer kernel alone", why });
    }
    return [];
  }

  #bestOf(trials: readonly Trial[]): Trial | undefined {
    let best: Trial | undefined;
    for (const trial of trials) {
      if (!this.#isBetter(trial)) continue;
      const more = best === undefined ? 1 : gain(best.outcomes, trial.outcomes);
      if (more > 0) best = trial;
    }
    return best;
  }

  #oneSlot(isDirectAnyhow: boolean): readonly Trial[] {
    const { machine, hasP2pdma, isGuest } = this.#question;
    if (isGuest) {
      this.rejected.push({ title: "another slot", why: "what slots there are, the host shows" });
      return [];
    }
    if (this.#pair === undefined) return this.#oneExchange();
    const ideas = slotIdeas(machine, this.#pair);
    if (ideas.isCut) this.#cut = "the machine has more slots than were combined with each other";
    this.#bothSlots = ideas.both;
    this.#slots = this.#carriedOut("another slot for one of the two", ideas.one, false);
    if (!hasP2pdma) return [];
    const better = this.#slots.filter((trial) => this.#isBetter(trial)).sort(byWorth);
    if (better.length > 0) return better.slice(0, SHOWN.one);
    const shorter = isDirectAnyhow ? [] : this.#slots.filter(({ outcomes }) => isShorter(this.#before, outcomes));
    if (shorter.length === 0) {
      const why = ideas.one.length === 0 ? "no other slot is known on this machine" : "none is better";
      this.rejected.push({ title: "another slot alone", why });
    }
    return shorter.sort(byWorth).slice(0, 1);
  }

  /** A card of the pairs in another slot: those that help most, none of them by what another one does as well. */
  #oneExchange(): readonly Trial[] {
    const { machine, pairs, rules, blockers, hasP2pdma } = this.#question;
    const arrangements = new Arrangements(machine, pairs);
    const all = oneExchange(arrangements);
    const one = all.slice(0, Math.floor(MAX_FORETOLD / pairs.length));
    if (one.length < all.length) this.#cut = "the machine has more cards and slots than were looked at";
    this.#cards = { arrangements, one };
    if (!hasP2pdma) return [];
    const foretelling = new Foretelling(machine, arrangements, { rules, blockers });
    const found: Trial[] = [];
    for (const trial of this.#foretold("another slot for one card", foretelling, one, one.length, 0)) {
      const isNew = !found.some(({ outcomes }) => isAtLeast(outcomes, trial.outcomes));
      if (this.#isBetter(trial) && isNew) found.push(trial);
      if (found.length === SHOWN.one) break;
    }
    if (found.length === 0) {
      const why = all.length === 0 ? "no other slot is known on this machine" : "none is better";
      this.rejected.push({ title: "another slot alone", why });
    }
    return found.sort(byWorth);
  }

  /** The arrangements that are foretold to gain more than `floor`, carried out. */
  *#foretold(
    what: string,
    foretelling: Foretelling,
    from: Iterable<Arrangement>,
    count: number,
    floor: number,
  ): Generator<Trial> {
    const { machine } = this.#question;
    if (count > 0) this.#tried.set(what, (this.#tried.get(what) ?? 0) + count);
    for (const arrangement of promising(foretelling, this.#before, from, floor).slice(0, MAX_CARRIED_OUT)) {
      const idea = this.#cards?.arrangements.ideaOf(arrangement);
      const after = idea === undefined ? "" : carryOut(machine, idea.changes);
      if (idea === undefined || typeof after === "string") continue;
      yield { idea, after, outcomes: this.#outcomesOf(after) };
    }
  }

  /** A card of the pairs in another slot and one change more, where that gains more than each single change. */
  #twoForCards(one: readonly Trial[], ways: Trial[]): void {
    if (this.#cards === undefined) return;
    const { machine, pairs, rules, blockers, hasP2pdma } = this.#question;
    const { arrangements, one: first } = this.#cards;
    const floor = Math.max(0, ...one.map(({ outcomes }) => gain(this.#before, outcomes)));
    const keep = (
      what: string,
      foretelling: Foretelling,
      then: (trial: Trial) => readonly Trial[],
      from: Iterable<Arrangement> = first,
      count = first.length,
    ): void => {
      for (const trial of this.#foretold(what, foretelling, from, count, floor)) {
        const more = then(trial).find((way) => this.#isBetter(way) && gain(this.#before, way.outcomes) > floor);
        if (more === undefined) continue;
        ways.push(more);
        return;
      }
    };
    if (hasP2pdma) {
      const second = first.length === 0 ? 0 : arrangements.exchanges(arrangements.now).length;
      const most = Math.floor(MAX_FORETOLD / pairs.length / Math.max(1, second));
      if (most < first.length) this.#cut = "the machine has more cards and slots than were combined with each other";
      const firsts = first.slice(0, most);
      const two = oneExchangeMore(arrangements, firsts);
      const foretelling = new Foretelling(machine, arrangements, { rules, blockers });
      keep("other slots for two cards", foretelling, (trial) => [trial], two, firsts.length * second);
      keep("slot and ACS", new Foretelling(machine, arrangements, { rules, blockers, isCleared: true }), (trial) =>
        this.#withAcs("slot and ACS", [trial]),
      );
    }
    const newest = this.#kernels.at(-1);
    if (newest !== undefined) {
      keep(
        "slot and kernel",
        new Foretelling(machine, arrangements, { rules, blockers, changes: newest.idea.changes }),
        (trial) => this.#withKernels("slot and kernel", [trial]),
      );
    }
    if (ways.some(({ outcomes }) => areDirect(outcomes))) return;
    for (const { idea } of this.#iommu) {
      keep(
        "slot and IOMMU",
        new Foretelling(machine, arrangements, { rules, blockers, changes: idea.changes }),
        (trial) => this.#carriedOut("slot and IOMMU", [both(trial.idea, idea)], false),
      );
    }
  }

  /** Two changes that reach what none of `one` does. */
  twoChanges(one: readonly Trial[]): readonly Trial[] {
    const ways: Trial[] = [];
    const keep = (trials: readonly Trial[], known: readonly Trial[], shown: number): void => {
      const isKnown = (trial: Trial): boolean => known.some(({ outcomes }) => isAtLeast(outcomes, trial.outcomes));
      const found = trials.filter((trial) => this.#isBetter(trial) && !isKnown(trial)).sort(byWorth);
      ways.push(...found.slice(0, shown));
    };
    const moved = this.#carriedOut("other slots for both", this.#bothSlots, false);
    if (this.#question.hasP2pdma) keep(moved, one, SHOWN.two);
    this.#twoForCards(one, ways);
    keep(this.#withAcs("slot and ACS", this.#slots), one, SHOWN.two);
    keep(this.#withKernels("slot and kernel", this.#slots), one, SHOWN.two);
    keep(this.#oldest(this.#withAcs("kernel and ACS", this.#kernels)), one, 1);
    // What takes an IOMMU away, or moves two devices and more, is for what nothing else reaches.
    const others: readonly (() => readonly Trial[])[] = [
      () => this.#withIommu("slot and IOMMU", this.#slots),
      () => this.#withKernels("kernel and IOMMU", this.#iommu),
      () => this.#withAcs("IOMMU and ACS", this.#iommu),
      () => this.#withAcs("both slots and ACS", moved),
      () => this.#withKernels("both slots and kernel", moved),
      () => this.#withIommu("both slots and IOMMU", moved),
    ];
    for (const other of others) {
      if (!ways.some(({ outcomes }) => areDirect(outcomes))) keep(other(), [...one, ...ways], 1);
    }
    return ways;
  }

  #oldest(trials: readonly Trial[]): readonly Trial[] {
    const best = this.#bestOf(trials);
    return best === undefined ? [] : [best];
  }

  /** Changes with a newer kernel where the pair is still refused: each with the oldest that helps most. */
  #withKernels(what: string, trials: readonly Trial[]): readonly Trial[] {
    const found = new Map<string, readonly Trial[]>();
    for (const trial of trials) {
      if (trial.outcomes.every(({ mapType }) => mapType !== "not-supported")) continue;
      const key = this.#refusalOf(trial);
      if (found.has(key)) continue;
      const all = this.#kernels.map(({ idea }) => both(trial.idea, idea));
      found.set(key, this.#oldest(this.#carriedOut(what, all, false)));
    }
    return [...found.values()].flat();
  }

  /** What a newer kernel decides hangs on the host bridges alone, but for one that comes to have P2PDMA at all. */
  #refusalOf({ after, outcomes, idea }: Trial): string {
    const { pairs, hasP2pdma } = this.#question;
    if (!hasP2pdma || pairs.length > 1) return JSON.stringify(idea.changes);
    const topology = topologyOf(after);
    const roots = pairs.flatMap(({ provider, client }) =>
      [provider, client].map((bdf) => topology.rootOf(topology.indexOf(bdf))),
    );
    const [verdict] = decidePairs(after, pairs, this.#question.rules, (table) => (i, j) => table.at(i, j));
    return JSON.stringify([roots, verdict?.reason, verdict?.meeting === null, outcomes.length]);
  }

  /** A way with a newer kernel names the releases that do as well: what the boot of one does to ACS may undo it. */
  withReleases(trial: Trial): Trial {
    const { machine } = this.#question;
    const { changes } = trial.idea;
    const holds = (release: string): boolean => {
      const others = changes.map((change) => (change.kind === "kernel" ? { ...change, release } : change));
      const after = carryOut(machine, others);
      return typeof after !== "string" && isAtLeast(this.#outcomesOf(after), trial.outcomes);
    };
    return { ...trial, idea: withReleases(trial.idea, holds) };
  }

  #withIommu(what: string, trials: readonly Trial[]): readonly Trial[] {
    return this.#iommu.flatMap(({ idea }) =>
      this.#carriedOut(
        what,
        trials.map((trial) => both(trial.idea, idea)),
        false,
      ),
    );
  }

  /** Changes with the redirection cleared that stands after them: each by the first way of clearing it that helps most. */
  #withAcs(what: string, trials: readonly Trial[]): readonly Trial[] {
    return trials.flatMap((trial) => {
      if (areDirect(trial.outcomes)) return [];
      const redirecting = redirectingFunctions(trial.after, this.#verdictsAfter(trial));
      const isMoved = trial.idea.changes.some(({ kind }) => kind === "move");
      const naming = isMoved ? byPath(trial.after) : undefined;
      let best: Trial | undefined;
      for (const [index, idea] of acsIdeas(trial.after, redirecting, naming).entries()) {
        const found = this.#tryOrSay(what, both(trial.idea, idea));
        if (typeof found === "string" || !isBetter(trial.outcomes, found.outcomes)) continue;
        if (best !== undefined && gain(best.outcomes, found.outcomes) <= 0) continue;
        const remake = (needed: readonly RedirectingFunction[]): Idea | undefined => {
          const fewer = acsIdeas(trial.after, needed, naming)[index];
          return fewer === undefined ? undefined : both(trial.idea, fewer);
        };
        const between = { verdicts: this.#verdictsAfter(trial), outcomes: trial.outcomes };
        best = this.#withoutIdle(what, between, found, redirecting, remake);
        // What clears it for one pair may not clear it for all.
        if (trial.outcomes.length === 1 || areDirect(best.outcomes)) break;
      }
      return best === undefined ? [] : [best];
    });
  }

  /** The last resort; `isLast`: nothing else helps, so that it is said why a card does not. */
  switchCards(isLast: boolean): readonly Trial[] {
    if (this.#pair === undefined || !this.#question.hasP2pdma || this.#question.isGuest) return [];
    const cards = this.#carriedOut("a switch card", switchCardIdeas(this.#question.machine, this.#pair), false);
    const [blocking] = cards.flatMap((trial) => this.#blocking(trial));
    if (blocking !== undefined && isLast) {
      this.rejected.push({ title: "a card with a PCIe switch", why: `still blocked: ${blocking.message}` });
    }
    if (blocking !== undefined) return [];
    return [...cards, ...this.#withAcs("a switch card and ACS", cards)].filter(({ outcomes }) => areDirect(outcomes));
  }
}

/** The better result first, then fewer hops, then slots that are no bottleneck, then fewer devices that are moved. */
function byWorth(a: Trial, b: Trial): number {
  return (
    gain(a.outcomes, b.outcomes) ||
    hopsOf(a.outcomes) - hopsOf(b.outcomes) ||
    narrowIn(a) - narrowIn(b) ||
    a.idea.changes.length - b.idea.changes.length
  );
}

function narrowIn({ idea, after }: Trial): number {
  return narrowMoves(topologyOf(after), idea.changes).length;
}

function withCount(trial: Trial, before: Outcomes): Trial {
  if (before.length === 1) return trial;
  const caution = `it helps ${helped(before, trial.outcomes)} of ${before.length} pairs, and no newer release more`;
  return { ...trial, idea: { ...trial.idea, cautions: [caution, ...trial.idea.cautions] } };
}
