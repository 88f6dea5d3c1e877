import type { JSX } from "preact";
import { visible } from "../../src/pci/visible.ts";
import type { Problem } from "../engine/protocol.ts";

/** An error or a note in the form of the command line: what happened, where, and the way out. */
export function ProblemView({ message, remedy, place }: Problem): JSX.Element {
  return (
    <>
      <span class="message">
        {place === undefined ? "" : `${visible(place)}: `}
        {visible(message)}
      </span>
      {remedy === undefined ? null : <span class="remedy"> → {visible(remedy)}</span>}
    </>
  );
}
