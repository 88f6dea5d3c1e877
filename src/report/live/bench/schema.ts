import { z } from "zod";
import { READ_WRITE } from "../../../measured/bench.ts";
import type { BenchJson } from "../../json-types.ts";
import { machine, notes } from "../../machine-schema.ts";
import { bdf, count, known, mapType, named } from "../../schema-parts.ts";

const figure = z.number().min(0);

const latencyNs = named(
  "LatencyJson",
  "Nanoseconds from the call to its end in this process.",
  z.strictObject({ min: count, mean: count, p50: count, p90: count, p99: count, p999: count, max: count }),
).describe("nanoseconds from the call to its end in this process");

const io = named(
  "IoFiguresJson",
  "What one kind of I/O came to.",
  z.strictObject({
    ios: count,
    bytes: count,
    bytesPerSecond: figure,
    iops: figure,
    latencyNs: latencyNs.nullable(),
  }),
);

const stretchShape = {
  all: io.describe("reads and writes together"),
  read: io.nullable().describe("of a mixed job alone, else null"),
  write: io.nullable(),
  seconds: figure,
  cpu: z.strictObject({ userSeconds: figure, systemSeconds: figure }).describe("of the benchmark's process"),
  loopUtilization: z.number().min(0).max(1).describe("how busy the benchmark's own event loop was"),
  dram: known(z.strictObject({ readBytes: figure, writtenBytes: figure })).describe("of the whole system"),
  errors: z.record(z.string(), count).describe("by errno; short: fewer bytes than asked"),
};

const side = named(
  "BenchSideJson",
  "All slices of one side.",
  z.strictObject({
    ...stretchShape,
    distribution: z.array(z.strictObject({ percentile: z.number().min(0).max(100), latencyNs: count })),
  }),
);

const slice = named(
  "BenchSliceJson",
  "One slice of one side.",
  z.strictObject({ index: count, side: z.enum(["peer", "dram"]), startSeconds: figure, ...stretchShape }),
);

const partyShape = {
  bdf,
  name: z.string().nullable(),
  link: known(z.strictObject({ speedGTps: z.number(), width: count }).nullable()).describe("as negotiated"),
};

const party = named("PartyJson", "A PCI function that takes part.", z.strictObject(partyShape));

/** The validator of `peerlane bench --json`. */
export const benchSchema: z.ZodType<BenchJson> = named(
  "BenchJson",
  "`peerlane bench --json`: peer memory beside DRAM.",
  z.strictObject({
    schema: z.literal("peerlane.bench/1"),
    machine,
    target: z.strictObject({
      name: z.string(),
      path: z.string(),
      kind: z.enum(["device", "file"]),
      size: count,
      logicalBlock: count,
      functions: z.array(party).describe("whose DMA moves its data"),
    }),
    job: z
      .strictObject({
        rw: z.enum(READ_WRITE),
        rwmixread: z.number(),
        bs: count,
        iodepth: count,
        runtime: figure.describe("seconds of each side"),
        ramp: figure,
        offset: count,
        size: count,
        seed: count,
      })
      .describe("in fio's words"),
    path: z
      .strictObject({
        provider: party,
        clients: z.array(z.strictObject({ ...partyShape, mapType, hops: count.nullable() })),
      })
      .nullable()
      .describe("null where only DRAM was measured"),
    outcome: z.enum(["measured", "partial", "refused", "loses-data", "failed"]),
    why: z.strictObject({ what: z.string(), remedy: z.string().nullable() }).nullable(),
    ratio: z
      .strictObject({ overall: figure, min: figure, max: figure })
      .nullable()
      .describe("throughput of peer memory by that of DRAM; min and max of slices beside each other"),
    sides: z.strictObject({ peer: side.nullable(), dram: side.nullable() }),
    slices: z.array(slice),
    notes,
  }),
);
