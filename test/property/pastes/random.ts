import { randomFrom } from "../../random.ts";

/** What a case asks of chance, so that it is the same when its seed is given again. */
export interface Random {
  /** A whole number from 0 to `limit` (exclusive). */
  below(limit: number): number;
  /** True in `percent` cases of a hundred. */
  chance(percent: number): boolean;
  pick<T>(list: readonly T[]): T;
}

export function randomOf(seed: number): Random {
  const next = randomFrom(seed);
  const below = (limit: number): number => Math.floor(next() * limit);
  return {
    below,
    chance: (percent) => next() * 100 < percent,
    pick: (list) => list[below(list.length)] as (typeof list)[number],
  };
}
