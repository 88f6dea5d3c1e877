import { formatBdf } from "../../pci/bdf.ts";
import { PeerlaneError } from "../../pci/error.ts";
import { isUnknown } from "../../pci/known.ts";
import { bothWaysOf } from "../../predict/flows.ts";
import { LARGE_BYTES, type Prediction, predictionsOf } from "../../predict/predict.ts";
import type { VerdictTable } from "../../rules/verdict-table.ts";
import type { PredictionJson, PredictJson } from "../json-types.ts";
import { machineJson, notesJson } from "../machine-json.ts";
import { oneAtATimeGBps, rangedJson, rounded, TOLD_SIZES, toldGBps } from "./numbers.ts";

/** `peerlane.predict/1`; `decided` is the table of the one pair. */
export function predictJson(decided: VerdictTable, windowBytes: number | null = null): PredictJson {
  const [[provider], [client]] = [decided.providers, decided.clients];
  if (provider === undefined || client === undefined) {
    throw new PeerlaneError("usage", "the prediction of no pair was asked for", {
      remedy: "decide the pair: decideAll(machine, { providers: [provider], clients: [client] })",
    });
  }
  const of = (operation: "write" | "read"): PredictJson["write"] => {
    const prediction = predictionsOf(decided).at(0, 0, operation, LARGE_BYTES, windowBytes);
    return isUnknown(prediction) ? prediction : predictionJson(decided, prediction, windowBytes);
  };
  return {
    schema: "peerlane.predict/1",
    machine: machineJson(decided),
    provider: formatBdf(provider),
    client: formatBdf(client),
    windowBytes,
    write: of("write"),
    read: of("read"),
    bothWays: bothWaysJson(decided, windowBytes),
    notes: notesJson(decided.machine),
  };
}

function bothWaysJson(decided: VerdictTable, windowBytes: number | null): PredictJson["bothWays"] {
  const both = bothWaysOf(decided, 0, 0, LARGE_BYTES, windowBytes);
  if (isUnknown(both)) return both;
  const { thereGBps, backGBps, shared, directGBps } = both;
  return {
    thereGbps: rounded(thereGBps),
    backGbps: rounded(backGBps),
    sharedLinks: shared.map(formatBdf),
    directGbps: directGBps === null ? null : rounded(directGBps),
  };
}

function predictionJson(decided: VerdictTable, prediction: Prediction, windowBytes: number | null): PredictionJson {
  const { path, packets, hops, bottleneck } = prediction;
  return {
    gbps: rangedJson(prediction),
    isUpperBound: prediction.isUpperBound,
    sure: prediction.sure,
    turn: path.turn,
    bottleneck: hops.indexOf(bottleneck),
    hops: hops.map((hop) => ({
      kind: hop.kind,
      at: hop.at === null ? null : formatBdf(hop.at),
      towards: hop.towards,
      link: hop.taken,
      gbps: rangedJson(hop),
      why: hop.why,
      sure: hop.sure,
    })),
    hiddenLinks: path.crossings.flatMap((crossing) =>
      crossing.kind === "hidden-link" ? [{ at: formatBdf(crossing.below), why: crossing.why }] : [],
    ),
    payloadBytes: packets.payload.value,
    losses: prediction.losses.map((loss) => ({
      kind: loss.kind,
      at: loss.at === null ? null : formatBdf(loss.at),
      gbpsWithout: rounded(loss.gbpsWithout),
      why: loss.why,
    })),
    assumptions: prediction.assumptions,
    latencyNs: rangedJson(prediction.latencyNs),
    sizes: TOLD_SIZES.flatMap((sizeBytes) => {
      const each = predictionsOf(decided).at(0, 0, prediction.operation, sizeBytes, windowBytes);
      if (isUnknown(each)) return [];
      return [
        { sizeBytes, gbps: rounded(toldGBps(each)), oneAtATimeGbps: rounded(oneAtATimeGBps(prediction, sizeBytes)) },
      ];
    }),
  };
}
