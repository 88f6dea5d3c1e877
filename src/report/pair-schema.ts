import { z } from "zod";
import type { PairJson, RoutedPairJson } from "./json-types.ts";
import { route } from "./route-schema.ts";
import { bdf, count, mapType, named, type ShapeOf } from "./schema-parts.ts";

const direction = named(
  "DirectionJson",
  "What is documented of the hardware, for one direction.",
  z.strictObject({
    outcome: z.enum(["works", "fails", "limited", "unknown"]),
    why: z.string(),
    facts: z.array(z.string()).describe("ids of the platform facts that say so"),
  }),
);

/** The validators of a pair's keys. */
export const pairShape: ShapeOf<PairJson> = {
  provider: bdf,
  client: bdf,
  mapType,
  distance: z
    .int()
    .min(-1)
    .nullable()
    .describe("what the kernel returns: hops, -1 when not supported; null when unknown"),
  hops: count.nullable(),
  acsRedirect: z.array(bdf).describe("in the order in which the kernel lists them"),
  acsHidden: z.array(bdf),
  reason: z.string(),
  hidden: z.array(z.string()),
  gates: z.array(
    named(
      "GateJson",
      "What stops or spoils a transfer beside the verdict.",
      z.strictObject({
        kind: z.string(),
        device: bdf.nullable(),
        effect: z.enum(["blocks", "warns"]),
        message: z.string(),
      }),
    ),
  ),
  hardware: z
    .strictObject({ write: direction, read: direction })
    .describe("what is documented of the hardware, beside what the kernel decides"),
  fixes: z.array(z.strictObject({ kind: z.string(), value: z.string(), mapType })),
};

/** The validator of a pair. */
export const pair: z.ZodType<PairJson> = named(
  "PairJson",
  "A provider and a client: the kernel's verdict, and what stands beside it.",
  z.strictObject(pairShape),
);

/** The validator of a pair with its routes in brief. */
export const routedPair: z.ZodType<RoutedPairJson> = named(
  "RoutedPairJson",
  "A pair, and where the fabric leads its requests.",
  z.strictObject({ ...pairShape, route }),
);
