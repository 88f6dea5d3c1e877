import { type Bdf, formatBdf, parseBdf } from "../../../src/pci/bdf.ts";
import { addressOf } from "./layout.ts";
import type { Running } from "./running.ts";

/** What the judge's functions are called on both sides: addresses stay the names of what was moved. */
export class Names {
  readonly #byAddress: ReadonlyMap<string, string>;
  readonly #byName: ReadonlyMap<string, Bdf>;

  constructor({ functions }: Running) {
    this.#byAddress = new Map(functions.map((fn) => [addressOf(fn), fn.name]));
    this.#byName = new Map(functions.map((fn) => [fn.name, parseBdf(addressOf(fn)) as Bdf]));
  }

  bdf(name: string): Bdf {
    const bdf = this.#byName.get(name);
    if (bdf === undefined) throw new Error(`no function ${name}`);
    return bdf;
  }

  address(name: string): string {
    return formatBdf(this.bdf(name));
  }

  /** A name of its own for what the machine does not have: a card that is put in. */
  of(bdf: Bdf): string {
    return this.#byAddress.get(formatBdf(bdf)) ?? `new-${formatBdf(bdf)}`;
  }
}
