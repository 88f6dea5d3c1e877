import { z } from "zod";
import type { IommuMode } from "../host/machine.ts";
import { flag, line, wholeNumber } from "../host/yaml/scalars.ts";
import { choice, fields, list } from "../host/yaml/schema-parts.ts";
import type { GateLevel, PathLevel, RequireRule, Selection } from "./policy.ts";
import { parseReleaseRange, type ReleaseRange } from "./release-range.ts";
import { selectionOf, selector } from "./selector.ts";

/** A policy is written by hand and read as a whole by whoever answers for a fleet. */
const MAX_RULES = 1000;
const MAX_SELECTORS = 1000;

function listOf<T>(items: z.ZodType<T>, expected: string, most: number): z.ZodType<readonly T[]> {
  const { $schema: _, ...schemaOfItems } = z.toJSONSchema(items, { io: "input" });
  return list(items, expected, schemaOfItems).refine(({ length }) => length > 0 && length <= most, {
    error: `expected at least one and at most ${most}`,
  });
}

/** One item or a list of them. */
function oneOrMore<T>(item: z.ZodType<T>, expected: string): z.ZodType<readonly T[]> {
  return z.union([item.transform((one): readonly T[] => [one]), listOf(item, expected, MAX_SELECTORS)]);
}

const devices: z.ZodType<Selection> = oneOrMore(selector, "a device or a list of devices").transform(selectionOf);

const name = line("what the rule means, for people", 200).optional();
const path = choice(["direct", "supported"]).optional();
const optional = flag.optional();

const requireRule = fields("a rule of require", {
  name,
  provider: devices,
  client: devices,
  each: choice(["pair", "provider", "client"]).optional(),
  path,
  maxHops: wholeNumber("hops", 0, 1000).optional(),
  gates: choice(["blocking", "none", "ignore"]).optional(),
  optional,
});

const forbidRule = fields("a rule of forbid", { name, provider: devices, client: devices, path, optional });

const separateRule = fields("a rule of separate", { name, devices, from: devices.optional(), optional });

const releases = "kernel releases such as '>=6.12', '>=6.12.23 <7.3' or 6.12";
const releaseRange: z.ZodType<ReleaseRange, string> = z
  .string({ error: `expected ${releases}` })
  .meta({ type: ["string", "number"], description: releases } as Record<string, unknown>)
  .transform((text, context) => {
    const range = text.length > 100 ? undefined : parseReleaseRange(text.trim());
    if (range !== undefined) return range;
    context.addIssue({ code: "custom", message: `this is not understood: expected ${releases}` });
    return z.NEVER;
  });

const machine = fields("machine", {
  kernel: releaseRange.optional(),
  iommu: oneOrMore(choice(["off", "passthrough", "strict", "lazy"]), "an IOMMU mode or a list of them").optional(),
  p2pdma: flag.optional(),
});

/** One item of `require:`. */
export interface RequireInput {
  readonly name?: string | undefined;
  readonly provider: Selection;
  readonly client: Selection;
  readonly each?: RequireRule["each"] | undefined;
  readonly path?: PathLevel | undefined;
  readonly maxHops?: number | undefined;
  readonly gates?: GateLevel | undefined;
  readonly optional?: boolean | undefined;
}

/** One item of `forbid:`. */
export type ForbidInput = Pick<RequireInput, "name" | "provider" | "client" | "path" | "optional">;

/** One item of `separate:`. */
export interface SeparateInput {
  readonly name?: string | undefined;
  readonly devices: Selection;
  readonly from?: Selection | undefined;
  readonly optional?: boolean | undefined;
}

/** The facts of `machine:`. */
export interface MachineInput {
  readonly kernel?: ReleaseRange | undefined;
  readonly iommu?: readonly IommuMode[] | undefined;
  readonly p2pdma?: boolean | undefined;
}

/** A policy as its file has it: scalars are read, defaults not yet filled in. */
export interface PolicyInput {
  readonly policy?: string | undefined;
  readonly require?: readonly RequireInput[] | undefined;
  readonly forbid?: readonly ForbidInput[] | undefined;
  readonly separate?: readonly SeparateInput[] | undefined;
  readonly machine?: MachineInput | undefined;
}

/** What a policy file may hold. Scalars are the texts of the file. */
export const policySchema: z.ZodType<PolicyInput> = fields("a policy", {
  policy: line("a name", 200).optional(),
  require: listOf(requireRule, "a list of rules, one '- ' each", MAX_RULES).optional(),
  forbid: listOf(forbidRule, "a list of rules, one '- ' each", MAX_RULES).optional(),
  separate: listOf(separateRule, "a list of rules, one '- ' each", MAX_RULES).optional(),
  machine: machine.optional(),
});

/** The JSON Schema (draft 2020-12) of a policy file, for editors. */
export function policyJsonSchema(): Readonly<Record<string, unknown>> {
  return {
    ...z.toJSONSchema(policySchema, { io: "input" }),
    title: "Peerlane policy",
    description: "Which devices of a machine must reach each other, which must not, and which stay apart.",
  };
}
