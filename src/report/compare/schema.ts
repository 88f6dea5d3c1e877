import { z } from "zod";
import { FIGURE_VERDICTS } from "../../compare/compare.ts";
import { asked } from "../difference-schema.ts";
import type { CompareJson } from "../json-types.ts";
import { machine, notes } from "../machine-schema.ts";
import { bdf, count, named } from "../schema-parts.ts";

const amount = z.number().min(0);
const tool = z.enum(["nvbandwidth", "p2pBandwidthLatencyTest", "perftest", "nccl-tests", "fio", "peerlane bench"]);
const verdict = z
  .enum(FIGURE_VERDICTS)
  .describe(
    "expected: within the prediction; low: below it (a latency: above its high end); better: above it, and no more than links carry; wide: within a range that is too wide to judge by; impossible: more than the links can carry; other-link: the same between GPUs, likely NVLink or xGMI; no-figure: held against nothing",
  );
const causeKind = z.enum([
  "slow-link",
  "narrow-slot",
  "small-payload",
  "up-to-the-root-complex",
  "iommu-walks",
  "peer-off",
  "iommu",
  "shared",
  "as-less-link",
  "disk",
  "network",
  "nccl",
  "unexplained",
  "other-link",
  "gib-for-gb",
  "sum-for-one-way",
  "bits-for-bytes",
  "cache",
  "link-was-less",
  "turned-in-switch",
  "assumption",
]);

const end = named(
  "ComparedEndJson",
  "An end of a measurement, and what it is on the machine.",
  z.strictObject({
    said: z.string().describe("the machine's name for it, or what the tool printed where nothing fits"),
    is: z.enum(["functions", "host", "unmatched"]),
    functions: z.array(bdf),
  }),
);

const figure = named(
  "ComparedFigureJson",
  "One figure of the results, held against the machine.",
  z.strictObject({
    line: count,
    column: count,
    tool,
    test: z.string(),
    label: z.string(),
    from: end.describe("bytes go from here"),
    to: end,
    operation: z.enum(["write", "read", "copy", "send", "collective"]),
    mover: z.enum(["from", "to", "unknown"]).describe("whose DMA moves the bytes"),
    direction: z.enum(["one-way", "sum of both"]),
    opposed: z.boolean().describe("as much went the other way at the same time"),
    flows: count.nullable(),
    sizeBytes: amount.nullable(),
    peer: z.enum(["on", "off", "unknown"]),
    gbps: amount.nullable(),
    latencyNs: amount.nullable(),
    verdict,
    predicted: z
      .strictObject({
        unit: z.enum(["GB/s", "ns"]),
        value: amount,
        low: amount,
        high: amount,
        limit: amount.nullable().describe("all that the links carry, however it is packed; null of a latency"),
      })
      .nullable(),
    causes: z
      .array(z.strictObject({ kind: causeKind, text: z.string(), withoutGbps: amount.exactOptional() }))
      .describe("likely, not proved; of an expected figure what holds it back"),
    why: z.string().nullable().describe("why it is held against nothing"),
    doubts: z.array(z.string()),
  }),
);

const counted = z.strictObject({ why: z.string(), count });

/** The validator of `peerlane compare --json`. */
export const compareSchema: z.ZodType<CompareJson> = named(
  "CompareJson",
  "`peerlane compare --json`: results of measuring tools held against what is predicted.",
  z.strictObject({
    schema: z.literal("peerlane.compare/1"),
    machine,
    tools: z.array(tool),
    counts: z.strictObject({
      expected: count,
      low: count,
      better: count,
      wide: count,
      impossible: count,
      otherLink: count,
      noFigure: count,
    }),
    groups: z.array(
      z.strictObject({
        verdict,
        what: z.string(),
        cause: z.strictObject({ kind: causeKind, text: z.string() }).nullable(),
        count,
        example: count.describe("position in figures"),
      }),
    ),
    figures: z.array(figure),
    notHeld: z.array(counted),
    suspects: z
      .array(bdf)
      .describe("functions at the lower ends of links that every low figure crosses, and none that is as expected"),
    contradictions: z.array(z.string()).describe("where output and machine contradict each other"),
    assumptions: z.array(z.string()),
    leftOut: z.array(counted).describe("figures that say nothing of a path between two devices"),
    unread: z.strictObject({
      count,
      lines: z.array(z.strictObject({ line: count, column: count, why: z.string() })),
    }),
    notes,
    asked,
  }),
);
