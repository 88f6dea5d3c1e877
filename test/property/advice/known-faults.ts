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
