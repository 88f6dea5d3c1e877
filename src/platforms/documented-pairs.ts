import type { Bdf } from "../pci/bdf.ts";
import type { Unknown } from "../pci/known.ts";
import { KeptAnswers, onceOfTable } from "../rules/kept-answers.ts";
import type { VerdictTable } from "../rules/verdict-table.ts";
import { type Directions, directionsIn, hostsPath, type PlatformContext, platformContext } from "./directions.ts";

/** The facts as they are prepared for a table, and what they say of its pairs. */
interface Facts {
  readonly context: PlatformContext;
  readonly pairs: KeptAnswers<Directions>;
  /** The same of requests that go up to the root complex whatever the switches do. */
  readonly upPairs: KeptAnswers<Directions>;
}

const factsOf = onceOfTable((table): Facts => {
  const context = platformContext(table.machine, table.topology);
  const ask = (isUp: boolean): KeptAnswers<Directions> =>
    new KeptAnswers(table, (i, j) => directionsIn(context, table.path(i, j), isUp));
  return { context, pairs: ask(false), upPairs: ask(true) };
});

/**
 * What the hardware is documented to do with the traffic of a table's pairs, per direction. Pairs are named by their
 * positions, as in the table; the facts are prepared when the first is asked about.
 */
export class DocumentedPairs {
  readonly #table: VerdictTable;

  constructor(table: VerdictTable) {
    this.#table = table;
  }

  /** `isUp`: of requests that go up to the root complex whatever the switches do. */
  at(i: number, j: number, isUp = false): Directions {
    const { pairs, upPairs } = factsOf(this.#table);
    return (isUp ? upPairs : pairs).at(i, j);
  }

  /** Why the path of a pair cannot be told from a guest, `undefined` where it can. */
  hostsPath(i: number, j: number): Unknown | undefined {
    const { providers, clients } = this.#table;
    return hostsPath(factsOf(this.#table).context, providers[i] as Bdf, clients[j] as Bdf);
  }
}
