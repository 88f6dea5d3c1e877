import type { Answers } from "../answers/answer.ts";
import { isSureBlock } from "../answers/gate.ts";
import { isUnknown } from "../pci/known.ts";
import { type Predictions, predictionsOf } from "../predict/predict.ts";
import type { PeerDirection } from "../routes/peer-routes.ts";
import type { Assumptions, Judgement } from "./judge-pair.ts";
import { together } from "./judge-place.ts";
import type { BandwidthFloor } from "./policy.ts";

/** What is taken for granted of pairs that pass. */
const PREDICTED = "pairs carry what is predicted of them";

/**
 * Whether pairs are predicted to carry as much of writes and of reads as a rule wants: by the figure, not by its range. A bound
 * may fail and never passes; what is not known does neither.
 */
export function judgeBandwidth(
  answers: Answers,
  floor: BandwidthFloor,
  assumed: Assumptions,
): (i: number, j: number) => Judgement {
  const predictions = predictionsOf(answers.table);
  return (i, j) => {
    const block = answers.gates(i, j).find(isSureBlock);
    if (block !== undefined) return { outcome: "fail", problems: [{ kind: "gate", gate: block }] };
    const judgement = (["write", "read"] as const)
      .map((operation) => judgeOne(predictions, floor, [i, j], operation))
      .reduce(together);
    if (judgement.outcome === "pass" && !assumed.has(PREDICTED)) assumed.set(PREDICTED, whyOf(predictions, i, j));
    return judgement;
  };
}

/** That it is a forecast, and what the source does not show of the first pair. */
function whyOf(predictions: Predictions, i: number, j: number): string {
  const said = (["write", "read"] as const).flatMap((operation) => {
    const prediction = predictions.at(i, j, operation);
    return isUnknown(prediction) ? [] : prediction.assumptions;
  });
  return ["nothing was measured", ...new Set(said)].join("; ");
}

function judgeOne(
  predictions: Predictions,
  floor: BandwidthFloor,
  [i, j]: readonly [number, number],
  operation: PeerDirection,
): Judgement {
  const hidden = (reason: string): Judgement => ({ outcome: "unknown", problems: [{ kind: "hidden", reason }] });
  const figure = predictions.figureAt(i, j, operation);
  const possible = floor.kind === "gbps" ? null : predictions.possibleAt(i, j, operation);
  if (isUnknown(figure)) return hidden(`what its ${operation}s carry is not known: ${figure.unknown}`);
  if (possible !== null && isUnknown(possible)) return hidden(possible.unknown);
  const { isUpperBound } = figure;
  const gbps = isUpperBound ? figure.high : figure.value;
  const isLess = gbps < floor.least * (possible ?? 1);
  if (isUpperBound && (possible !== null || !isLess)) {
    return hidden(`what its ${operation}s carry is not known: a link on the way is hidden`);
  }
  if (!isLess) return { outcome: "pass", problems: [] };
  const prediction = predictions.at(i, j, operation);
  const losses = isUnknown(prediction) ? [] : prediction.losses;
  const problem = { kind: "bandwidth", operation, floor, gbps, isUpperBound, possibleGBps: possible, losses } as const;
  return { outcome: "fail", problems: [problem] };
}
