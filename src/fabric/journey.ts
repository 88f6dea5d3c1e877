import { noEntry } from "../pci/entry-at.ts";
import type { Topology } from "../pci/topology.ts";
import type { RouteHop } from "./route.ts";
import { hopKind, hopWords } from "./words.ts";

/** In {@link Journey.at}: the root complex. */
export const ROOT_COMPLEX = -1;

/** Where hops were made and why, as flat arrays. */
interface Hops {
  readonly at: Int32Array;
  readonly why: Uint8Array;
}

/**
 * The hops of one transaction, written over by the next: recording costs three stores a hop. Where all hops are known
 * before and at one address, the journey only points to them.
 */
export class Journey {
  readonly #topology: Topology;
  readonly #own: Hops;
  readonly #address: Float64Array;
  /** The arrays that hold the hops: its own, or those it points to; the first hop in them. */
  #hops: Hops;
  #first = 0;
  #length = 0;
  /** The address of all hops, where it points to them. */
  #pointsAt = 0;

  constructor(topology: Topology) {
    this.#topology = topology;
    // Up and down for the request and for its completion, and a few hops at the root complex.
    const capacity = 4 * topology.functions.length + 16;
    this.#own = { at: new Int32Array(capacity), why: new Uint8Array(capacity) };
    this.#hops = this.#own;
    this.#address = new Float64Array(capacity);
  }

  get length(): number {
    return this.#length;
  }

  clear(): void {
    this.#hops = this.#own;
    this.#first = 0;
    this.#length = 0;
  }

  /** Adds a hop at a function (its index) or {@link ROOT_COMPLEX}; `why` is a number of `WHY`. */
  push(at: number, why: number, address: number): void {
    const position = this.#length++;
    this.#own.at[position] = at;
    this.#own.why[position] = why;
    this.#address[position] = address;
  }

  /** Takes `length` hops of other arrays for its own until it is cleared, all at one address; they must stay as they are. */
  pointTo(hops: Hops, first: number, length: number, address: number): void {
    this.#hops = hops;
    this.#first = first;
    this.#length = length;
    this.#pointsAt = address;
  }

  /** Copies where and why to other arrays from `first` on. */
  copyTo(hops: Hops, first: number): void {
    hops.at.set(this.#own.at.subarray(0, this.#length), first);
    hops.why.set(this.#own.why.subarray(0, this.#length), first);
  }

  /** True where every hop is at one address. */
  staysAt(address: number): boolean {
    for (let position = 0; position < this.#length; position++) if (this.#addressOf(position) !== address) return false;
    return true;
  }

  /** The hops from a position on, for people. */
  hops(from = 0): readonly RouteHop[] {
    return Array.from({ length: this.#length - from }, (_, index) => this.#hop(from + index));
  }

  /** True where a hop was made at a function (its index) or {@link ROOT_COMPLEX}. */
  passes(at: number): boolean {
    for (let position = 0; position < this.#length; position++) if (this.#atOf(position) === at) return true;
    return false;
  }

  /** Position of the first hop that stands for a decision (a number of `WHY`), -1 where there is none. */
  positionOf(why: number): number {
    for (let position = 0; position < this.#length; position++) if (this.#whyOf(position) === why) return position;
    return -1;
  }

  /** Where the last hop was made, and its number of `WHY`. */
  get lastAt(): number {
    return this.#length === 0 ? ROOT_COMPLEX : this.#atOf(this.#length - 1);
  }

  get lastWhy(): number {
    return this.#whyOf(this.#length - 1);
  }

  #hop(position: number): RouteHop {
    const why = this.#whyOf(position);
    return {
      at: this.nameOf(this.#atOf(position)),
      what: hopKind(why),
      address: this.#addressOf(position),
      words: hopWords(why),
    };
  }

  #atOf(position: number): number {
    return this.#hops.at[this.#first + position] ?? noEntry(position);
  }

  #whyOf(position: number): number {
    return this.#hops.why[this.#first + position] ?? noEntry(position);
  }

  #addressOf(position: number): number {
    return this.#hops === this.#own ? (this.#address[position] ?? noEntry(position)) : this.#pointsAt;
  }

  /** The address of a function by its index, or `root-complex`. */
  nameOf(at: number): RouteHop["at"] {
    return this.#topology.functions[at]?.bdf ?? "root-complex";
  }
}
