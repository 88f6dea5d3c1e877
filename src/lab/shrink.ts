import type { SegmentKind } from "./list-kinds.ts";
import { outcomeOf, type RunResult } from "./outcome.ts";
import type { DesignRunner } from "./run.ts";

/** Lists up to this length are tried one by one. */
const TRIED_LENGTH = 3;
/** RAM first: the less peer memory, the simpler the list. */
const LETTERS: readonly SegmentKind[] = ["r", "a", "b"];

/** A list that ends as a longer one did. */
export interface SmallerList {
  readonly segments: readonly SegmentKind[];
  readonly result: RunResult;
}

/**
 * The smallest list that ends in both directions as the given one did, for the same reason if it was refused: all lists of
 * up to three segments in order of length, then the given one with parts taken out as long as that changes nothing.
 */
export function shrink(
  runner: DesignRunner,
  segments: readonly SegmentKind[],
  seed: number,
  whole: RunResult,
): SmallerList {
  const isAlike = (result: RunResult): boolean =>
    result.read === whole.read &&
    result.write === whole.write &&
    result.refusal?.errno === whole.refusal?.errno &&
    outcomeOf(result) === outcomeOf(whole) &&
    result.inHostMemory > 0 === whole.inHostMemory > 0;
  for (const candidate of shortLists(Math.min(TRIED_LENGTH, segments.length))) {
    const result = runner.run(candidate, seed);
    if (isAlike(result)) return { segments: candidate, result };
  }
  return withPartsOut(runner, { segments, result: whole }, seed, isAlike);
}

function* shortLists(longest: number): Generator<readonly SegmentKind[]> {
  let lists: readonly (readonly SegmentKind[])[] = [[]];
  for (let length = 1; length <= longest; length++) {
    lists = lists.flatMap((list) => LETTERS.map((letter) => [...list, letter]));
    yield* lists;
  }
}

function withPartsOut(
  runner: DesignRunner,
  whole: SmallerList,
  seed: number,
  isAlike: (result: RunResult) => boolean,
): SmallerList {
  let smallest = whole;
  for (let part = Math.floor(whole.segments.length / 2); part >= 1; part = Math.floor(part / 2)) {
    for (let from = 0; from + part <= smallest.segments.length && smallest.segments.length > part; ) {
      const candidate = smallest.segments.toSpliced(from, part);
      const result = runner.run(candidate, seed);
      if (isAlike(result)) smallest = { segments: candidate, result };
      else from += part;
    }
  }
  return smallest;
}
