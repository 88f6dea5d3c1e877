import type { Bdf } from "../pci/bdf.ts";
import type { VerdictTable } from "../rules/verdict-table.ts";
import { type AskedBy, askedByOf, askingKey } from "./who-asks.ts";

const oneFunction: AskedBy = { class: "unknown", ways: [], hidden: "provider and client are one function" };

/**
 * Who asks the kernel about the pairs of a table, which are named by their positions. A machine has few drivers and many
 * pairs: each two drivers are looked up once.
 */
export class AskedPairs {
  readonly #table: VerdictTable;
  readonly #keys = new Map<Bdf, string>();
  readonly #answers = new Map<string, AskedBy>();

  constructor(table: VerdictTable) {
    this.#table = table;
  }

  at(i: number, j: number): AskedBy {
    const { providers, clients, topology } = this.#table;
    const [provider, client] = [providers[i] as Bdf, clients[j] as Bdf];
    if (provider === client) return oneFunction;
    const key = `${this.#keyOf(provider)} ${this.#keyOf(client)}`;
    let answer = this.#answers.get(key);
    if (answer === undefined) {
      answer = askedByOf(topology.functionOf(provider), topology.functionOf(client));
      this.#answers.set(key, answer);
    }
    return answer;
  }

  #keyOf(bdf: Bdf): string {
    let key = this.#keys.get(bdf);
    if (key === undefined) {
      key = askingKey(this.#table.topology.functionOf(bdf));
      this.#keys.set(bdf, key);
    }
    return key;
  }
}
