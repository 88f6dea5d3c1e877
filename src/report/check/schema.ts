import { z } from "zod";
import { asked } from "../difference-schema.ts";
import type { CheckJson } from "../json-types.ts";
import { machine, notes } from "../machine-schema.ts";
import { asking, pair } from "../pair-schema.ts";
import { bdf, count, known, mapType, named } from "../schema-parts.ts";

const outcome = z.enum(["pass", "fail", "unknown"]);
const counts = named(
  "OutcomeCountsJson",
  "How many came out how.",
  z.strictObject({ pass: count, fail: count, unknown: count }),
);

const finding = named(
  "FindingJson",
  "What decided a rule of a policy.",
  z.strictObject({
    kind: z.enum([
      ...["pair", "alone", "missing", "no-pair", "group", "no-group", "hidden-group", "apart", "link", "bar", "count"],
      "fact",
    ] as const),
    devices: z.array(bdf).describe("of a pair, provider and client"),
    pair: pair.nullable().describe("the pair, or that with the nearest partner of a device that has none"),
    problems: z
      .array(
        z.strictObject({
          kind: z.enum(["path", "route", "goes-up", "hops", "locality", "bandwidth", "gate", "hidden"]),
          message: z.string(),
        }),
      )
      .describe("what is wrong with the pair, or not known of it"),
    group: z.strictObject({ number: count, predicted: z.boolean() }).nullable(),
    message: z.string(),
  }),
);

const explained = named(
  "ExplainedRuleJson",
  "What a rule matched and what it made of that (`check --explain`).",
  z.strictObject({
    sides: z.array(
      z.strictObject({
        role: z.enum(["provider", "client", "devices", "from"]),
        items: z.array(
          z.strictObject({
            text: z.string(),
            excluded: z.boolean(),
            found: z.array(bdf),
            possible: count.describe("devices of which the source hides whether they are meant"),
          }),
        ),
        devices: z
          .array(z.strictObject({ bdf, hidden: z.string().nullable().describe("why the rule may not be about it") }))
          .describe("what the items come to"),
      }),
    ),
    pairs: z
      .array(
        z.strictObject({
          provider: bdf,
          client: bdf,
          mapType,
          outcome: z.enum(["pass", "fail", "unknown", "skipped"]),
          why: z.string(),
        }),
      )
      .max(1000),
    pairCount: count.describe("all pairs, of which the first thousand are told"),
    groups: z.array(z.strictObject({ device: bdf, group: known(count.nullable()), predicted: z.boolean() })),
    judged: z
      .array(z.strictObject({ device: bdf, outcome, why: z.string() }))
      .max(1000)
      .describe(
        "what came of each device or link, of rules that look at one at a time: the first hundred of each outcome",
      ),
  }),
);

const rule = named(
  "JudgedRuleJson",
  "A rule of a policy, judged.",
  z.strictObject({
    id: z.string(),
    kind: z.enum(["require", "forbid", "separate", "together", "links", "bars", "count", "machine"]),
    name: z.string(),
    place: z.strictObject({ file: z.string(), line: z.int().min(1), column: z.int().min(1) }),
    outcome,
    counts: counts.describe("pairs, devices, groups or facts by outcome"),
    unmatched: z
      .array(z.string())
      .describe(
        "what of its devices the machine does not have, where the rule allows that: empty classes and ids, too",
      ),
    findings: z.array(finding).max(100).describe("what decided, of the rule's own outcome: the first 100"),
    remarks: z
      .array(finding)
      .max(100)
      .describe("what is to be said of it though the rule is content: links of GPUs that may be idle"),
    explained: explained.exactOptional(),
  }),
);

/** The validator of `peerlane check --json`. */
export const checkSchema: z.ZodType<CheckJson> = named(
  "CheckJson",
  "`peerlane check --json`: a machine against a policy.",
  z.strictObject({
    schema: z.literal("peerlane.check/1"),
    machine,
    policy: z.strictObject({ file: z.string(), name: z.string().nullable() }),
    outcome: outcome.describe("fail before unknown before pass"),
    counts: counts.describe("rules by outcome"),
    rules: z.array(rule).min(1),
    turned: z
      .array(z.strictObject({ rule: z.string().describe("the id of one of `rules`"), before: outcome, after: outcome }))
      .exactOptional()
      .describe("what if: the rules that come to something else with the changes that were asked"),
    assumed: z.array(z.string()).describe("what rules take for granted, as the source does not show it"),
    asking,
    notes,
    asked,
  }),
);
