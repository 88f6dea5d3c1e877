import type { Gate } from "../../answers/gate.ts";
import type { Machine } from "../../host/machine.ts";
import type { Verdict } from "../../rules/verdict.ts";
import type { Blockers } from "./blockers.ts";
import type { Idea, Pair } from "./idea.ts";
import {
  carryOut,
  decidePairs,
  gain,
  isBetter,
  mayHelp,
  type Outcomes,
  outcomesOf,
  type Trial,
  whyNot,
} from "./trial.ts";

/** An idea that is not proposed, and what it leads to. */
export interface RejectedIdea {
  readonly title: string;
  readonly why: string;
  /**
   * The verdicts after it, in the order of the pairs, where it does no pair harm and would help in a case that the source
   * leaves open: it is likely, and not proved. `null` where it does not help.
   */
  readonly unproved: readonly Verdict[] | null;
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
  /** Whether other slots and switch cards are to be looked through. */
  readonly hasSlots: boolean;
}

/** Machines that are decided at most; fewer of a machine with so many functions that each takes long. */
const MAX_MACHINES = 3000;
const MAX_FUNCTIONS = 4_000_000;

/** The ideas that are carried out for a question: how many may be, how many were, and why some do not help. */
export class Attempts {
  readonly question: Question;
  /** The outcomes of the pairs as they are. */
  readonly before: Outcomes;
  readonly rejected: RejectedIdea[] = [];
  /** Why there may be more ways than are found. */
  cut: string | null = null;
  readonly #tried = new Map<string, number>();
  #left: number;

  constructor(question: Question) {
    this.question = question;
    const { before, blockers, machine } = question;
    this.before = before.map(({ mapType, hops }, pair) => ({
      mapType,
      hops,
      isBlocked: blockers.of(pair, mapType, machine) !== null,
    }));
    this.#left = Math.max(40, Math.min(MAX_MACHINES, Math.floor(MAX_FUNCTIONS / machine.functions.length)));
  }

  get searched(): Searched {
    return { tried: [...this.#tried].map(([what, machines]) => ({ what, machines })), cut: this.cut };
  }

  /** Machines that were looked at without being made. */
  count(what: string, machines: number): void {
    if (machines > 0) this.#tried.set(what, (this.#tried.get(what) ?? 0) + machines);
  }

  /** The machine after an idea with its pairs decided, or why the idea cannot be carried out. */
  tryOrSay(what: string, idea: Idea): Trial | string {
    const sum = [...this.#tried.values()].reduce((all, count) => all + count, 0);
    if (this.#left-- <= 0) {
      this.cut = `the search ended after ${sum} changed machines`;
      return "not tried";
    }
    const after = carryOut(this.question.machine, idea.changes);
    if (typeof after === "string") return after;
    this.count(what, 1);
    return { idea, after, outcomes: this.outcomesOf(after) };
  }

  /** Ideas carried out; why one does not help is said where somebody would think of it. */
  carriedOut(what: string, ideas: readonly Idea[], saysWhyNot: boolean): readonly Trial[] {
    return ideas.flatMap((idea) => {
      const trial = this.tryOrSay(what, idea);
      const isCarriedOut = typeof trial !== "string";
      if (saysWhyNot && !(isCarriedOut && this.isBetter(trial))) {
        this.rejected.push({
          title: idea.title,
          ...(isCarriedOut ? this.#rejection(trial) : { why: trial, unproved: null }),
        });
      }
      return isCarriedOut ? [trial] : [];
    });
  }

  #rejection(trial: Trial): Omit<RejectedIdea, "title"> {
    const { before } = this.question;
    const after = this.verdictsAfter(trial);
    const blocking = this.blocking(trial);
    const isLikely = blocking.length === 0 && mayHelp(before, after);
    return { why: whyNot(before, after, blocking), unproved: isLikely ? after : null };
  }

  /** Says why something that is no idea of its own does not help. */
  reject(title: string, why: string): void {
    this.rejected.push({ title, why, unproved: null });
  }

  verdictsAfter(trial: Trial): readonly Verdict[] {
    const { pairs, rules } = this.question;
    return decidePairs(trial.after, pairs, rules, (table) => (i, j) => table.at(i, j));
  }

  outcomesOf(machine: Machine): Outcomes {
    const { pairs, rules, blockers } = this.question;
    return outcomesOf(machine, pairs, rules, blockers);
  }

  /** What stops the pairs after a change. */
  blocking({ outcomes, after }: Trial): readonly Gate[] {
    const { blockers } = this.question;
    return outcomes.flatMap(({ mapType }, pair) => blockers.of(pair, mapType, after) ?? []);
  }

  isBetter({ outcomes }: Trial): boolean {
    return isBetter(this.before, outcomes);
  }

  /** The first of those that help most. */
  bestOf(trials: readonly Trial[]): Trial | undefined {
    let best: Trial | undefined;
    for (const trial of trials) {
      if (!this.isBetter(trial)) continue;
      const more = best === undefined ? 1 : gain(best.outcomes, trial.outcomes);
      if (more > 0) best = trial;
    }
    return best;
  }
}
