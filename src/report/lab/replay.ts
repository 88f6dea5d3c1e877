import type { RunResult } from "../../lab/outcome.ts";
import { listText, type RunPlan, runId } from "../../lab/run-id.ts";
import { formatAddress } from "../../pci/addresses.ts";
import { formatBdf } from "../../pci/bdf.ts";
import { type Block, heading, list, type Rich, table } from "../document.ts";
import { runSpan } from "./words.ts";

/** One run as a report: the list, what the design made of it, where the first wrong request went. */
export function replayBlocks(plan: RunPlan, result: RunResult): readonly Block[] {
  const { design, kind } = plan;
  return [
    heading(runId(plan)),
    list([
      `design: ${design.title}`,
      `machine: ${kind.words}`,
      `list: ${listText(plan.segments)} (a and b: memory of the two peers, r: RAM; a page each)`,
      ["outcome: ", runSpan(result)],
      ...refusalLines(result),
      ...stateLines(result),
    ]),
    ...entryBlocks(result),
    ...mishapBlocks(result),
  ];
}

function refusalLines({ refusal }: RunResult): readonly Rich[] {
  return refusal === null ? [] : [`refused at ${refusal.phase}: ${refusal.errno}, ${refusal.reason}`];
}

function stateLines({ isContained, isRestored, throughRoot }: RunResult): readonly Rich[] {
  return [
    ...(throughRoot > 0 ? [`through the root complex: ${Math.round(throughRoot * 100)} % of the peer bytes`] : []),
    isRestored ? "everything is unmapped again" : "something is left mapped",
    isContained ? "nothing outside of the list was written" : "bytes outside of the list were written",
  ];
}

function entryBlocks({ entries, entryCount }: RunResult): readonly Block[] {
  if (entryCount === 0) return [];
  const shown = entries.map(({ address, lengthBytes, isBus }) => [
    formatAddress(address),
    `${lengthBytes}`,
    isBus ? "as it is" : "mapped",
  ]);
  const more = entryCount - entries.length;
  return [
    heading("What the device is given"),
    table(["DMA address", "bytes", "kind"], more > 0 ? [...shown, [`and ${more} more`, "", ""]] : shown),
  ];
}

function mishapBlocks({ mishap }: RunResult): readonly Block[] {
  if (mishap === null) return [];
  const { direction, dmaAddress, expected, hops, reached, routeOutcome, segment } = mishap;
  return [
    heading(`The first that goes wrong: a ${direction} of segment ${segment} at ${formatAddress(dmaAddress)}`),
    list([`belongs to ${expected}`, reached === null ? `ends with ${routeOutcome}` : `reaches ${reached}`]),
    table(
      ["at", "hop", "address", "why"],
      hops.map(({ at, what, address, words }) => [
        at === "root-complex" ? at : formatBdf(at),
        what,
        formatAddress(address),
        words,
      ]),
    ),
  ];
}
