import { z } from "zod";
import { ANSWER_PARTS } from "../advice/difference/answer-parts.ts";
import { FUNCTION_FACTS } from "../advice/difference/function-facts.ts";
import { MACHINE_FACTS } from "../advice/difference/machine-facts.ts";
import type {
  AnswerChangeJson,
  DifferenceJson,
  DiffJson,
  GroupChangeJson,
  VerdictChangeJson,
  VerdictSideJson,
  WhatIfJson,
} from "./json-types.ts";
import { machine } from "./machine-schema.ts";
import { gates } from "./pair-schema.ts";
import { bdf, bus, count, known, mapType, named, providerMemory } from "./schema-parts.ts";

/** The validator of one side of a verdict that changed. */
export const verdictSide: z.ZodType<VerdictSideJson> = named(
  "VerdictSideJson",
  "A verdict before or after a change.",
  z.strictObject({ mapType, hops: count.nullable() }),
);

/** The validator of verdicts that changed. */
export const verdictChanges: z.ZodType<readonly VerdictChangeJson[]> = z.array(
  named(
    "VerdictChangeJson",
    "A pair whose verdict changed.",
    z.strictObject({ provider: bdf, client: bdf, before: verdictSide, after: verdictSide }),
  ),
);

const groups = z.array(z.array(bdf));

/** The validator of IOMMU groups that changed. */
export const groupChanges: z.ZodType<readonly GroupChangeJson[]> = z.array(
  named(
    "GroupChangeJson",
    "IOMMU groups that split or merge.",
    z.strictObject({
      before: groups,
      after: groups,
      joined: groups.describe("endpoints that were apart and are in one IOMMU group now"),
      predicted: z
        .enum(["before", "after"])
        .exactOptional()
        .describe("the side that states no groups of these, where the other's are others than predicted"),
      hidden: z.literal(true).exactOptional().describe("after, nothing is known of the groups of these"),
    }),
  ),
);

const fact = known(z.string().nullable());

const sameFunction = z.strictObject({ before: bdf, after: bdf });

const answerSide = z.strictObject({
  mapType,
  hops: count.nullable(),
  memory: providerMemory,
  supported: z.boolean().nullable(),
  works: z.boolean().nullable().describe("supported, and without a gate that blocks; null where that is hidden"),
  blockedBy: z.array(z.string()).describe("kinds of the gates that block it, whatever its verdict is"),
});

const answerChanges: z.ZodType<readonly AnswerChangeJson[]> = z.array(
  named(
    "AnswerChangeJson",
    "A pair of which something else is said than before.",
    z.strictObject({
      provider: bdf,
      client: bdf,
      effect: z.enum(["worse", "better", "no-longer-known", "now-known", "other"]),
      open: z.boolean().describe("it is not known whether the pair got worse"),
      before: answerSide,
      after: answerSide,
      gates: z.strictObject({
        come: gates,
        gone: gates,
        noLongerKnown: gates,
        nowKnown: gates,
        mayHaveCome: z
          .array(z.string())
          .describe("kinds of gates that the pair had not, and may have: what shows them is hidden after"),
      }),
      parts: z
        .array(
          z.strictObject({ part: z.enum(ANSWER_PARTS), before: z.string().nullable(), after: z.string().nullable() }),
        )
        .describe("what else differs, functions by their addresses after; null: hidden"),
    }),
  ),
);

const pair = z.strictObject({ provider: bdf, client: bdf });

const answers = z.strictObject({
  compared: count,
  skipped: count.describe("further pairs of which only map types and hops were compared, and are the same"),
  counts: z.strictObject({
    worse: count,
    better: count,
    "no-longer-known": count,
    "now-known": count,
    other: count,
    gone: count.describe("pairs that worked and of which a device is gone or was replaced"),
    groups: count.describe("IOMMU groups that merge or are gone"),
    pastIommu: count.describe(
      "pairs of functions that the IOMMU kept apart and that reach each other past it, each once",
    ),
    open: count.describe("pairs of which it is not known whether they got worse"),
    openGroups: count.describe(
      "IOMMU groups that merge or are gone if one side's are as predicted, or that are hidden after",
    ),
  }),
  changes: answerChanges,
  gone: z.array(pair).describe("pairs that worked, by the addresses before"),
  pastIommu: z
    .array(z.array(bdf))
    .describe(
      "functions that the IOMMU kept apart and that reach each other past it, each pair once, by the addresses after",
    ),
  mayBeGone: z.array(pair).describe("pairs of which it is not known whether they worked, by the addresses before"),
});

const difference: z.ZodType<DifferenceJson> = named(
  "DifferenceJson",
  "What differs between two machines.",
  z.strictObject({
    facts: z.array(
      z.strictObject({
        what: z.enum(MACHINE_FACTS),
        of: bus.exactOptional().describe("the root bus of the host bridge that it is about"),
        before: fact,
        after: fact,
      }),
    ),
    renumbered: z.array(sameFunction).describe("the same functions at other addresses"),
    moved: z
      .array(z.strictObject({ ...sameFunction.shape, from: bdf.nullable(), to: bdf.nullable() }))
      .describe(
        "functions that are elsewhere, with the bridges directly above them before and after; null: the root bus",
      ),
    swapped: z.array(z.array(sameFunction)).describe("functions that took each other's place, in twos"),
    replaced: z.array(sameFunction).describe("other devices in the same place: their answers are not compared"),
    added: z.array(bdf),
    removed: z.array(bdf),
    functions: z.array(
      z.strictObject({
        bdf,
        what: z.enum(FUNCTION_FACTS),
        before: fact,
        after: fact,
      }),
    ),
    groups: groupChanges,
    verdicts: verdictChanges,
    answers: answers.exactOptional(),
  }),
);

/** What outputs have where `--kernel`, `--set` and the like asked what would be, of answers about the changed machine. */
export const asked: z.ZodExactOptional<z.ZodType<readonly string[]>> = z
  .array(z.string())
  .exactOptional()
  .describe("what if: the changes with which the machine was asked about");

/** The same of answers that also show what differs. */
export const whatIf: z.ZodExactOptional<z.ZodType<WhatIfJson>> = named(
  "WhatIfJson",
  "What was asked, and what differs from the machine as it is.",
  z.strictObject({ changes: z.array(z.string()), difference }),
).exactOptional();

/** The validator of `peerlane diff --json`. */
export const diffSchema: z.ZodType<DiffJson> = named(
  "DiffJson",
  "`peerlane diff --json`.",
  z.strictObject({ schema: z.literal("peerlane.diff/1"), before: machine, after: machine, difference, asked }),
);
