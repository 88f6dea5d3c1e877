import { z } from "zod";
import { bdf, count } from "../schema-parts.ts";

const outcome = z.enum(["pass", "fail", "unknown"]);
const counts = z.strictObject({ pass: count, fail: count, unknown: count });

/** Validators of the parts that outputs share, as those of `peerlane.matrix/1` have them. */
export interface SharedParts {
  readonly machine: z.ZodType;
  /** One item of `pairs`. */
  readonly pair: z.ZodType;
  readonly notes: z.ZodType;
  readonly asked: z.ZodType;
}

function findingSchema(pair: z.ZodType): z.ZodType {
  return z.strictObject({
    kind: z.enum(["pair", "alone", "missing", "no-pair", "group", "no-group", "hidden-group", "fact"]),
    devices: z.array(bdf).describe("of a pair, provider and client"),
    pair: pair.nullable().describe("the pair, or that with the nearest partner of a device that has none"),
    problems: z
      .array(z.strictObject({ kind: z.enum(["path", "hops", "gate", "hidden"]), message: z.string() }))
      .describe("what is wrong with the pair, or not known of it"),
    group: z.strictObject({ number: count, predicted: z.boolean() }).nullable(),
    message: z.string(),
  });
}

function ruleSchema(pair: z.ZodType): z.ZodType {
  return z.strictObject({
    id: z.string(),
    kind: z.enum(["require", "forbid", "separate", "machine"]),
    name: z.string(),
    place: z.strictObject({ file: z.string(), line: z.int().min(1), column: z.int().min(1) }),
    outcome,
    counts: counts.describe("pairs, devices, groups or facts by outcome"),
    unmatched: z.array(z.string()).describe("devices that an optional rule names and the machine does not have"),
    findings: z.array(findingSchema(pair)).max(100).describe("what decided, of the rule's own outcome: the first 100"),
  });
}

/** The validator of `peerlane.check/1`. */
export function checkSchema({ machine, pair, notes, asked }: SharedParts): z.ZodType {
  return z.strictObject({
    schema: z.literal("peerlane.check/1"),
    machine,
    policy: z.strictObject({ file: z.string(), name: z.string().nullable() }),
    outcome: outcome.describe("fail before unknown before pass"),
    counts: counts.describe("rules by outcome"),
    rules: z.array(ruleSchema(pair)).min(1),
    assumed: z.array(z.string()).describe("what rules take for granted, as the source does not show it"),
    notes,
    asked,
  });
}
