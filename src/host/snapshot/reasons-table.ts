import { type Unknown, unknown } from "../../pci/known.ts";

/** Reasons by number: one reason stands for thousands of hidden fields, and is written, and kept in memory, once. */
export class ReasonsTable {
  readonly #reasons: Unknown[];
  readonly #numbers = new Map<string, number>();

  constructor(reasons: readonly string[] = []) {
    this.#reasons = reasons.map(unknown);
  }

  /** The texts in the order of their numbers. */
  texts(): readonly string[] {
    return this.#reasons.map((reason) => reason.unknown);
  }

  /** The reason of a number, `undefined` where the table ends before it. */
  at(number: number): Unknown | undefined {
    return this.#reasons[number];
  }

  /** The number of a reason, a new one where it was not there yet. */
  numberOf(reason: string): number {
    const known = this.#numbers.get(reason);
    if (known !== undefined) return known;
    const number = this.#reasons.push(unknown(reason)) - 1;
    this.#numbers.set(reason, number);
    return number;
  }
}
