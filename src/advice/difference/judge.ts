import type { AnswerDifference } from "./answers.ts";
import type { AnswerEffect } from "./effect.ts";
import type { GroupChange } from "./groups.ts";

/** How many answers differ, by what that is for whoever relies on them. */
export interface AnswerCounts extends Readonly<Record<AnswerEffect, number>> {
  /** Pairs that worked and of which a device is gone. */
  readonly gone: number;
  /** IOMMU groups that merge, or are gone. */
  readonly groups: number;
  /** Pairs of functions that the IOMMU kept apart and that reach each other past it, each once. */
  readonly pastIommu: number;
  /** Pairs of which it is not known whether they got worse, or whether they worked and are gone with a device; those that were skipped, too. */
  readonly open: number;
  /** IOMMU groups that merge or are gone if one side's are as predicted, or of which nothing is known after. */
  readonly openGroups: number;
}

/** Whether an answer got worse; `null` where one side hides it. */
export function gotWorse({ worse, gone, groups, pastIommu, open, openGroups }: AnswerCounts): boolean | null {
  if (worse + gone + groups + pastIommu > 0) return true;
  return open + openGroups > 0 ? null : false;
}

/** Counts what differs. */
export function countAnswers(
  { changes, gone, mayBeGone, skipped, pastIommu }: AnswerDifference,
  groups: readonly GroupChange[],
): AnswerCounts {
  const count = (effect: AnswerEffect): number => changes.filter((change) => change.effect === effect).length;
  return {
    worse: count("worse"),
    better: count("better"),
    "no-longer-known": count("no-longer-known"),
    "now-known": count("now-known"),
    other: count("other"),
    gone: gone.length,
    groups: groups.filter((change) => isSure(change) && isWorse(change)).length,
    pastIommu: pastIommu.length,
    open: changes.filter(({ isOpen }) => isOpen).length + mayBeGone.length + skipped,
    openGroups: groups.filter((change) => !isSure(change) && isWorse(change)).length,
  };
}

function isSure({ predicted, isHidden }: GroupChange): boolean {
  return predicted === undefined && isHidden === undefined;
}

/** Devices that two guests could have had are one guest's now, or no guest's, as they are in no group. */
function isWorse({ before, after, joined }: GroupChange): boolean {
  return joined.length > 0 || after.flat().length < before.flat().length;
}
