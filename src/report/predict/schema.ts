import { z } from "zod";
import { whatIf } from "../difference-schema.ts";
import type { BandwidthJson, PredictJson } from "../json-types.ts";
import { machine, notes } from "../machine-schema.ts";
import { bdf, count, known, named } from "../schema-parts.ts";

const amount = z.number().min(0);
const sure = z
  .enum(["measured", "specification", "assumption"])
  .describe("by a measurement on such hardware, by the specification, or with something that the source does not show");

const ranged = named(
  "RangedJson",
  "A figure, and what it may be.",
  z.strictObject({ value: amount, low: amount, high: amount }),
);

const turn = z.enum(["switch", "root-complex", "inside-device"]).describe("where the requests turn");

const link = z.strictObject({ speedGTps: z.number(), width: z.int().min(0) }).nullable();

const prediction = named(
  "PredictionJson",
  "What one pair carries of writes or of reads: 10^9 data bytes per second, one flow, one way.",
  z.strictObject({
    gbps: ranged,
    isUpperBound: z.boolean().describe("a link is hidden: it may be less"),
    sure,
    turn,
    bottleneck: z.int().min(0).describe("position in hops of the one with the least"),
    hops: z
      .array(
        z.strictObject({
          kind: z.enum(["link", "root-complex", "reads-in-flight", "iommu"]),
          at: bdf.nullable().describe("the function at a link's lower end; who reads"),
          towards: z.enum(["up", "down"]).nullable(),
          link,
          gbps: ranged,
          why: z.string(),
          sure,
        }),
      )
      .describe("in the order of the data"),
    hiddenLinks: z.array(z.strictObject({ at: bdf, why: z.string() })),
    payloadBytes: count,
    losses: z
      .array(
        z.strictObject({
          kind: z.enum(["slow-link", "narrow-slot", "small-payload", "up-to-the-root-complex", "iommu-walks"]),
          at: bdf.nullable(),
          gbpsWithout: amount,
          why: z.string(),
        }),
      )
      .describe("what holds it back, the dearest first"),
    assumptions: z.array(z.string()),
    latencyNs: ranged.describe(
      "unloaded: of one write, one way; of one read, there and back; where isUpperBound, no less than low",
    ),
    sizes: z
      .array(z.strictObject({ sizeBytes: count, gbps: amount, oneAtATimeGbps: amount }))
      .describe("where isUpperBound, at most so much"),
  }),
);

const bothWays = named(
  "BothWaysJson",
  "What a pair carries where both ends write to each other at once: 10^9 data bytes per second each way.",
  z.strictObject({
    thereGbps: amount.describe("the client writes into the provider"),
    backGbps: amount,
    sharedLinks: z.array(bdf).describe("functions at the lower ends of links that both cross the same way"),
    directGbps: amount.nullable().describe("both together, if they turned in the switch that both are below"),
  }),
);

/** The validator of `peerlane predict --json`. */
export const predictSchema: z.ZodType<PredictJson> = named(
  "PredictJson",
  "`peerlane predict --json`: what one pair can carry.",
  z.strictObject({
    schema: z.literal("peerlane.predict/1"),
    machine,
    provider: bdf,
    client: bdf,
    windowBytes: count.nullable().describe("bytes over which requests go, at random; null: not said"),
    write: known(prediction),
    read: known(prediction),
    bothWays: known(bothWays).describe("both ends write to each other at once"),
    notes,
    whatIf,
  }),
);

const figure = named(
  "BandwidthFigureJson",
  "What a pair carries of writes or of reads, or why there is no figure; sentences are positions in `reasons`.",
  z.union([
    z.strictObject({
      gbps: amount,
      low: amount,
      high: amount,
      isUpperBound: z.boolean(),
      sure,
      turn,
      heldBy: count,
      loss: count.exactOptional().describe("what costs most"),
      gbpsWithout: amount.exactOptional(),
    }),
    z.strictObject({ noFigure: count.describe("why") }),
  ]),
);

const bandwidthPair = named(
  "BandwidthPairJson",
  "A pair and what it can carry.",
  z.strictObject({
    provider: bdf,
    client: bdf,
    providerName: z.string().nullable(),
    clientName: z.string().nullable(),
    write: figure,
    read: figure,
  }),
);

/** The validator of `peerlane matrix --bandwidth --json`. */
export const bandwidthSchema: z.ZodType<BandwidthJson> = named(
  "BandwidthJson",
  "`peerlane matrix --bandwidth --json`: what each pair can carry, 10^9 data bytes per second, one flow, one way.",
  z.strictObject({
    schema: z.literal("peerlane.bandwidth/1"),
    machine,
    pairs: z.array(bandwidthPair),
    reasons: z.array(z.string()),
    notes,
    whatIf,
  }),
);
