import { functionsOfKind } from "../host/device-name.ts";
import { type Bdf, formatBdf } from "../pci/bdf.ts";
import { KINDS_OF_INTEREST } from "../pci/device-kind.ts";
import type { Topology } from "../pci/topology.ts";
import { namesText, roleOf } from "../report/device-names.ts";

/** Devices of a machine by kind and number (`gpu:3`), others by what they are and their address. */
export class Names {
  readonly #topology: Topology;
  readonly #names = new Map<Bdf, string>();

  constructor(topology: Topology) {
    this.#topology = topology;
    for (const kind of KINDS_OF_INTEREST) {
      functionsOfKind(topology.functions, kind).forEach(({ bdf }, index) => {
        this.#names.set(bdf, `${kind}:${index}`);
      });
    }
  }

  of(bdf: Bdf): string {
    const fn = this.#topology.find(bdf);
    return this.#names.get(bdf) ?? (fn === undefined ? formatBdf(bdf) : `${roleOf(fn)} ${formatBdf(bdf)}`);
  }

  /** A few by name; of many, those that people ask for come first. */
  all(functions: readonly Bdf[]): string {
    const named = functions.filter((bdf) => this.#names.has(bdf));
    const others = functions.filter((bdf) => !this.#names.has(bdf));
    if (named.length === 0) return listText(others.map((bdf) => this.of(bdf)));
    const text = namesText(
      named.map((bdf) => this.of(bdf)),
      MOST_NAMES,
    );
    return others.length === 0 ? text : `${text} and ${others.length} more functions`;
  }
}

const MOST_NAMES = 8;

function listText(names: readonly string[]): string {
  const more = names.length - 2;
  return more <= 0 ? names.join(" and ") : `${names.slice(0, 2).join(", ")} and ${more} more`;
}
