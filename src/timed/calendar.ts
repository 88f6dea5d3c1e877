import { noEntry } from "../pci/entry-at.ts";

/**
 * When each of a few things is next looked at: a binary heap of them, by time, and at one time in the order in which they
 * were put down for it. Each is in it once at most; nothing is allocated.
 */
export class Calendar {
  /** By thing; `Infinity` for one that is not in it. */
  readonly times: Float64Array;
  readonly #turns: Float64Array;
  readonly #places: Int32Array;
  readonly #heap: Int32Array;
  #count = 0;
  #turn = 0;

  constructor(things: number) {
    this.times = new Float64Array(things).fill(Number.POSITIVE_INFINITY);
    this.#turns = new Float64Array(things);
    this.#places = new Int32Array(things).fill(-1);
    this.#heap = new Int32Array(things);
  }

  /** The thing that is next, -1 where there is none. */
  get next(): number {
    return this.#count === 0 ? -1 : (this.#heap[0] ?? noEntry(0));
  }

  /** Puts a thing down for a time, instead of the one that it had. */
  set(thing: number, time: number): void {
    const before = this.times[thing] ?? noEntry(thing);
    this.times[thing] = time;
    this.#turns[thing] = this.#turn++;
    let place = this.#places[thing] ?? noEntry(thing);
    if (place < 0) {
      place = this.#count++;
      this.#up(thing, place);
    } else if (time < before) this.#up(thing, place);
    else this.#down(thing, place);
  }

  /** Takes a thing out. */
  remove(thing: number): void {
    const place = this.#places[thing] ?? noEntry(thing);
    if (place < 0) return;
    this.times[thing] = Number.POSITIVE_INFINITY;
    this.#places[thing] = -1;
    const last = this.#heap[--this.#count] ?? noEntry(this.#count);
    if (last === thing) return;
    // It stood at the end: it may belong higher or lower than where the hole is.
    this.#down(last, place);
    this.#up(last, this.#places[last] ?? noEntry(last));
  }

  #up(thing: number, from: number): void {
    const time = this.times[thing] ?? noEntry(thing);
    const turn = this.#turns[thing] ?? noEntry(thing);
    let place = from;
    while (place > 0) {
      const above = (place - 1) >>> 1;
      const other = this.#heap[above] ?? noEntry(above);
      const otherTime = this.times[other] ?? noEntry(other);
      if (otherTime < time || (otherTime === time && (this.#turns[other] ?? noEntry(other)) < turn)) break;
      this.#heap[place] = other;
      this.#places[other] = place;
      place = above;
    }
    this.#heap[place] = thing;
    this.#places[thing] = place;
  }

  #down(thing: number, from: number): void {
    const time = this.times[thing] ?? noEntry(thing);
    const turn = this.#turns[thing] ?? noEntry(thing);
    const count = this.#count;
    let place = from;
    for (;;) {
      let below = 2 * place + 1;
      if (below >= count) break;
      let other = this.#heap[below] ?? noEntry(below);
      let otherTime = this.times[other] ?? noEntry(other);
      if (below + 1 < count) {
        const right = this.#heap[below + 1] ?? noEntry(below + 1);
        const rightTime = this.times[right] ?? noEntry(right);
        if (
          rightTime < otherTime ||
          (rightTime === otherTime && (this.#turns[right] ?? noEntry(right)) < (this.#turns[other] ?? noEntry(other)))
        ) {
          below++;
          other = right;
          otherTime = rightTime;
        }
      }
      if (time < otherTime || (time === otherTime && turn < (this.#turns[other] ?? noEntry(other)))) break;
      this.#heap[place] = other;
      this.#places[other] = place;
      place = below;
    }
    this.#heap[place] = thing;
    this.#places[thing] = place;
  }
}
