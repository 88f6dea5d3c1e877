import { z } from "zod";
import type { Locality } from "../answers/locality.ts";
import { LOCALITIES } from "../answers/locality.ts";
import type { IommuMode } from "../host/machine.ts";
import { byteSize, flag, line, scalar, wholeNumber } from "../host/yaml/scalars.ts";
import { choice, fields, list } from "../host/yaml/schema-parts.ts";
import { PARAMETER_EXPECTED, parseParameter } from "./parameters.ts";
import type {
  BandwidthFloor,
  GateLevel,
  LinkFloor,
  LinksRule,
  PathLevel,
  RequireRule,
  Selection,
  WantedParameter,
} from "./policy.ts";
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

/** `>= 20 GB/s`, `>= 0.9 of possible`; `undefined` for anything else. */
function parseBandwidth(text: string): BandwidthFloor | undefined {
  const match = /^>= ?([0-9]{1,5}(?:\.[0-9]{1,3})?) ?(?:(GB\/s)|of possible)$/.exec(text);
  if (match === null) return undefined;
  const [, number, unit] = match;
  const least = Number(number);
  if (least === 0 || (unit === undefined && least > 1)) return undefined;
  return { kind: unit === undefined ? "of-possible" : "gbps", least };
}

const bandwidth: z.ZodType<BandwidthFloor, string> = scalar(
  "what a pair is to carry, such as '>= 20 GB/s', or as a part of what it could, such as '>= 0.9 of possible'",
  parseBandwidth,
);

const requireRule = fields("a rule of require", {
  name,
  provider: devices,
  client: devices,
  each: choice(["pair", "provider", "client"]).optional(),
  path: choice(["direct", "supported", "any"]).optional(),
  maxHops: wholeNumber("hops", 0, 1000).optional(),
  locality: choice(LOCALITIES).optional(),
  bandwidth: bandwidth.optional(),
  gates: choice(["blocking", "none", "ignore"]).optional(),
  optional,
});

const forbidRule = fields("a rule of forbid", { name, provider: devices, client: devices, path, optional });

const separateRule = fields("a rule of separate", { name, devices, from: devices.optional(), optional });

const togetherRule = fields("a rule of together", { name, devices, optional });

/** GT/s of each generation (PCIe 7.0 sec 1.2). */
const GENERATIONS: readonly number[] = [2.5, 5, 8, 16, 32, 64, 128];

/** `gen5 x16`, `32GT/s`, `x8`; `undefined` for anything else. */
function parseLinkFloor(text: string): LinkFloor | undefined {
  const match = /^(?:gen ?([1-7])|(2\.5|5|8|16|32|64|128) ?GT\/s)?(?:(?:^| )x(1|2|4|8|12|16|32))?$/i.exec(text);
  if (match === null || text === "") return undefined;
  const [, generation, speed, width] = match;
  const ofGeneration = generation === undefined ? undefined : GENERATIONS[Number(generation) - 1];
  return {
    speedGTps: ofGeneration ?? (speed === undefined ? null : Number(speed)),
    width: width === undefined ? null : Number(width),
  };
}

const linkFloor: z.ZodType<LinkFloor | "as-capable", string> = scalar(
  "a link such as gen5 x16, gen4, x8 or 16GT/s x8, or as-capable",
  (text) => (text === "as-capable" ? text : parseLinkFloor(text)),
);

const linksRule = fields("a rule of links", {
  name,
  devices,
  atLeast: linkFloor,
  toRoot: flag.optional(),
  idle: choice(["pass", "fail"]).optional(),
  optional,
});

const barsRule = fields("a rule of bars", { name, devices, atLeast: byteSize("a size", 1, 2 ** 50), optional });

const countRule = fields("a rule of count", {
  name,
  devices,
  is: wholeNumber("a number of devices", 0, 100_000).optional(),
  atLeast: wholeNumber("a number of devices", 0, 100_000).optional(),
}).refine((rule) => (rule.is === undefined) !== (rule.atLeast === undefined), {
  error: "expected either `is`, a number of devices, or `atLeast`",
});

