import { noEntry } from "../pci/entry-at.ts";

/** Stands for "no node"; its sizes are 0, so that nothing fits in it. */
const NONE = 0;

/**
 * Runs of free page numbers, disjoint and never touching, ordered by address: a treap in typed arrays in which each node
 * knows the largest run below it. Everything is O(log runs) as long as runs are not mostly misaligned. Priorities come
 * from a fixed seed, so that equal histories give equal trees.
 */
export class FreeRuns {
  #start: Float64Array = new Float64Array(16);
  #end: Float64Array = new Float64Array(16);
  #largest: Float64Array = new Float64Array(16);
  #left: Int32Array = new Int32Array(16);
  #right: Int32Array = new Int32Array(16);
  #priority: Uint32Array = new Uint32Array(16);
  #root = NONE;
  #used = 1;
  readonly #unused: number[] = [];
  #random = 0x9e3779b9;
  // Results of #split.
  #low = NONE;
  #high = NONE;

  // What a node says; NONE is one too.

  #startOf(node: number): number {
    return this.#start[node] ?? noEntry(node);
  }

  #endOf(node: number): number {
    return this.#end[node] ?? noEntry(node);
  }

  #largestOf(node: number): number {
    return this.#largest[node] ?? noEntry(node);
  }

  #leftOf(node: number): number {
    return this.#left[node] ?? noEntry(node);
  }

  #rightOf(node: number): number {
    return this.#right[node] ?? noEntry(node);
  }

  #priorityOf(node: number): number {
    return this.#priority[node] ?? noEntry(node);
  }

  /** Pages of the longest run: the most that one call can take. */
  get longest(): number {
    return this.#largestOf(this.#root);
  }

  /** Adds the run `[start, end)`, joining it with its neighbours; false (and no change) where part of it is free already. */
  give(start: number, end: number): boolean {
    const below = this.#floor(end - 1);
    if (below !== NONE && this.#endOf(below) > start) return false;
    const belowStart = this.#startOf(below);
    const joinsBelow = below !== NONE && this.#end[below] === start;
    const above = this.#floor(end);
    const joinsAbove = above !== NONE && this.#start[above] === end;
    const newEnd = joinsAbove ? this.#endOf(above) : end;
    if (joinsAbove && joinsBelow) this.#root = this.#erase(this.#root, end);
    if (joinsBelow) this.#resize(belowStart, belowStart, newEnd);
    else if (joinsAbove) this.#resize(end, start, newEnd);
    else this.#insert(start, end);
    return true;
  }

  /** Takes what is free of `[start, end)` out, whole runs and parts of them. */
  withdraw(start: number, end: number): void {
    if (start >= end) return;
    for (let node = this.#floor(end - 1); node !== NONE; node = this.#floor(end - 1)) {
      const runStart = this.#startOf(node);
      const runEnd = this.#endOf(node);
      if (runEnd <= start) return;
      this.#cut(runStart, runEnd, Math.max(start, runStart), Math.min(end, runEnd));
    }
  }

  /** Takes the lowest `count` pages that follow each other at or above page `from`; the first of them, -1 for none. */
  takeLowest(count: number, from: number): number {
    const node = this.#lowestFit(this.#root, count, from);
    if (node === NONE) return -1;
    const runStart = this.#startOf(node);
    const start = Math.max(runStart, from);
    this.#cut(runStart, this.#endOf(node), start, start + count);
    return start;
  }

  /**
   * Takes the highest `count` pages that start at a multiple of `alignment` and end at or below `limit`; the first page,
   * -1 where there is none.
   */
  takeHighest(count: number, alignment: number, limit: number): number {
    const node = this.#highestFit(this.#root, count, alignment, limit);
    if (node === NONE) return -1;
    const runStart = this.#startOf(node);
    const runEnd = this.#endOf(node);
    const start = highestStart(runEnd, count, alignment, limit);
    this.#cut(runStart, runEnd, start, start + count);
    return start;
  }

  /** The runs in ascending order, for people and tests. */
  runs(): readonly { readonly start: number; readonly end: number }[] {
    const runs: { start: number; end: number }[] = [];
    const visit = (node: number): void => {
      if (node === NONE) return;
      visit(this.#leftOf(node));
      runs.push({ start: this.#startOf(node), end: this.#endOf(node) });
      visit(this.#rightOf(node));
    };
    visit(this.#root);
    return runs;
  }

  #cut(runStart: number, runEnd: number, start: number, end: number): void {
    if (start === runStart && end === runEnd) this.#root = this.#erase(this.#root, runStart);
    else if (start === runStart) this.#resize(runStart, end, runEnd);
    else {
      this.#resize(runStart, runStart, start);
      if (end !== runEnd) this.#insert(end, runEnd);
    }
  }

  #lowestFit(node: number, count: number, from: number): number {
    if (node === NONE || this.#largestOf(node) < count) return NONE;
    const start = this.#startOf(node);
    // What lies left of a run that starts below `from` ends below it too.
    const lower = start > from ? this.#lowestFit(this.#leftOf(node), count, from) : NONE;
    if (lower !== NONE) return lower;
    if (this.#endOf(node) - Math.max(start, from) >= count) return node;
    return this.#lowestFit(this.#rightOf(node), count, from);
  }

  #highestFit(node: number, count: number, alignment: number, limit: number): number {
    if (node === NONE || this.#largestOf(node) < count) return NONE;
    const start = this.#startOf(node);
    if (start < limit) {
      const right = this.#highestFit(this.#rightOf(node), count, alignment, limit);
      if (right !== NONE) return right;
      if (highestStart(this.#endOf(node), count, alignment, limit) >= start) return node;
    }
    return this.#highestFit(this.#leftOf(node), count, alignment, limit);
  }

  /** The run with the highest start at or below a page. */
  #floor(page: number): number {
    let found = NONE;
    for (let node = this.#root; node !== NONE; ) {
      if (this.#startOf(node) <= page) {
        found = node;
        node = this.#rightOf(node);
      } else node = this.#leftOf(node);
    }
    return found;
  }

  #insert(start: number, end: number): void {
    const node = this.#newNode(start, end);
    this.#root = this.#insertBelow(this.#root, node);
  }

  #newNode(start: number, end: number): number {
    const node = this.#unused.pop() ?? this.#used++;
    if (node >= this.#start.length) this.#grow();
    this.#random ^= this.#random << 13;
    this.#random ^= this.#random >>> 17;
    this.#random ^= this.#random << 5;
    this.#priority[node] = this.#random;
    this.#start[node] = start;
    this.#end[node] = end;
    this.#largest[node] = end - start;
    this.#left[node] = NONE;
    this.#right[node] = NONE;
    return node;
  }

  #grow(): void {
    const capacity = this.#start.length * 2;
    const wider = <A extends Float64Array | Int32Array | Uint32Array>(array: A, copy: A): A => {
      copy.set(array);
      return copy;
    };
    this.#start = wider(this.#start, new Float64Array(capacity));
    this.#end = wider(this.#end, new Float64Array(capacity));
    this.#largest = wider(this.#largest, new Float64Array(capacity));
    this.#left = wider(this.#left, new Int32Array(capacity));
    this.#right = wider(this.#right, new Int32Array(capacity));
    this.#priority = wider(this.#priority, new Uint32Array(capacity));
  }

  #insertBelow(top: number, node: number): number {
    if (top === NONE) return node;
    if (this.#priorityOf(node) > this.#priorityOf(top)) {
      this.#split(top, this.#startOf(node));
      this.#left[node] = this.#low;
      this.#right[node] = this.#high;
      this.#update(node);
      return node;
    }
    if (this.#startOf(node) < this.#startOf(top)) {
      this.#left[top] = this.#insertBelow(this.#leftOf(top), node);
    } else this.#right[top] = this.#insertBelow(this.#rightOf(top), node);
    this.#update(top);
    return top;
  }

  /** Leaves the nodes that start below `start` in `#low`, the others in `#high`. */
  #split(top: number, start: number): void {
    if (top === NONE) {
      this.#low = NONE;
      this.#high = NONE;
    } else if (this.#startOf(top) < start) {
      this.#split(this.#rightOf(top), start);
      this.#right[top] = this.#low;
      this.#update(top);
      this.#low = top;
    } else {
      this.#split(this.#leftOf(top), start);
      this.#left[top] = this.#high;
      this.#update(top);
      this.#high = top;
    }
  }

  #erase(top: number, start: number): number {
    const at = this.#startOf(top);
    if (at === start) {
      this.#unused.push(top);
      return this.#merge(this.#leftOf(top), this.#rightOf(top));
    }
    if (start < at) this.#left[top] = this.#erase(this.#leftOf(top), start);
    else this.#right[top] = this.#erase(this.#rightOf(top), start);
    this.#update(top);
    return top;
  }

  #merge(low: number, high: number): number {
    if (low === NONE) return high;
    if (high === NONE) return low;
    if (this.#priorityOf(low) > this.#priorityOf(high)) {
      this.#right[low] = this.#merge(this.#rightOf(low), high);
      this.#update(low);
      return low;
    }
    this.#left[high] = this.#merge(low, this.#leftOf(high));
    this.#update(high);
    return high;
  }

  /** Changes a run without changing its place in the order. */
  #resize(start: number, newStart: number, newEnd: number): void {
    this.#resizeBelow(this.#root, start, newStart, newEnd);
  }

  #resizeBelow(top: number, start: number, newStart: number, newEnd: number): void {
    const at = this.#startOf(top);
    if (at === start) {
      this.#start[top] = newStart;
      this.#end[top] = newEnd;
    } else this.#resizeBelow(start < at ? this.#leftOf(top) : this.#rightOf(top), start, newStart, newEnd);
    this.#update(top);
  }

  #update(node: number): void {
    const own = this.#endOf(node) - this.#startOf(node);
    const left = this.#largestOf(this.#leftOf(node));
    const right = this.#largestOf(this.#rightOf(node));
    this.#largest[node] = Math.max(own, left, right);
  }
}

/** The highest aligned start of `count` pages that end at or below both `end` and `limit`; may be below the run. */
function highestStart(end: number, count: number, alignment: number, limit: number): number {
  return Math.floor((Math.min(end, limit) - count) / alignment) * alignment;
}
