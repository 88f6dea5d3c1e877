import { PeerlaneError, type Place } from "../pci/error.ts";

/** Pairs and devices that all rules of a policy together may look at: some seconds of work. */
const MAX_LOOKS = 20_000_000;

/** Keeps a policy from taking hours on a machine with thousands of functions. */
export class Budget {
  #left = MAX_LOOKS;

  /** Throws `too-large` with the place of the rule when the policy has used up what it may. */
  spend(looks: number, place: Place): void {
    this.#left -= looks;
    if (this.#left >= 0) return;
    throw new PeerlaneError("too-large", "up to this rule the policy has more than 20 million pairs to look at", {
      place,
      remedy: "name fewer devices: a class or single devices instead of `all`",
    });
  }
}
