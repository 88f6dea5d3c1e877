import type { CostCounters } from "../memory/cost.ts";

/**
 * One walk over a side of a list. Back ends and designs visit entries in no other way, so that what it counts is what was
 * done: a pass when it is made, a visit for each entry that it comes to.
 *
 * @example
 * for (const walk = new ListWalk(list.count, cost); walk.next(); ) visit(walk.index);
 */
export class ListWalk {
  /** The entry that is visited; -1 before the first. */
  index = -1;
  readonly #count: number;
  readonly #cost: CostCounters;

  constructor(count: number, cost: CostCounters) {
    this.#count = count;
    this.#cost = cost;
    cost.listPasses++;
  }

  /** Goes to the next entry; false behind the last. */
  next(): boolean {
    if (this.index + 1 >= this.#count) return false;
    this.index++;
    this.#cost.segmentVisits++;
    return true;
  }
}
