import type { VerdictTable } from "./verdict-table.ts";

/** So many pairs' answers are kept with a table: as many as a screen explains. More are worked out anew each time. */
const KEPT_PAIRS = 20_000;

/**
 * What is worked out of a table once, for whoever asks: several witnesses ask about one pair, each from several places. It
 * goes with the table.
 */
export function onceOfTable<T>(make: (table: VerdictTable) => T): (table: VerdictTable) => T {
  const made = new WeakMap<VerdictTable, { readonly value: T }>();
  return (table) => {
    let found = made.get(table);
    if (found === undefined) {
      found = { value: make(table) };
      made.set(table, found);
    }
    return found.value;
  };
}

/** Answers for the pairs of a table, which are named by their positions: each worked out once, as far as they are kept. */
export class KeptAnswers<T> {
  readonly #columns: number;
  readonly #make: (i: number, j: number) => T;
  readonly #kept = new Map<number, T>();

  constructor({ clients }: VerdictTable, make: (i: number, j: number) => T) {
    this.#columns = clients.length;
    this.#make = make;
  }

  at(i: number, j: number): T {
    const position = i * this.#columns + j;
    const kept = this.#kept.get(position);
    if (kept !== undefined) return kept;
    const answer = this.#make(i, j);
    if (this.#kept.size < KEPT_PAIRS) this.#kept.set(position, answer);
    return answer;
  }
}
