/** What is judged so far. */
export class Judgement {
  readonly faults: string[] = [];
  /** Pairs judged, by verb. */
  readonly pairs: Map<string, number> = new Map();
  /** Other things judged: groups, rules, proposals, by what they are. */
  readonly others: Map<string, number> = new Map();
  /** Pairs of which a running machine does not show enough, and that were left open. */
  hidden = 0;
  #about = "";

  get judged(): number {
    return [...this.pairs.values()].reduce((sum, count) => sum + count, 0);
  }

  /** What the next faults are about. */
  about(text: string): void {
    this.#about = text;
  }

  pair(verb: string, said: string, right: string, about: () => string): void {
    this.pairs.set(verb, (this.pairs.get(verb) ?? 0) + 1);
    if (said !== right) this.fault(`${verb}: ${about()} is ${right}, and ${said} was said`);
  }

  other(what: string, said: string, right: string, about: () => string = () => ""): void {
    this.others.set(what, (this.others.get(what) ?? 0) + 1);
    if (said !== right) this.fault(`${what}: ${about()} is ${right}, and ${said} was said`);
  }

  fault(text: string): void {
    this.faults.push(`${this.#about}: ${text}`);
  }
}
