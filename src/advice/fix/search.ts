import { topologyOf } from "../../host/machine.ts";
import { areOneCard } from "./arrangements.ts";
import { Attempts, type Question, type RejectedIdea, type Searched } from "./attempts.ts";
import { byWorth, CardSearch, SHOWN } from "./card-search.ts";
import { cleared, redirectingFunctions, withAcs } from "./clearing.ts";
import { both, type Idea, type Pair } from "./idea.ts";
import { passthroughIdea, translationIdea, withoutIommuIdea } from "./iommu-ideas.ts";
import { hasAcsParameters, kernelIdeas, withReleases } from "./kernel-ideas.ts";
import { slotIdeas } from "./slot-ideas.ts";
import { switchCardIdeas } from "./switch-card-idea.ts";
import { areDirect, carryOut, helped, isAtLeast, isShorter, type Outcomes, type Trial } from "./trial.ts";

/** What was found. */
export interface Found {
  /** One change before two. */
  readonly ways: readonly Trial[];
  /** The last resort, in each slot that it may go into: one of them is enough. */
  readonly cards: readonly Trial[];
  readonly rejected: readonly RejectedIdea[];
  readonly searched: Searched;
}

/**
 * Every single change, then two of different kinds (and both devices moved), then a switch card. Of two changes only what
 * no single one reaches is kept, so that no part of a way is enough; of places that no verdict tells apart one is tried.
 */
export function findWays(question: Question): Found {
  const attempts = new Attempts(question);
  if (areDirect(attempts.before)) return { ways: [], cards: [], rejected: [], searched: attempts.searched };
  const search = new Search(attempts);
  const one = search.oneChange();
  const two = one.some(({ outcomes }) => areDirect(outcomes)) ? [] : search.twoChanges(one);
  const all = [...one, ...two];
  const blockedAfter = ({ outcomes }: Trial): number => outcomes.filter(({ isBlocked }) => isBlocked).length;
  // What ends that something else blocks pairs comes first. What takes the IOMMU away takes every isolation: it comes last.
  const ways = all.toSorted(
    (a, b) => Number(isWithoutIommu(a)) - Number(isWithoutIommu(b)) || blockedAfter(a) - blockedAfter(b),
  );
  const cards = ways.some(({ outcomes }) => areDirect(outcomes)) ? [] : search.switchCards(ways.length === 0);
  return {
    ways: ways.map((way) => search.withReleases(way)),
    cards,
    rejected: attempts.rejected,
    searched: attempts.searched,
  };
}

class Search {
  readonly #attempts: Attempts;
  readonly #pair: Pair | undefined;
  /** Single changes that were carried out, helpful or not: two are made of them. */
  #slots: readonly Trial[] = [];
  #kernels: readonly Trial[] = [];
  #iommu: readonly Trial[] = [];
  #bothSlots: readonly Idea[] = [];
  #cards: CardSearch | undefined;

  constructor(attempts: Attempts) {
    this.#attempts = attempts;
    const { machine, pairs } = attempts.question;
    const [pair, ...others] = pairs;
    // What is a better place for one pair is a worse one for others: those of several are looked for together.
    this.#pair = others.length === 0 && pair !== undefined && !areOneCard(machine, pair) ? pair : undefined;
  }

