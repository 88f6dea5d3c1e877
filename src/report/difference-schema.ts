import { z } from "zod";
import type { DifferenceJson, DiffJson, GroupChangeJson, VerdictChangeJson, WhatIfJson } from "./json-types.ts";
import { machine } from "./machine-schema.ts";
import { bdf, count, known, mapType, named } from "./schema-parts.ts";

const side = named(
  "VerdictSideJson",
  "A verdict before or after a change.",
  z.strictObject({ mapType, hops: count.nullable() }),
);

/** The validator of verdicts that changed. */
export const verdictChanges: z.ZodType<readonly VerdictChangeJson[]> = z.array(
  named(
    "VerdictChangeJson",
    "A pair whose verdict changed.",
    z.strictObject({ provider: bdf, client: bdf, before: side, after: side }),
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
    }),
  ),
);

const fact = known(z.string().nullable());

const difference: z.ZodType<DifferenceJson> = named(
  "DifferenceJson",
  "What differs between two machines.",
  z.strictObject({
    facts: z.array(
      z.strictObject({
        what: z.enum(["kernel", "command-line", "cpu", "iommu-kind", "iommu-mode"]),
        before: fact,
        after: fact,
      }),
    ),
    added: z.array(bdf),
    removed: z.array(bdf),
    functions: z.array(
      z.strictObject({
        bdf,
        what: z.enum(["upstream", "ids", "link", "acs", "driver", "numa-node", "bars", "p2pmem"]),
        before: fact,
        after: fact,
      }),
    ),
    groups: groupChanges,
    verdicts: verdictChanges,
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
  z.strictObject({ schema: z.literal("peerlane.diff/1"), before: machine, after: machine, difference }),
);
