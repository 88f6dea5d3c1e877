import type { Bdf } from "../pci/bdf.ts";
import { onceOfTable } from "../rules/kept-answers.ts";
import type { VerdictTable } from "../rules/verdict-table.ts";
import { type AskedBy, askedByOf, askingKey } from "./who-asks.ts";

const oneFunction: AskedBy = { class: "unknown", ways: [], hidden: "provider and client are one function" };

/**
 * Who asks the kernel about the pairs of a table, which are named by their positions. A machine has few drivers and many
 * pairs: each two drivers are looked up once.
 */
export class AskedPairs {
  readonly #table: VerdictTable;
  /** Functions that ask alike have one number. */
  readonly #numbers = new Map<string, number>();
  readonly #numberOf = new Map<Bdf, number>();
  readonly #answers = new Map<number, AskedBy>();

  constructor(table: VerdictTable) {
    this.#table = table;
  }

  at(i: number, j: number): AskedBy {
    const { providers, clients, topology } = this.#table;
    const [provider, client] = [providers[i] as Bdf, clients[j] as Bdf];
    if (provider === client) return oneFunction;
    const key = this.#kindOf(provider) * 0x10000 + this.#kindOf(client);
    let answer = this.#answers.get(key);
    if (answer === undefined) {
      answer = askedByOf(topology.functionOf(provider), topology.functionOf(client));
      this.#answers.set(key, answer);
    }
    return answer;
  }

  #kindOf(bdf: Bdf): number {
    let number = this.#numberOf.get(bdf);
    if (number === undefined) {
      const key = askingKey(this.#table.topology.functionOf(bdf));
      number = this.#numbers.get(key) ?? this.#numbers.size;
      this.#numbers.set(key, number);
      this.#numberOf.set(bdf, number);
    }
    return number;
  }
}

/** Who asks about the pairs of a table, for whoever wants to know. */
export const askedPairsOf: (table: VerdictTable) => AskedPairs = onceOfTable((table) => new AskedPairs(table));
