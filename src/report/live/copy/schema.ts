import { z } from "zod";
import type { CopyJson } from "../../json-types.ts";
import { bdf, count, known, mapType, named } from "../../schema-parts.ts";

const end = {
  kind: z.enum(["device", "file"]),
  path: z.string(),
  device: z.string().nullable().describe("the disk that it is or lies on"),
  functions: z.array(bdf).describe("the PCI functions that move its data"),
  size: count,
  block: count,
};
const seconds = z.number().min(0);

/** The validator of `peerlane copy --json`. */
export const copySchema: z.ZodType<CopyJson> = named(
  "CopyJson",
  "`peerlane copy --json`: a copy, planned or done.",
  z.strictObject({
    schema: z.literal("peerlane.copy/1"),
    outcome: z.enum(["planned", "copied", "interrupted", "failed", "data-loss"]),
    source: named("CopyEndJson", "A disk or a file.", z.strictObject(end)),
    target: named("CopyTargetJson", "The end that is written.", z.strictObject({ ...end, new: z.boolean() })),
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
  }),
);