  /** All single changes that help. */
  oneChange(): readonly Trial[] {
    const attempts = this.#attempts;
    const { machine, before, blockers } = attempts.question;
    const redirecting = redirectingFunctions(machine, before);
    const acs = cleared(attempts, redirecting);
    const translation = blockers.hangOnAddresses ? translationIdea(machine) : [];
    const iommuIdeas = [...translation, ...passthroughIdea(machine), ...withoutIommuIdea(machine)];
    this.#iommu = attempts.carriedOut("IOMMU", iommuIdeas, redirecting.length > 0);
    const found = [...acs, ...this.#iommu, ...this.#newerKernel()].filter((trial) => attempts.isBetter(trial));
    return [...found, ...this.#oneSlot(found.some(({ outcomes }) => areDirect(outcomes)))];
  }

  /** The oldest of the releases that help most. */
  #newerKernel(): readonly Trial[] {
    const attempts = this.#attempts;
    const { machine, rules } = attempts.question;
    const isRefused = attempts.before.some(({ mapType }) => mapType === "not-supported");
    // What is not refused is better off for what another kernel makes of parameters at boot alone.
    const isBlocked = attempts.before.some((outcome) => outcome.isBlocked);
    if (rules !== undefined || !(isRefused || isBlocked || hasAcsParameters(machine))) return [];
    const ideas = kernelIdeas(machine);
    this.#kernels = attempts.carriedOut("kernel", ideas, false);
    const best = attempts.bestOf(this.#kernels);
    if (best !== undefined) return [withCount(best, attempts.before)];
    const newest = ideas.at(-1);
    if (newest !== undefined && isRefused) {
      const why = `up to ${newest.title.replace(" or newer", "")} the pair is refused where it is`;
      attempts.reject("a newer kernel alone", why);
    }
    return [];
  }

  #oneSlot(isDirectAnyhow: boolean): readonly Trial[] {
    const attempts = this.#attempts;
    const { machine, hasP2pdma, isGuest, hasSlots } = attempts.question;
    if (!hasSlots) return [];
    if (isGuest) {
      attempts.reject("another slot", "what slots there are, the host shows");
      return [];
    }
    if (this.#pair === undefined) {
      this.#cards = new CardSearch(attempts);
      return this.#cards.one();
    }
    const ideas = slotIdeas(machine, this.#pair);
    if (ideas.isCut) attempts.cut = "the machine has more slots than were combined with each other";
    this.#bothSlots = ideas.both;
    this.#slots = attempts.carriedOut("another slot for one of the two", ideas.one, false);
    if (!hasP2pdma) return [];
    const better = this.#slots.filter((trial) => attempts.isBetter(trial)).sort(byWorth);
    if (better.length > 0) return better.slice(0, SHOWN.one);
    const shorter = isDirectAnyhow ? [] : this.#slots.filter(({ outcomes }) => isShorter(attempts.before, outcomes));
    if (shorter.length === 0) {
      const why = ideas.one.length === 0 ? "no other slot is known on this machine" : "none is better";
      attempts.reject("another slot alone", why);
    }
    return shorter.sort(byWorth).slice(0, 1);
  }

  /** Two changes that reach what none of `one` does. */
  twoChanges(one: readonly Trial[]): readonly Trial[] {
    const attempts = this.#attempts;
    const ways: Trial[] = [];
    const keep = (trials: readonly Trial[], known: readonly Trial[], shown: number): void => {
      const isKnown = (trial: Trial): boolean => known.some(({ outcomes }) => isAtLeast(outcomes, trial.outcomes));
      const found = trials.filter((trial) => attempts.isBetter(trial) && !isKnown(trial)).sort(byWorth);
      ways.push(...found.slice(0, shown));
    };
    const withKernels = (what: string, trials: readonly Trial[]): readonly Trial[] => this.#withKernels(what, trials);
    const moved = attempts.carriedOut("other slots for both", this.#bothSlots, false);
    if (attempts.question.hasP2pdma) keep(moved, one, SHOWN.two);
    ways.push(...(this.#cards?.two(one, { newest: this.#kernels.at(-1), withKernels, iommu: this.#iommu }) ?? []));
    keep(withAcs(attempts, "slot and ACS", this.#slots), one, SHOWN.two);
    keep(this.#withKernels("slot and kernel", this.#slots), one, SHOWN.two);
    keep(this.#oldest(withAcs(attempts, "kernel and ACS", this.#kernels)), one, 1);
    const kept = one.filter((trial) => !isWithoutIommu(trial));
    const translated = this.#iommu.filter((trial) => !isWithoutIommu(trial));
    keep(withAcs(attempts, "IOMMU and ACS", translated), [...kept, ...ways], 1);
    // What takes an IOMMU away, or moves two devices and more, is for what nothing else reaches.
    const others: readonly (() => readonly Trial[])[] = [
      () => this.#withIommu("slot and IOMMU", this.#slots),
      () => this.#withKernels("kernel and IOMMU", this.#iommu),
      () => withAcs(attempts, "no IOMMU and ACS", this.#iommu.filter(isWithoutIommu)),
      () => withAcs(attempts, "both slots and ACS", moved),
      () => this.#withKernels("both slots and kernel", moved),
      () => this.#withIommu("both slots and IOMMU", moved),
    ];
    for (const other of others) {
      if (!ways.some(({ outcomes }) => areDirect(outcomes))) keep(other(), [...one, ...ways], 1);
    }
    return ways;
  }

  #oldest(trials: readonly Trial[]): readonly Trial[] {
    const best = this.#attempts.bestOf(trials);
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
      found.set(key, this.#oldest(this.#attempts.carriedOut(what, all, false)));
    }
    return [...found.values()].flat();
  }

  /** What a newer kernel decides depends on the host bridges alone, but for one that comes to have P2PDMA at all. */
  #refusalOf(trial: Trial): string {
    const { pairs, hasP2pdma } = this.#attempts.question;
    if (!hasP2pdma || pairs.length > 1) return JSON.stringify(trial.idea.changes);
    const topology = topologyOf(trial.after);
    const roots = pairs.flatMap(({ provider, client }) =>
      [provider, client].map((bdf) => topology.rootOf(topology.indexOf(bdf))),
    );
    const [verdict] = this.#attempts.verdictsAfter(trial);
    return JSON.stringify([roots, verdict?.reason, verdict?.meeting === null, trial.outcomes.length]);
  }

  /** A way with a newer kernel names the releases that do as well: what the boot of one does to ACS may undo it. */
  withReleases(trial: Trial): Trial {
    const { machine } = this.#attempts.question;
    const { changes } = trial.idea;
    const holds = (release: string): boolean => {
      const others = changes.map((change) => (change.kind === "kernel" ? { ...change, release } : change));
      const after = carryOut(machine, others);
      return typeof after !== "string" && isAtLeast(this.#attempts.outcomesOf(after), trial.outcomes);
    };
    return { ...trial, idea: withReleases(trial.idea, holds) };
  }

  #withIommu(what: string, trials: readonly Trial[]): readonly Trial[] {
    return this.#iommu.flatMap(({ idea }) =>
      this.#attempts.carriedOut(
        what,
        trials.map((trial) => both(trial.idea, idea)),
        false,
      ),
    );
  }

  /** The last resort; `isLast`: nothing else helps, so that it is said why a card does not. */
  switchCards(isLast: boolean): readonly Trial[] {
    const attempts = this.#attempts;
    const { machine, hasP2pdma, isGuest, hasSlots } = attempts.question;
    if (this.#pair === undefined || !hasP2pdma || isGuest || !hasSlots) return [];
    const cards = attempts.carriedOut("a switch card", switchCardIdeas(machine, this.#pair), false);
    const [blocking] = cards.flatMap((trial) => attempts.blocking(trial));
    if (blocking !== undefined && isLast) {
      attempts.reject("a card with a PCIe switch", `still blocked: ${blocking.message}`);
    }
    if (blocking !== undefined) return [];
    const all = [...cards, ...withAcs(attempts, "a switch card and ACS", cards)];
    return all.filter(({ outcomes }) => areDirect(outcomes));
  }
}

function isWithoutIommu({ idea }: Trial): boolean {
  return idea.changes.some((change) => change.kind === "iommu" && change.mode === "off");
}

function withCount(trial: Trial, before: Outcomes): Trial {
  if (before.length === 1) return trial;
  const caution = `it helps ${helped(before, trial.outcomes)} of ${before.length} pairs, and no newer release more`;
  return { ...trial, idea: { ...trial.idea, cautions: [caution, ...trial.idea.cautions] } };
}
