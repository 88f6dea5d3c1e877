import type { Answer } from "../../answers/answer.ts";
import type { Machine } from "../../host/machine.ts";
import { isUnknown } from "../../pci/known.ts";
import type { RulesChoice } from "../../rules/kernels/choose-rules.ts";
import { type LikelyBootLoader, likelyBootLoader } from "../boot-loaders/boot-loaders.ts";
import { type ChangedSinceBoot, changedSinceBoot } from "../reboot.ts";
import type { RejectedIdea, Searched } from "./attempts.ts";
import { Blockers } from "./blockers.ts";
import { type Carried, carriedOf } from "./carries.ts";
import { type GateRemedy, gateRemedies, isBeyondMask } from "./gate-remedies.ts";
import { type GoingUp, goingUp } from "./going-up.ts";
import { both, type Pair } from "./idea.ts";
import { passthroughIdea } from "./iommu-ideas.ts";
import { type Nearer, nearerThan } from "./nearer.ts";
import { inOrder } from "./order.ts";
import { type ParameterEffect, parameterEffects } from "./parameter-effects.ts";
import { answersOf, type ProvedFix, proved } from "./prove.ts";
import { findWays } from "./search.ts";
import { Others, surroundings, watchedOf } from "./side-effects.ts";
import { carryOut, type Trial } from "./trial.ts";

/** What can be done for some pairs of a machine. */
export interface Advice {
  readonly machine: Machine;
  readonly rules: RulesChoice;
  readonly pairs: readonly Pair[];
  /** The verdicts as they are, in the order of `pairs`. */
  readonly before: readonly Answer[];
  /** Of one pair that is not direct: what is nearer to each of the two than the other; none of several pairs. */
  readonly nearer: readonly Nearer[];
  /** Those of them that are direct by the verdict alone. */
  readonly goingUp: GoingUp;
  /** What helps, each shown by the rules on the changed machine, as they are told: settings before cards that move, what helps most first. */
  readonly fixes: readonly ProvedFix[];
  /** The boot loader whose commands come first in the steps, and by what it is known; `null` where it is not. */
  readonly bootLoader: LikelyBootLoader | null;
  /** What one might think of and does not help. */
  readonly rejected: readonly RejectedIdea[];
  /** What was looked through for `fixes`. */
  readonly searched: Searched;
  /** The functions for which it was looked what else a proposal changes; bridges are none of them. */
  readonly watched: { readonly functions: number; readonly of: number };
  /** Ways out of what stops or spoils the transfer beside the map type. */
  readonly remedies: readonly GateRemedy[];
  /** What became of the ACS parameters of the running command line. */
  readonly parameters: readonly ParameterEffect[];
  readonly changedSinceBoot: readonly ChangedSinceBoot[];
}

/** What is known beside the machine. */
export interface AdviceOptions {
  /** The kernel release whose rules decide. */
  readonly rules?: string;
  /** Whose commands come first, and by what; by itself what the machine shows. */
  readonly bootLoader?: LikelyBootLoader | null;
  /** False: no other slots and no switch card, which take the longest to look through. */
  readonly slots?: boolean;
}

/**
 * Finds the smallest changes after which the pairs are better off: one, or two of different kinds, and no part of them is
 * enough. Allow-lists are never forced: where the kernel does not know a host bridge, data may be lost without an error.
 */
export function advise(machine: Machine, pairs: readonly Pair[], options: AdviceOptions = {}): Advice {
  const { rules, bootLoader = likelyBootLoader(machine), slots: hasSlots = true } = options;
  const before = answersOf(machine, pairs, rules);
  const table = surroundings(machine, pairs, rules);
  const hasP2pdma = table.rules.candidates.length > 0;
  const isGuest = before.some(({ gates }) => gates.some(({ kind }) => kind === "virtual-machine"));
  const blockers = new Blockers(machine, pairs, before);
  const found = findWays({ machine, pairs, rules, before, blockers, hasP2pdma, isGuest, hasSlots });
  const others = new Others(table, pairs);
  let carried: readonly Carried[] | undefined;
  const shown = (way: Trial): ProvedFix => {
    carried ??= carriedOf(machine, pairs, rules);
    return withCaution(proved(way, table, others, pairs, carried, rules, bootLoader?.name ?? null), before);
  };
  const card = found.cards.map(shown).toSorted(bySideEffects)[0];
  const up = goingUp(machine, pairs, rules);
  const ways = found.ways.map((way) => ({ way, fix: shown(way) }));
  const isDirectAsItIs = before.every(({ mapType }) => mapType === "bus-addr");
  const alone = isDirectAsItIs && up.freed > 0 ? untranslated(machine) : [];
  const freeing = ways.find(({ fix }) => fix.goingUp.freed > 0 && fix.lasting === "from-next-boot");
  const fixes = [
    ...alone.map(shown),
    ...ways.flatMap((one) => [one.fix, ...(one === freeing ? untranslated(one.way.after, one.way).map(shown) : [])]),
    ...(card === undefined ? [] : [card]),
  ];
  const [pair, ...otherPairs] = pairs;
  const isFar = otherPairs.length === 0 && before.every(({ mapType }) => mapType !== "bus-addr");
  const around = before.some(isBeyondMask) ? fixes.find(({ kinds }) => kinds.includes("iommu")) : undefined;
  return {
    machine,
    rules: table.rules,
    pairs,
    before,
    nearer: isFar && pair !== undefined ? nearerThan(machine, pair, rules) : [],
    goingUp: up,
    fixes: inOrder(fixes),
    bootLoader,
    rejected: found.rejected,
    searched: found.searched,
    watched: watchedOf(table),
    remedies: gateRemedies(before, around?.title),
    parameters: parameterEffects(machine),
    changedSinceBoot: changedSinceBoot(machine),
  };
}

/**
 * Passthrough, alone or after another way, for pairs that are direct by the verdict alone: without addresses of the IOMMU
 * their requests go where the verdict says.
 */
function untranslated(machine: Machine, first?: Trial): readonly Trial[] {
  return passthroughIdea(machine).flatMap((idea): readonly Trial[] => {
    const after = carryOut(machine, idea.changes);
    if (typeof after === "string") return [];
    return [{ idea: first === undefined ? idea : both(first.idea, idea), after, outcomes: first?.outcomes ?? [] }];
  });
}

/** What brings fewest devices together, then what changes fewest other pairs: of those that are the same the first stays first. */
function bySideEffects(a: ProvedFix, b: ProvedFix): number {
  const lost = ({ isolation }: ProvedFix): number => (isUnknown(isolation) ? 0 : isolation.pairs);
  return lost(a) - lost(b) || a.others.count - b.others.count || a.changes.length - b.changes.length;
}

/** What only moves the kernel's verdict does nothing for drivers that do not ask for it. */
function withCaution(fix: ProvedFix, before: readonly Answer[]): ProvedFix {
  const classes = new Set(before.map(({ askedBy }) => askedBy.class));
  const unasked = ["does-not-ask", "user-space", "no-peer-dma"] as const;
  const isVerdictAlone = fix.kinds.every((kind) => kind === "kernel");
  if (!isVerdictAlone || ![...classes].every((one) => unasked.some((other) => other === one))) return fix;
  const caution =
    "this moves the kernel's verdict alone, and the drivers of these devices do not go by it: what the hardware does stays as it is";
  return { ...fix, cautions: [...fix.cautions, caution] };
}
