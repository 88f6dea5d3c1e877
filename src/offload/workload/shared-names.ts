import { formatPlace, PeerlaneError, type Place } from "../../pci/error.ts";
import type { SharedKind } from "./sharing-steps.ts";

/** What makes a thing of each kind. */
const MADE_BY: Readonly<Record<SharedKind, string>> = {
  buffer: "export",
  region: "import",
  guest: "guest",
  mapping: "mmap",
};

/** The names that the steps of a file give to what they make, in their order. */
export class SharedNames {
  readonly #names = new Map<string, { readonly kind: SharedKind; readonly place: Place }>();

  /** True where a step before gave something of that kind this name. */
  has(name: string, kind: SharedKind): boolean {
    return this.#names.get(name)?.kind === kind;
  }

  /** Throws `bad-input`, with the place, where the name is taken. */
  define(name: string, kind: SharedKind, place: Place): string {
    const other = this.#names.get(name);
    if (other !== undefined) {
      throw new PeerlaneError("bad-input", `'${name}' is the name of another ${other.kind}`, {
        place,
        facts: { other: formatPlace(other.place) },
        remedy: "give each thing that steps make a name of its own",
      });
    }
    this.#names.set(name, { kind, place });
    return name;
  }

  /** Throws `bad-input`, with the place, where no step before gave something of that kind this name. */
  use(name: string, kind: SharedKind, place: Place): string {
    if (this.has(name, kind)) return name;
    const other = this.#names.get(name);
    throw new PeerlaneError(
      "bad-input",
      other === undefined ? `no step before this one makes '${name}'` : `'${name}' is a ${other.kind}, no ${kind}`,
      { place, remedy: `a step of kind '${MADE_BY[kind]}' makes a ${kind}, before the steps that use it` },
    );
  }
}
