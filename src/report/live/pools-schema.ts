import { z } from "zod";
import type { P2pmemJson, PoolReasonJson, PoolUserJson } from "../json-types.ts";
import { bdf, count, known, named } from "../schema-parts.ts";

/** The validator of why a pool is left alone. */
export const poolReason: z.ZodType<PoolReasonJson> = named(
  "PoolReasonJson",
  "Why a pool is left alone.",
  z.strictObject({
    kind: z
      .enum(["in-use", "unpublished", "no-permission", "not-offered"])
      .describe("in-use: never taken; unpublished: with --allow-unpublished only"),
    text: z.string(),
  }),
);

/** The validator of a process that has mapped memory of a pool. */
export const poolUser: z.ZodType<PoolUserJson> = named(
  "PoolUserJson",
  "A process that has mapped memory of a pool.",
  z.strictObject({ pid: count, command: z.string(), size: count }),
);

/** The validator of `peerlane p2pmem --json`. */
export const poolsSchema: z.ZodType<P2pmemJson> = named(
  "P2pmemJson",
  "`peerlane p2pmem --json`: the pools of peer memory of this host.",
  z.strictObject({
    schema: z.literal("peerlane.p2pmem/2"),
    pools: z.array(
      z.strictObject({
        provider: bdf,
        name: z.string().nullable(),
        owner: known(z.string().nullable()).describe("the driver bound to the provider, which registered the memory"),
        size: count,
        available: known(count),
        published: known(z.boolean()),
        mapping: z.enum(["possible", "no-permission", "not-offered"]),
        usable: z.boolean().describe("whether probe, copy and bench take it unasked"),
        reason: poolReason.nullable().describe("why they do not"),
        users: z.array(poolUser).describe("processes that have mapped some; kernel users are not among them"),
      }),
    ),
    missing: z.array(z.strictObject({ what: z.string(), remedy: z.string() })),
  }),
);
