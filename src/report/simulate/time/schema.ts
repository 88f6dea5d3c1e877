import { z } from "zod";
import { PATTERNS } from "../../../timed/runs/pattern-names.ts";
import type { TimedJson } from "../../json-types.ts";
import { machine, notes } from "../../machine-schema.ts";
import { bdf, count, known, link, named } from "../../schema-parts.ts";

const amount = z.number().min(0);
const part = z.number().min(0).max(1);

const ran = named(
  "TimedFlowResultJson",
  "What a flow carried.",
  z.strictObject({
    bytes: count,
    operations: count,
    gbps: amount.describe("10^9 data bytes per second, from its start to its end or that of the run"),
    latencyNs: z
      .strictObject({ p50: amount, p95: amount, p99: amount })
      .nullable()
      .describe("from when a read or write may begin to its last byte, to 1 %; null: none was done"),
    doneNs: amount.describe("when its last read or write was done"),
  }),
);

const flow = named(
  "TimedFlowJson",
  "A flow of reads or writes.",
  z.strictObject({
    provider: z.union([bdf, z.literal("host-memory")]).describe("whose memory is read or written"),
    client: bdf,
    operation: z.enum(["read", "write"]),
    sizeBytes: count.describe("bytes of each read or write"),
    follows: count.nullable().describe("position of the flow whose data this one passes on"),
    ran: known(ran),
  }),
);

const use = named(
  "TimedLinkJson",
  "One direction of a link that flows crossed.",
  z.strictObject({
    below: bdf.describe("the function at its lower end"),
    towards: z.enum(["up", "down"]),
    link,
    bytes: count.describe("data bytes"),
    tlps: z.strictObject({ posted: count, nonPosted: count, completions: count }),
    utilisation: part,
    overTime: z.array(part).describe("the same of each part of the run"),
  }),
);

const run = named(
  "TimedRunJson",
  "Flows that ran at once.",
  z.strictObject({
    name: z.string().describe("of the step, or of the part of the pattern"),
    way: z.enum(["as-asked", "through-ram"]),
    outcome: z
      .enum(["done", "mapping-failed", "device-error", "silent-loss", "wrong-bytes", "not-run", "unknown"])
      .nullable()
      .describe("what became of the step's data on the model without time; null for a pattern"),
    why: z.string().nullable().describe("why it was not run in time"),
    gbps: amount.nullable().describe("10^9 bytes per second that came to the end of their way"),
    endNs: amount.nullable().describe("nanoseconds that were simulated"),
    flows: z.array(flow),
    links: z.array(use),
    bucketNs: amount.nullable().describe("nanoseconds of each part of overTime"),
    memory: z
      .strictObject({ readBytes: count, writtenBytes: count, utilisation: part, overTime: z.array(part) })
      .nullable()
      .describe("the host's"),
    rootPorts: z
      .strictObject({ lanes: count, bytes: count })
      .nullable()
      .describe("lanes below root ports that were used, and data bytes on them, both directions"),
    tlps: count.nullable().describe("sent, counted on each link and at the memory"),
    assumptions: z.array(z.string()),
  }),
);

/** The validator of `peerlane simulate --time --json`, and of `--pattern`. */
export const timedSchema: z.ZodType<TimedJson> = named(
  "TimedJson",
  "`peerlane simulate --time --json`: a workload's steps, or a pattern over devices, run in time.",
  z.strictObject({
    schema: z.literal("peerlane.timed/1"),
    machine,
    workload: z
      .strictObject({ file: z.string(), name: z.string(), outcome: z.enum(["delivered", "failed", "unknown"]) })
      .nullable(),
    pattern: z.strictObject({ name: z.enum(PATTERNS), operation: z.enum(["read", "write"]) }).nullable(),
    lengthNs: amount.nullable().describe("nanoseconds that every flow went on for; null: until all bytes were there"),
    runs: z.array(run),
    notes,
  }),
);
