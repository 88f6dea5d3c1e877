import type { Asked } from "./asked.ts";
import { entriesOf, names, optionOf } from "./boot.ts";
import type { Running, Step } from "./running.ts";

/**
 * Faults that the judge found and that are open: what is wrong is counted under their names, and everything else fails the
 * test. A name goes when its fault does.
 */
export const OPEN: readonly string[] = [
  // A parameter by address is taken to name a card by the address that it had before it was moved.
  "an address after a move",
  // What the command line sets is taken for what firmware set.
  "ACS off in firmware setup",
  // Entries of a list for several pairs that have no effect.
  "a part is enough",
  // Releases between the proposed one and the newest read that undo it (ACS at boot of 6.11 to 6.14.1).
  "kernel or newer",
  // Only what decides pairs counts as a change of a release, not what it does at boot.
  "missed: kernel",
  "missed: slot of one device",
  // Slots are tried for one pair at a time.
  "missed: slot of many pairs",
  "missed: two steps of many pairs",
];

/** The open fault that explains whatever is wrong after some steps. */
export function knownFaultOf({ running }: Asked, after: Running, steps: readonly Step[]): string | undefined {
  const isMoved = steps.some(({ kind }) => kind === "move");
  return isMoved && namesMoved(running, after) ? "an address after a move" : undefined;
}

/** Whether an entry of the command line names other functions after the move. */
function namesMoved(before: Running, after: Running): boolean {
  const entries = ["disable_acs_redir", "config_acs"].flatMap((option) =>
    entriesOf(optionOf(after.setup.parameters, option)).map((entry) => entry.replace(/^.*@/, "")),
  );
  return entries.some((entry) =>
    before.functions.some((fn) => names(entry, fn) !== names(entry, after.at(fn.name)) && fn.offers !== null),
  );
}
