import { noEntry } from "../pci/entry-at.ts";
/** Something that claims a range of numbers (addresses, buses) on one bus. */
export interface Claim {
  /** The bus, as `FabricRegisters` numbers them. */
  readonly bus: number;
  readonly start: number;
  /** Exclusive. */
  readonly end: number;
  /** Who claims it. */
  readonly owner: number;
  /** What of the owner; the caller's meaning. */
  readonly detail: number;
}

/**
 * Who claims a number on which bus: flat arrays, a binary search each, nothing allocated. Where claims overlap, which
 * only a broken machine has, the first in the order given wins.
 *
 * MODEL: hardware in which two devices claim one address answers with whichever is faster, or with both.
 */
export class DecodeTable {
  /** First entry of each bus, and behind the last one all of them. */
  readonly #first: Int32Array;
  readonly #starts: Float64Array;
  readonly #ends: Float64Array;
  readonly #owners: Int32Array;
  readonly #details: Int32Array;

  constructor(busCount: number, claims: readonly Claim[]) {
    const byBus: (Claim[] | undefined)[] = new Array(busCount).fill(undefined);
    for (const claim of claims) {
      if (!(claim.end > claim.start)) continue;
      const list = byBus[claim.bus];
      if (list === undefined) byBus[claim.bus] = [claim];
      else list.push(claim);
    }
    const disjoint = byBus.map((list) => (list === undefined ? [] : withoutOverlap(list)));
    const entries = disjoint.flat();
    this.#first = new Int32Array(busCount + 1);
    disjoint.forEach((list, bus) => {
      this.#first[bus + 1] = (this.#first[bus] ?? noEntry(bus)) + list.length;
    });
    this.#starts = Float64Array.from(entries, ({ start }) => start);
    this.#ends = Float64Array.from(entries, ({ end }) => end);
    this.#owners = Int32Array.from(entries, ({ owner }) => owner);
    this.#details = Int32Array.from(entries, ({ detail }) => detail);
  }

  /** The entry that claims a number on a bus, -1 where nothing does. */
  find(bus: number, value: number): number {
    const from = this.#first[bus] ?? noEntry(bus);
    let low = from;
    let high = this.#first[bus + 1] ?? noEntry(bus + 1);
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#starts[middle] ?? noEntry(middle)) <= value) low = middle + 1;
      else high = middle;
    }
    return low > from && value < (this.#ends[low - 1] ?? noEntry(low - 1)) ? low - 1 : -1;
  }

  ownerOf(entry: number): number {
    return this.#owners[entry] ?? noEntry(entry);
  }

  detailOf(entry: number): number {
    return this.#details[entry] ?? noEntry(entry);
  }

  /** Starts and ends (exclusive) of all ranges, on whichever bus. */
  edges(): readonly number[] {
    return [...this.#starts, ...this.#ends];
  }

  /** End (exclusive) of an entry's range. */
  endOf(entry: number): number {
    return this.#ends[entry] ?? noEntry(entry);
  }
}

/** The claims of one bus in ascending order, cut where an earlier one of the list has the range. */
function withoutOverlap(claims: readonly Claim[]): readonly Claim[] {
  const sorted = claims.toSorted((a, b) => a.start - b.start);
  if (sorted.every((claim, index) => index === 0 || (sorted[index - 1]?.end ?? 0) <= claim.start)) return sorted;
  // Cells between all starts and ends; each claim takes those of its cells that no earlier one took.
  const edges = [...new Set(claims.flatMap(({ start, end }) => [start, end]))].sort((a, b) => a - b);
  const cells = new Map(edges.map((edge, cell) => [edge, cell]));
  const cellAt = (edge: number): number => cells.get(edge) ?? noEntry(edge);
  const takenBy: (Claim | undefined)[] = new Array(edges.length).fill(undefined);
  const nextFree = Int32Array.from(edges, (_, cell) => cell);
  for (const claim of claims) {
    const last = cellAt(claim.end);
    for (let cell = freeFrom(nextFree, cellAt(claim.start)); cell < last; cell = freeFrom(nextFree, cell)) {
      takenBy[cell] = claim;
      nextFree[cell] = cell + 1;
    }
  }
  // Neighbouring cells of one claim are one range again; nothing takes the last cell, which has no end.
  const parts: Claim[] = [];
  for (let cell = 0; cell < edges.length; ) {
    const claim = takenBy[cell];
    let next = cell + 1;
    while (next < edges.length && takenBy[next] === claim) next++;
    if (claim !== undefined)
      parts.push({ ...claim, start: edges[cell] ?? noEntry(cell), end: edges[next] ?? noEntry(next) });
    cell = next;
  }
  return parts;
}

/** The first cell from `cell` on that is not taken; shortens the way for the next search. */
function freeFrom(nextFree: Int32Array, cell: number): number {
  let free = cell;
  while (nextFree[free] !== free) free = nextFree[free] ?? free + 1;
  for (let at = cell; at !== free; ) {
    const next = nextFree[at] ?? free;
    nextFree[at] = free;
    at = next;
  }
  return free;
}
