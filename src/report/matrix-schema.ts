import { z } from "zod";
import { whatIf } from "./difference-schema.ts";
import type { ExplainJson, MatrixJson, TreeJson } from "./json-types.ts";
import { device, deviceShape, machine, notes } from "./machine-schema.ts";
import { asking, gates, matrixPair, matrixReason, pairShape } from "./pair-schema.ts";
import { knownRoute, routeWithHops } from "./route-schema.ts";
import { bdf, bus, count, known, link, named, providerMemory } from "./schema-parts.ts";

/** The validator of `peerlane matrix --json`. */
export const matrixSchema: z.ZodType<MatrixJson> = named(
  "MatrixJson",
  "`peerlane matrix --json`: the machine, its devices, and every pair.",
  z.strictObject({
    schema: z.literal("peerlane.matrix/2"),
    machine,
    devices: z.array(device),
    pairs: z.array(matrixPair).describe("each provider with each client but itself"),
    reasons: z.array(matrixReason),
    hidden: z.array(z.string()).describe("what the source hides, in its words"),
    gates,
    routes: z.array(knownRoute),
    asking,
    notes,
    whatIf,
  }),
);

/** The validator of `peerlane tree --json`. */
export const treeSchema: z.ZodType<TreeJson> = named(
  "TreeJson",
  "`peerlane tree --json`: every function with its place, link, ACS and groups.",
  z.strictObject({
    schema: z.literal("peerlane.tree/1"),
    machine,
    hostBridges: z.array(bus),
    functions: z.array(
      named(
        "TreeFunctionJson",
        "A function in its place.",
        z.strictObject({
          ...deviceShape,
          role: z.string(),
          parent: known(bdf.nullable()),
          hostBridge: bus.nullable(),
          driver: known(z.string().nullable()),
          acs: known(z.strictObject({ capability: count, control: count }).nullable()),
          link: known(z.strictObject({ status: known(link.nullable()), capable: known(link.nullable()) }).nullable()),
        }),
      ),
    ),
    notes,
    whatIf,
  }),
);

/** The validator of `peerlane explain --json`. */
export const explainSchema: z.ZodType<ExplainJson> = named(
  "ExplainJson",
  "`peerlane explain --json`: one pair, both ways.",
  z.strictObject({
    schema: z.literal("peerlane.explain/1"),
    machine,
    directions: z.array(
      named(
        "ExplainedPairJson",
        "A pair with its path, and the fabric's hops.",
        z.strictObject({
          ...pairShape,
          memory: providerMemory,
          route: routeWithHops,
          meeting: bdf.nullable(),
          path: z.array(z.strictObject({ bdf, name: z.string().nullable(), role: z.string().nullable() })),
        }),
      ),
    ),
    asking,
    notes,
    whatIf,
  }),
);
