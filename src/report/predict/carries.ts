import { isUnknown } from "../../pci/known.ts";
import { formatSize } from "../../pci/size.ts";
import { REACH_BYTES } from "../../predict/look-ups.ts";
import { LARGE_BYTES, type Prediction, predictionsOf } from "../../predict/predict.ts";
import type { PairPath } from "../../rules/verdict.ts";
import type { VerdictTable } from "../../rules/verdict-table.ts";
import { type Rich, rich } from "../rich.ts";
import { gbpsText, rangeText } from "./numbers.ts";
import { bothWaysTexts, hopWords, lossTexts } from "./screen.ts";

/**
 * What a pair can carry, in few words: writes and reads with their ranges and what holds them, then each thing that holds
 * them back and what they would be without it, and which links both directions share. Nothing where no data is known to go anywhere.
 */
export function carriesTexts(table: VerdictTable, { provider, client }: PairPath): readonly Rich[] {
  const [i, j] = [table.providers.indexOf(provider), table.clients.indexOf(client)];
  const predictions = (["write", "read"] as const).flatMap((operation): readonly Prediction[] => {
    const prediction = predictionsOf(table).at(i, j, operation);
    return isUnknown(prediction) ? [] : [prediction];
  });
  const [first, second] = predictions;
  if (first === undefined) return [];
  const held = (of: Prediction): Rich => rich`held by ${hopWords(table.topology, of.bottleneck)}`;
  const told = (of: Prediction): Rich => rich`${of.operation}s ${rangeText(of)}`;
  const isOneHop = second?.bottleneck.at === first.bottleneck.at && second.bottleneck.kind === first.bottleneck.kind;
  const figures =
    second === undefined
      ? rich`${told(first)}, ${held(first)}`
      : isOneHop
        ? rich`${told(first)}, ${told(second)}, ${held(first)}`
        : rich`${told(first)}, ${held(first)}; ${told(second)}, ${held(second)}`;
  return [
    figures,
    ...lossTexts(predictions),
    ...walkTexts(table, i, j, predictions),
    ...bothWaysTexts(table, i, j, "shared"),
  ];
}

/** Bytes of a working set of which nothing is at hand in an IOMMU. */
const VAST_BYTES = 2 ** 50;

/** A part of a figure that is worth a line: what costs less is in the range. */
const TOLD_SHARE = 0.05;

/** What the IOMMU's walks leave of transfers over more memory than it reaches; nothing where none is looked up, or they cost little. */
function walkTexts(table: VerdictTable, i: number, j: number, predictions: readonly Prediction[]): readonly Rich[] {
  const left = predictions.flatMap(({ operation, value }): readonly string[] => {
    const vast = predictionsOf(table).at(i, j, operation, LARGE_BYTES, VAST_BYTES);
    return isUnknown(vast) || vast.value > value * (1 - TOLD_SHARE)
      ? []
      : [`${operation}s ${gbpsText(vast.value)} GB/s`];
  });
  if (left.length === 0) return [];
  const reach = formatSize(REACH_BYTES);
  return [rich`at random over more than the IOMMU's reach, taken as ${reach} of 4 KiB pages: ${left.join(", ")}`];
}
