/** Reasons by number: one reason stands for thousands of hidden fields, and is written once. */
export class ReasonsTable {
  readonly reasons: string[];
  readonly #numbers = new Map<string, number>();

  constructor(reasons: readonly string[] = []) {
    this.reasons = [...reasons];
  }

  /** The number of a reason, a new one where it was not there yet. */
  numberOf(reason: string): number {
    const known = this.#numbers.get(reason);
    if (known !== undefined) return known;
    const number = this.reasons.push(reason) - 1;
    this.#numbers.set(reason, number);
    return number;
  }
}
