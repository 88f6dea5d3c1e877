import type { CopyEndView, CopyPathView, CopyPlanView, CopyResultView } from "../../../measured/copy.ts";
import { formatBdf } from "../../../pci/bdf.ts";
import type { CopyEndJson, CopyJson } from "../../json-types.ts";
import { lossRemedies, lossWords } from "./remedies.ts";

/** `peerlane.copy/1` of a plan (`--dry-run`). */
export function copyPlanJson(plan: CopyPlanView): CopyJson {
  return {
    ...commonJson(plan, plan.path, plan.warnings),
    outcome: "planned",
    chunk: plan.chunkBytes,
    depth: plan.depth,
    result: null,
  };
}

/** `peerlane.copy/1` of a copy that ran; `resumeCommand` goes on with it where it ended early. */
export function copyJson(result: CopyResultView, resumeCommand: string): CopyJson {
  const { shape, loss, failure, verification, messages } = result;
  const { sourceStart, targetStart } = result.plan.ranges;
  return {
    ...commonJson(result.plan, result.path, result.warnings),
    outcome: result.outcome,
    chunk: shape.chunkBytes,
    depth: shape.depth,
    result: {
      memoryBytes: result.memoryBytes,
      cpuBytes: result.cpuBytes,
      seconds: result.seconds,
      bytesPerSecond: bytesPerSecond(result),
      cpuSeconds: result.cpuSeconds,
      sampledChunks: result.sampledChunks,
      verification,
      earlier: { copied: result.resumedFromBytes, compared: result.comparedBytes },
      loss:
        loss === null
          ? null
          : {
              message: `data loss: ${lossWords(result)}`,
              foundBy: loss.foundBy,
              ruledOut: loss.ruledOut,
              open: loss.open,
              ...loss.difference,
              sourcePosition: sourceStart + loss.difference.offset,
              targetPosition: targetStart + loss.difference.offset,
              remedies: lossRemedies(result),
            },
      failure:
        failure === null
          ? null
          : {
              kind: failure.kind,
              message: failure.message,
              remedy: failure.remedy,
              errno: failure.errno,
              position: failure.positionBytes,
            },
      resume:
        result.journal === null
          ? null
          : { journal: result.journal, completed: result.journalledBytes, command: resumeCommand },
      messages: messages.map(({ timeUs, text }) => ({ timeUs, text })),
    },
  };
}

/** What a plan and its result have in common. */
type CopyCommonJson = Pick<CopyJson, "schema" | "source" | "target" | "range" | "path" | "resumedAt" | "warnings">;

function commonJson(plan: CopyPlanView, path: CopyPathView, warnings: readonly string[]): CopyCommonJson {
  const { sourceStart, targetStart, lengthBytes } = plan.ranges;
  return {
    schema: "peerlane.copy/1",
    source: endJson(plan.ends.source),
    target: { ...endJson(plan.ends.target), new: plan.ends.isNew },
    range: { sourceStart, targetStart, length: lengthBytes },
    path: pathJson(path),
    resumedAt: plan.resumed?.completedBytes ?? 0,
    warnings,
  };
}

function endJson(end: CopyEndView): CopyEndJson {
  const device = end.kind === "device" ? end : end.device;
  return {
    kind: end.kind,
    path: end.path,
    device: device?.name ?? null,
    functions: (device?.functions ?? []).map(formatBdf),
    size: end.sizeBytes,
    block: end.logicalBlockBytes,
  };
}

function pathJson(path: CopyPathView): CopyJson["path"] {
  if (path.kind === "dram") return { kind: "dram", reason: path.reason };
  const { pool, distance, ties } = path.choice;
  return {
    kind: "peer",
    provider: formatBdf(pool.provider),
    distance,
    ties: ties.map(formatBdf),
    clients: path.clients.map((one) => ({ client: formatBdf(one.client), mapType: one.mapType })),
  };
}

/** Of this run alone. */
export function bytesPerSecond({ memoryBytes, cpuBytes, seconds }: CopyResultView): number {
  return seconds > 0 ? Math.round((memoryBytes + cpuBytes) / seconds) : 0;
}
