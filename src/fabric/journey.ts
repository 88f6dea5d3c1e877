import { noEntry } from "../pci/entry-at.ts";
import type { Topology } from "../pci/topology.ts";
import type { RouteHop } from "./route.ts";
import { hopKind, hopWords } from "./words.ts";

/** In {@link Journey.at}: the root complex. */
export const ROOT_COMPLEX = -1;

/** The hops of one transaction as flat arrays, written over by the next: recording costs three stores a hop. */
export class Journey {
  readonly #topology: Topology;
  readonly #at: Int32Array;
  readonly #why: Uint8Array;
  readonly #address: Float64Array;
  #length = 0;

  constructor(topology: Topology) {
    this.#topology = topology;
    // Up and down for the request and for its completion, and a few hops at the root complex.
    const capacity = 4 * topology.functions.length + 16;
    this.#at = new Int32Array(capacity);
    this.#why = new Uint8Array(capacity);
    this.#address = new Float64Array(capacity);
  }

  get length(): number {
    return this.#length;
  }

  clear(): void {
    this.#length = 0;
  }

  /** Adds a hop at a function (its index) or {@link ROOT_COMPLEX}; `why` is a number of `WHY`. */
  push(at: number, why: number, address: number): void {
    const position = this.#length++;
    this.#at[position] = at;
    this.#why[position] = why;
    this.#address[position] = address;
  }

  /** The hops from a position on, for people. */
  hops(from = 0): readonly RouteHop[] {
    return Array.from({ length: this.#length - from }, (_, index) => this.#hop(from + index));
  }

  /** True where a hop was made at a function (its index) or {@link ROOT_COMPLEX}. */
  passes(at: number): boolean {
    for (let position = 0; position < this.#length; position++) if (this.#at[position] === at) return true;
    return false;
  }

  /** Position of the first hop that stands for a decision (a number of `WHY`), -1 where there is none. */
  positionOf(why: number): number {
    for (let position = 0; position < this.#length; position++) if (this.#why[position] === why) return position;
    return -1;
  }

  /** Where the last hop was made, and its number of `WHY`. */
  get lastAt(): number {
    return this.#at[this.#length - 1] ?? ROOT_COMPLEX;
  }

  get lastWhy(): number {
    return this.#why[this.#length - 1] ?? noEntry(this.#length - 1);
  }

  #hop(position: number): RouteHop {
    const why = this.#why[position] ?? noEntry(position);
    return {
      at: this.nameOf(this.#at[position] ?? ROOT_COMPLEX),
      what: hopKind(why),
      address: this.#address[position] ?? noEntry(position),
      words: hopWords(why),
    };
  }

  /** The address of a function by its index, or `root-complex`. */
  nameOf(at: number): RouteHop["at"] {
    return this.#topology.functions[at]?.bdf ?? "root-complex";
  }
}
