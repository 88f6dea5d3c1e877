import type { ByteRange } from "../pci/addresses.ts";
import { noEntry } from "../pci/entry-at.ts";

/** A range of an address space with what is known of it. */
export interface TableEntry<T> extends ByteRange {
  readonly value: T;
}

/**
 * Disjoint ranges of one address space, each with a value. Look-up is a binary search over a `Float64Array` (addresses
 * go up to 2^52) and allocates nothing; adding and removing move the arrays.
 */
export class RangeTable<T> {
  #count = 0;
  #starts = new Float64Array(8);
  #ends = new Float64Array(8);
  readonly #values: T[] = [];
  /** Where the last look-up ended: neighbours are asked one after the other. */
  #last = 0;

  get count(): number {
    return this.#count;
  }

  /** Position of the range that holds an address, -1 where there is none. */
  indexAt(address: number): number {
    const last = this.#last;
    if (last < this.#count && address >= this.startOf(last) && address < this.endOf(last)) return last;
    const index = this.#lastStartingAtOrBelow(address);
    if (index < 0 || address >= this.endOf(index)) return -1;
    this.#last = index;
    return index;
  }

  /** The value of the range that holds an address. */
  valueAt(address: number): T | undefined {
    const index = this.indexAt(address);
    return index < 0 ? undefined : this.#values[index];
  }

  /** The value of the range at a position. */
  at(index: number): T {
    return this.#values[index] as T;
  }

  /** Start of the range at a position. */
  startOf(index: number): number {
    return this.#starts[index] ?? noEntry(index);
  }

  /** End (exclusive) of the range at a position. */
  endOf(index: number): number {
    return this.#ends[index] ?? noEntry(index);
  }

  /** The first range that shares an address with `[start, start + sizeBytes)`. */
  overlapping(start: number, sizeBytes: number): TableEntry<T> | undefined {
    const before = this.#lastStartingAtOrBelow(start);
    const index = before >= 0 && this.endOf(before) > start ? before : before + 1;
    if (index >= this.#count || this.startOf(index) >= start + sizeBytes) return undefined;
    return this.#entry(index);
  }

  /** Adds a range of at least one byte; false, and nothing is changed, where it overlaps one that is there. */
  add(start: number, sizeBytes: number, value: T): boolean {
    if (sizeBytes <= 0 || this.overlapping(start, sizeBytes) !== undefined) return false;
    if (this.#count === this.#starts.length) this.#grow();
    const index = this.#lastStartingAtOrBelow(start) + 1;
    this.#starts.copyWithin(index + 1, index, this.#count);
    this.#ends.copyWithin(index + 1, index, this.#count);
    this.#starts[index] = start;
    this.#ends[index] = start + sizeBytes;
    this.#values.splice(index, 0, value);
    this.#count++;
    return true;
  }

  /** Removes the range that starts at an address; false where none does. */
  remove(start: number): boolean {
    const index = this.#lastStartingAtOrBelow(start);
    if (index < 0 || this.#starts[index] !== start) return false;
    this.#starts.copyWithin(index, index + 1, this.#count);
    this.#ends.copyWithin(index, index + 1, this.#count);
    this.#values.splice(index, 1);
    this.#count--;
    return true;
  }

  /** All ranges in ascending order. */
  entries(): readonly TableEntry<T>[] {
    return Array.from({ length: this.#count }, (_, index) => this.#entry(index));
  }

  #entry(index: number): TableEntry<T> {
    const start = this.startOf(index);
    return { start, sizeBytes: this.endOf(index) - start, value: this.#values[index] as T };
  }

  #lastStartingAtOrBelow(address: number): number {
    let low = 0;
    let high = this.#count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.startOf(middle) <= address) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  #grow(): void {
    const starts = new Float64Array(this.#starts.length * 2);
    const ends = new Float64Array(this.#ends.length * 2);
    starts.set(this.#starts);
    ends.set(this.#ends);
    this.#starts = starts;
    this.#ends = ends;
  }
}
