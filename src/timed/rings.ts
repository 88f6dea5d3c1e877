import { noEntry } from "../pci/entry-at.ts";

/**
 * What comes back at a time that is known before: credits, tags, places of commands. A ring of times for each of some
 * owners, each with a number beside it; the times of an owner come in their order. Nothing is allocated.
 */
export class Rings {
  readonly #first: Int32Array;
  readonly #mask: Int32Array;
  readonly #head: Uint32Array;
  readonly #tail: Uint32Array;
  readonly #times: Float64Array;
  readonly #values: Int32Array;

  /** `capacities`: how many an owner has under way at most. */
  constructor(capacities: readonly number[]) {
    const sizes = capacities.map((capacity) => 2 ** Math.ceil(Math.log2(Math.max(1, capacity))));
    this.#first = new Int32Array(sizes.length);
    this.#mask = Int32Array.from(sizes, (size) => size - 1);
    this.#head = new Uint32Array(sizes.length);
    this.#tail = new Uint32Array(sizes.length);
    let total = 0;
    for (const [owner, size] of sizes.entries()) {
      this.#first[owner] = total;
      total += size;
    }
    this.#times = new Float64Array(total);
    this.#values = new Int32Array(total);
  }

  push(owner: number, time: number, value: number): void {
    const tail = this.#tail[owner] ?? noEntry(owner);
    const mask = this.#mask[owner] ?? noEntry(owner);
    if ((tail - (this.#head[owner] ?? noEntry(owner))) >>> 0 > mask) throw new RangeError("a ring is full");
    const at = (this.#first[owner] ?? noEntry(owner)) + (tail & mask);
    this.#times[at] = time;
    this.#values[at] = value;
    this.#tail[owner] = tail + 1;
  }

  /** When the next of an owner comes back; `Infinity` where none is under way. */
  nextTime(owner: number): number {
    const head = this.#head[owner] ?? noEntry(owner);
    if (head === this.#tail[owner]) return Number.POSITIVE_INFINITY;
    const at = (this.#first[owner] ?? noEntry(owner)) + (head & (this.#mask[owner] ?? noEntry(owner)));
    return this.#times[at] ?? noEntry(at);
  }

  /** Takes the next of an owner, which there has to be; yields the number beside it. */
  take(owner: number): number {
    const head = this.#head[owner] ?? noEntry(owner);
    const at = (this.#first[owner] ?? noEntry(owner)) + (head & (this.#mask[owner] ?? noEntry(owner)));
    this.#head[owner] = head + 1;
    return this.#values[at] ?? noEntry(at);
  }

  /** How many of an owner are under way. */
  count(owner: number): number {
    return ((this.#tail[owner] ?? noEntry(owner)) - (this.#head[owner] ?? noEntry(owner))) >>> 0;
  }
}