const parameter: z.ZodType<WantedParameter, string> = z
  .string({ error: `expected ${PARAMETER_EXPECTED}` })
  .meta({ description: PARAMETER_EXPECTED })
  .transform((text, context) => {
    const wanted = parseParameter(text);
    if (typeof wanted !== "string") return wanted;
    context.addIssue({ code: "custom", message: wanted });
    return z.NEVER;
  });

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
  parameters: oneOrMore(parameter, "a kernel parameter or a list of them").optional(),
});

/** One item of `require:`. */
export interface RequireInput {
  readonly name?: string | undefined;
  readonly provider: Selection;
  readonly client: Selection;
  readonly each?: RequireRule["each"] | undefined;
  readonly path?: PathLevel | "any" | undefined;
  readonly maxHops?: number | undefined;
  readonly locality?: Locality | undefined;
  readonly bandwidth?: BandwidthFloor | undefined;
  readonly gates?: GateLevel | undefined;
  readonly optional?: boolean | undefined;
}

/** One item of `forbid:`. */
export interface ForbidInput extends Pick<RequireInput, "name" | "provider" | "client" | "optional"> {
  readonly path?: PathLevel | undefined;
}

/** One item of `separate:`. */
export interface SeparateInput {
  readonly name?: string | undefined;
  readonly devices: Selection;
  readonly from?: Selection | undefined;
  readonly optional?: boolean | undefined;
}

/** One item of `together:`. */
export type TogetherInput = Pick<SeparateInput, "name" | "devices" | "optional">;

/** One item of `links:`. */
export interface LinksInput extends TogetherInput {
  readonly atLeast: LinksRule["atLeast"];
  readonly toRoot?: boolean | undefined;
  readonly idle?: LinksRule["idle"] | undefined;
}

/** One item of `bars:`. */
export interface BarsInput extends TogetherInput {
  readonly atLeast: number;
}

/** One item of `count:`. */
export interface CountInput extends Pick<TogetherInput, "name" | "devices"> {
  readonly is?: number | undefined;
  readonly atLeast?: number | undefined;
}

/** The facts of `machine:`. */
export interface MachineInput {
  readonly kernel?: ReleaseRange | undefined;
  readonly iommu?: readonly IommuMode[] | undefined;
  readonly p2pdma?: boolean | undefined;
  readonly parameters?: readonly WantedParameter[] | undefined;
}

/** A policy as its file has it: scalars are read, defaults not yet filled in. */
export interface PolicyInput {
  readonly policy?: string | undefined;
  readonly require?: readonly RequireInput[] | undefined;
  readonly forbid?: readonly ForbidInput[] | undefined;
  readonly separate?: readonly SeparateInput[] | undefined;
  readonly together?: readonly TogetherInput[] | undefined;
  readonly links?: readonly LinksInput[] | undefined;
  readonly bars?: readonly BarsInput[] | undefined;
  readonly count?: readonly CountInput[] | undefined;
  readonly machine?: MachineInput | undefined;
}

/** What a policy file may hold. Scalars are the texts of the file. */
export const policySchema: z.ZodType<PolicyInput> = fields("a policy", {
  policy: line("a name", 200).optional(),
  require: listOf(requireRule, "a list of rules, one '- ' each", MAX_RULES).optional(),
  forbid: listOf(forbidRule, "a list of rules, one '- ' each", MAX_RULES).optional(),
  separate: listOf(separateRule, "a list of rules, one '- ' each", MAX_RULES).optional(),
  together: listOf(togetherRule, "a list of rules, one '- ' each", MAX_RULES).optional(),
  links: listOf(linksRule, "a list of rules, one '- ' each", MAX_RULES).optional(),
  bars: listOf(barsRule, "a list of rules, one '- ' each", MAX_RULES).optional(),
  count: listOf(countRule, "a list of rules, one '- ' each", MAX_RULES).optional(),
  machine: machine.optional(),
});

/** The JSON Schema (draft 2020-12) of a policy file, for editors. */
export function policyJsonSchema(): Readonly<Record<string, unknown>> {
  return {
    ...z.toJSONSchema(policySchema, { io: "input" }),
    title: "Peerlane policy",
    description:
      "Which devices of a machine must reach each other, which must not, which stay apart, and what links, BARs and the machine itself must have.",
  };
}
