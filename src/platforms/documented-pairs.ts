import type { Bdf } from "../pci/bdf.ts";
import type { Unknown } from "../pci/known.ts";
import type { VerdictTable } from "../rules/verdict-table.ts";
import { type Directions, directionsIn, hostsPath, type PlatformContext, platformContext } from "./directions.ts";

/**
 * What the hardware is documented to do with the traffic of a table's pairs, per direction. Pairs are named by their
 * positions, as in the table; the facts are prepared when the first is asked about.
 */
export class DocumentedPairs {
  readonly #table: VerdictTable;
  #context: PlatformContext | undefined;

  constructor(table: VerdictTable) {
    this.#table = table;
  }

  /** `isUp`: of requests that go up to the root complex whatever the switches do. */
  at(i: number, j: number, isUp = false): Directions {
    return directionsIn(this.#prepared(), this.#table.path(i, j), isUp);
  }

  /** Why the path of a pair cannot be told from a guest, `undefined` where it can. */
  hostsPath(i: number, j: number): Unknown | undefined {
    const { providers, clients } = this.#table;
    return hostsPath(this.#prepared(), providers[i] as Bdf, clients[j] as Bdf);
  }

  #prepared(): PlatformContext {
    this.#context ??= platformContext(this.#table.machine, this.#table.topology);
    return this.#context;
  }
}
