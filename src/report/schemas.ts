import { z } from "zod";
import { findSchema, fixSchema, historySchema, nearestSchema } from "./advice-schema.ts";
import { checkSchema } from "./check/schema.ts";
import { compareSchema } from "./compare/schema.ts";
import { diffSchema } from "./difference-schema.ts";
import { fleetSchema } from "./fleet/schema.ts";
import type { JsonOutputs } from "./json-types.ts";
import { labReplaySchema, labSchema } from "./lab/schema.ts";
import { benchSchema } from "./live/bench/schema.ts";
import { copySchema } from "./live/copy/schema.ts";
import { poolsSchema } from "./live/pools-schema.ts";
import { probeSchema } from "./live/probe/schema.ts";
import { explainSchema, matrixSchema, treeSchema } from "./matrix-schema.ts";
import { vmSchema } from "./measured-schema.ts";
import { bandwidthSchema, predictSchema } from "./predict/schema.ts";
import { simulateSchema } from "./simulate/schema.ts";
import { timedSchema } from "./simulate/time/schema.ts";

/**
 * The validators of every JSON output, by the name that `peerlane schema` takes. Each is the one declaration of its output:
 * the published JSON Schema and the type in `json-types.ts`, which its builder returns, are made of it, and tests hold real
 * output to it.
 */
export const OUTPUT_SCHEMAS: { readonly [Name in keyof JsonOutputs]: z.ZodType<JsonOutputs[Name]> } = {
  matrix: matrixSchema,
  tree: treeSchema,
  explain: explainSchema,
  history: historySchema,
  fix: fixSchema,
  find: findSchema,
  nearest: nearestSchema,
  predict: predictSchema,
  bandwidth: bandwidthSchema,
  compare: compareSchema,
  diff: diffSchema,
  fleet: fleetSchema,
  check: checkSchema,
  simulate: simulateSchema,
  timed: timedSchema,
  p2pmem: poolsSchema,
  probe: probeSchema,
  bench: benchSchema,
  copy: copySchema,
  lab: labSchema,
  "lab-replay": labReplaySchema,
  vm: vmSchema,
};

/** The JSON Schema (2020-12) of an output; its id is what the output says in its `schema`. */
export function outputJsonSchema(name: keyof JsonOutputs): object {
  const schema = z.toJSONSchema(OUTPUT_SCHEMAS[name]);
  const said = schema.properties?.["schema"];
  return { $id: typeof said === "object" ? said.const : undefined, ...schema };
}
