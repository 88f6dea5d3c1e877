import { topologyOf } from "../../host/machine.ts";
import { type Arrangement, Arrangements, oneExchange, oneExchangeMore } from "./arrangements.ts";
import type { Attempts } from "./attempts.ts";
import { withAcs } from "./clearing.ts";
import { Foretelling, promising } from "./foretelling.ts";
import { both } from "./idea.ts";
import { narrowMoves } from "./slots.ts";
import { areDirect, carryOut, gain, hopsOf, isAtLeast, type Trial } from "./trial.ts";

/** So many slots are shown, of one change, of two. */
export const SHOWN = { one: 3, two: 2 } as const;
/** Pairs that are foretold at most, over all arrangements of cards; and arrangements of one kind that are carried out. */
const MAX_FORETOLD = 10_000_000;
const MAX_CARRIED_OUT = 20;

/** What is combined with another slot for a card. */
export interface BesideCards {
  /** The newest kernel that decides otherwise, and changes with the oldest of those that help most. */
  readonly newest: Trial | undefined;
  readonly withKernels: (what: string, trials: readonly Trial[]) => readonly Trial[];
  readonly iommu: readonly Trial[];
}

/** Other slots for the cards of several pairs, or of two functions of one card: what is good for one pair is bad for others. */
export class CardSearch {
  readonly #attempts: Attempts;
  readonly #arrangements: Arrangements;
  /** Where one card may go. */
  readonly #first: readonly Arrangement[];
  readonly #isNowhere: boolean;

  constructor(attempts: Attempts) {
    this.#attempts = attempts;
    const { machine, pairs } = attempts.question;
    this.#arrangements = new Arrangements(machine, pairs);
    const all = oneExchange(this.#arrangements);
    this.#isNowhere = all.length === 0;
    this.#first = all.slice(0, Math.floor(MAX_FORETOLD / pairs.length));
    if (this.#first.length < all.length) attempts.cut = "the machine has more cards and slots than were looked at";
  }

  /** A card in another slot: those that help most, none of them by what another one does as well. */
  one(): readonly Trial[] {
    const { machine, rules, blockers, hasP2pdma } = this.#attempts.question;
    if (!hasP2pdma) return [];
    const foretelling = new Foretelling(machine, this.#arrangements, { rules, blockers });
    const found: Trial[] = [];
    const first = this.#first;
    for (const trial of this.#foretold("another slot for one card", foretelling, first, first.length, 0)) {
      const isNew = !found.some(({ outcomes }) => isAtLeast(outcomes, trial.outcomes));
      if (this.#attempts.isBetter(trial) && isNew) found.push(trial);
      if (found.length === SHOWN.one) break;
    }
    if (found.length === 0) {
      const why = this.#isNowhere ? "no other slot is known on this machine" : "none is better";
      this.#attempts.reject("another slot alone", why);
    }
    return found.sort(byWorth);
  }

  /** A card in another slot and one change more, where that gains more than each single change of `one`. */
  two(one: readonly Trial[], { newest, withKernels, iommu }: BesideCards): readonly Trial[] {
    const attempts = this.#attempts;
    const { machine, pairs, rules, blockers, hasP2pdma } = attempts.question;
    const arrangements = this.#arrangements;
    const first = this.#first;
    const ways: Trial[] = [];
    const floor = Math.max(0, ...one.map(({ outcomes }) => gain(attempts.before, outcomes)));
    const keep = (
      what: string,
      foretelling: Foretelling,
      then: (trial: Trial) => readonly Trial[],
      from: Iterable<Arrangement> = first,
      count = first.length,
    ): void => {
      for (const trial of this.#foretold(what, foretelling, from, count, floor)) {
        const more = then(trial).find((way) => attempts.isBetter(way) && gain(attempts.before, way.outcomes) > floor);
        if (more === undefined) continue;
        ways.push(more);
        return;
      }
    };
    if (hasP2pdma) {
      const second = first.length === 0 ? 0 : arrangements.exchanges(arrangements.now).length;
      const most = Math.floor(MAX_FORETOLD / pairs.length / Math.max(1, second));
      if (most < first.length) attempts.cut = "the machine has more cards and slots than were combined with each other";
      const firsts = first.slice(0, most);
      const two = oneExchangeMore(arrangements, firsts);
      const foretelling = new Foretelling(machine, arrangements, { rules, blockers });
      keep("other slots for two cards", foretelling, (trial) => [trial], two, firsts.length * second);
      keep("slot and ACS", new Foretelling(machine, arrangements, { rules, blockers, isCleared: true }), (trial) =>
        withAcs(attempts, "slot and ACS", [trial]),
      );
    }
    if (newest !== undefined) {
      keep(
        "slot and kernel",
        new Foretelling(machine, arrangements, { rules, blockers, changes: newest.idea.changes }),
        (trial) => withKernels("slot and kernel", [trial]),
      );
    }
    if (ways.some(({ outcomes }) => areDirect(outcomes))) return ways;
    for (const { idea } of iommu) {
      keep(
        "slot and IOMMU",
        new Foretelling(machine, arrangements, { rules, blockers, changes: idea.changes }),
        (trial) => attempts.carriedOut("slot and IOMMU", [both(trial.idea, idea)], false),
      );
    }
    return ways;
  }

  /** The arrangements that are foretold to gain more than `floor`, carried out. */
  *#foretold(
    what: string,
    foretelling: Foretelling,
    from: Iterable<Arrangement>,
    count: number,
    floor: number,
  ): Generator<Trial> {
    const attempts = this.#attempts;
    attempts.count(what, count);
    for (const arrangement of promising(foretelling, attempts.before, from, floor).slice(0, MAX_CARRIED_OUT)) {
      const idea = this.#arrangements.ideaOf(arrangement);
      const after = idea === undefined ? "" : carryOut(attempts.question.machine, idea.changes);
      if (idea === undefined || typeof after === "string") continue;
      yield { idea, after, outcomes: attempts.outcomesOf(after) };
    }
  }
}

/** The better result first, then fewer hops, then slots that are no bottleneck, then fewer devices that are moved. */
export function byWorth(a: Trial, b: Trial): number {
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
