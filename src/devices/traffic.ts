import type { Fabric } from "../fabric/fabric.ts";
import { entryAt } from "../pci/entry-at.ts";

/** Payload bytes that went where, by function index as in `FabricCounters`. */
export interface Traffic {
  readonly up: Float64Array;
  readonly down: Float64Array;
  readonly dramReadBytes: number;
  readonly dramWrittenBytes: number;
  readonly rootComplexBytes: number;
  readonly requests: number;
}

/** What was moved, with what moved it apart: queue entries, lists of addresses, doorbells, completions. */
export interface SplitTraffic {
  readonly data: Traffic;
  readonly control: Traffic;
}

/** The state of a ledger at a moment; opaque. */
export interface TrafficMark {
  readonly total: Traffic;
  readonly control: Traffic;
}

/** Tells, of all that the fabric counted since a moment, what was data and what was control. */
export class TrafficLedger {
  readonly #fabric: Fabric;
  #control: Traffic;
  #isControl = false;

  constructor(fabric: Fabric) {
    this.#fabric = fabric;
    this.#control = difference(take(fabric), take(fabric));
  }

  /** Runs something whose traffic is control; inside of it, so is everything. */
  asControl<T>(action: () => T): T {
    if (this.#isControl) return action();
    const before = take(this.#fabric);
    this.#isControl = true;
    try {
      return action();
    } finally {
      this.#isControl = false;
      this.#control = sum(this.#control, difference(take(this.#fabric), before));
    }
  }

  /** Marks a moment for {@link since}; the fabric's counters must not be cleared in between. */
  mark(): TrafficMark {
    return { total: take(this.#fabric), control: this.#control };
  }

  /** The traffic since a moment. */
  since(mark: TrafficMark): SplitTraffic {
    const control = difference(this.#control, mark.control);
    return { control, data: difference(difference(take(this.#fabric), mark.total), control) };
  }
}

/** Two pieces of traffic together. */
export function addTraffic(a: SplitTraffic, b: SplitTraffic): SplitTraffic {
  return { data: sum(a.data, b.data), control: sum(a.control, b.control) };
}

function take({ counters }: Fabric): Traffic {
  const { up, down, dramReadBytes, dramWrittenBytes, rootComplexBytes, requests } = counters;
  return { up: up.slice(), down: down.slice(), dramReadBytes, dramWrittenBytes, rootComplexBytes, requests };
}

function difference(after: Traffic, before: Traffic): Traffic {
  return combine(after, before, -1);
}

function sum(a: Traffic, b: Traffic): Traffic {
  return combine(a, b, 1);
}

function combine(a: Traffic, b: Traffic, sign: 1 | -1): Traffic {
  return {
    up: a.up.map((bytes, index) => bytes + sign * entryAt(b.up, index)),
    down: a.down.map((bytes, index) => bytes + sign * entryAt(b.down, index)),
    dramReadBytes: a.dramReadBytes + sign * b.dramReadBytes,
    dramWrittenBytes: a.dramWrittenBytes + sign * b.dramWrittenBytes,
    rootComplexBytes: a.rootComplexBytes + sign * b.rootComplexBytes,
    requests: a.requests + sign * b.requests,
  };
}
