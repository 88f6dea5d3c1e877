import { PeerlaneError } from "../pci/error.ts";
import { describeGiven } from "../pci/wrong-argument.ts";

/** What has a name in the lab, in ids of runs too. */
export interface Named {
  readonly id: string;
}

/** Ids of runs put names between colons, and `replay` is a word of the verb. */
const NAME = /^[a-z][a-z\d-]{0,39}$/;
const VERB_WORD = "replay";

/**
 * Throws `usage` unless a design or class is one of the lab's own, or has a name that none of these has. `what` is a
 * design, or a machine class.
 */
export function requireOwnName(what: string, given: Named, known: readonly Named[]): void {
  if (known.includes(given)) return;
  const id: unknown = (given as Partial<Named> | null)?.id;
  if (typeof id !== "string" || !NAME.test(id) || id === VERB_WORD) {
    throw new PeerlaneError("usage", `${what} with the name ${describeGiven(id)}`, {
      remedy: `its 'id' is up to 40 lower-case letters, digits and dashes, with a letter first, and not '${VERB_WORD}'`,
    });
  }
  if (known.some((one) => one.id === id)) {
    throw new PeerlaneError("usage", `the lab has ${what} named '${id}' of its own`, {
      remedy: `give yours another 'id', as 'my-${id}'`,
    });
  }
}

/** Throws `usage` where two that are not the same have one name. */
export function requireDistinct(what: string, all: readonly Named[]): void {
  for (const one of all) {
    if (all.every((other) => other.id !== one.id || other === one)) continue;
    throw new PeerlaneError("usage", `${what} named '${one.id}' is there twice, and not the same`, {
      remedy: "give each a name of its own",
    });
  }
}
