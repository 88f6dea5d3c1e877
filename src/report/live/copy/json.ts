import { z } from "zod";
import type { CopyEndView, CopyPathView, CopyPlanView, CopyResultView } from "../../../measured/copy.ts";
import { formatBdf } from "../../../pci/bdf.ts";
import { bdf, count, known, mapType } from "../../schema-parts.ts";
import { lossRemedies, lossWords } from "./remedies.ts";

/** `peerlane.copy/1` of a plan (`--dry-run`). */
export function copyPlanJson(plan: CopyPlanView): object {
  return {
    ...commonJson(plan, plan.path, plan.warnings),
    outcome: "planned",
    chunk: plan.chunkBytes,
    depth: plan.depth,
    result: null,
  };
}

/** `peerlane.copy/1` of a copy that ran; `resumeCommand` goes on with it where it ended early. */
export function copyJson(result: CopyResultView, resumeCommand: string): object {
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

function commonJson(plan: CopyPlanView, path: CopyPathView, warnings: readonly string[]): object {
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

function endJson(end: CopyEndView): object {
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

function pathJson(path: CopyPathView): object {
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

const end = {
  kind: z.enum(["device", "file"]),
  path: z.string(),
  device: z.string().nullable().describe("the disk that it is or lies on"),
  functions: z.array(bdf).describe("the PCI functions that move its data"),
  size: count,
  block: count,
};
const seconds = z.number().min(0);

/** Validator of {@link copyJson} and {@link copyPlanJson}. */
export const copySchema: z.ZodType = z.strictObject({
  schema: z.literal("peerlane.copy/1"),
  outcome: z.enum(["planned", "copied", "interrupted", "failed", "data-loss"]),
  source: z.strictObject(end),
  target: z.strictObject({ ...end, new: z.boolean() }),
  range: z.strictObject({ sourceStart: count, targetStart: count, length: count }),
  path: z.union([
    z.strictObject({
      kind: z.literal("peer"),
      provider: bdf,
      distance: known(z.int()),
      ties: z.array(bdf).describe("others as near: the kernel picks one of all at random"),
      clients: z.array(z.strictObject({ client: bdf, mapType })),
    }),
    z.strictObject({ kind: z.literal("dram"), reason: z.string() }),
  ]),
  chunk: count,
  depth: count,
  resumedAt: count.describe("bytes of the range that earlier runs had copied"),
  warnings: z.array(z.string()),
  result: z
    .strictObject({
      memoryBytes: count.describe("moved by this run through the memory that path names"),
      cpuBytes: count.describe("moved by the CPU: the part of a block at the end"),
      seconds: seconds.describe("from the first read to the last flush"),
      bytesPerSecond: count,
      cpuSeconds: seconds,
      sampledChunks: count.describe("chunks besides the first that were read back and were right"),
      verification: z.strictObject({ state: z.enum(["not-asked", "same", "differs", "not-finished"]), seconds }),
      earlier: z.strictObject({
        copied: count.describe("bytes that earlier runs had copied"),
        compared: count.describe("of these, what this run compared; what changed of the others since does not show"),
      }),
      loss: z
        .strictObject({
          message: z.string(),
          foundBy: z.enum(["first-chunk", "sample", "verification"]),
          ruledOut: z.array(z.string()).describe("what else would make both ends differ, and does not"),
          open: z.array(z.string()).describe("what else would make both ends differ, and may"),
          offset: count.describe("of the first wrong byte, from the start of the range"),
          sourcePosition: count,
          targetPosition: count,
          looks: z.enum(["zeros", "ones", "never-read", "never-written", "other"]),
          source: z.string().describe("bytes in hex"),
          target: z.string(),
          remedies: z.array(z.string()),
        })
        .nullable(),
      failure: z
        .strictObject({
          kind: z.string(),
          message: z.string(),
          remedy: z.string(),
          errno: z.string().nullable(),
          position: count.nullable(),
        })
        .nullable(),
      resume: z.strictObject({ journal: z.string(), completed: count, command: z.string() }).nullable(),
      messages: z.array(z.strictObject({ timeUs: count, text: z.string() })).describe("of the kernel, meanwhile"),
    })
    .nullable(),
});
