import { z } from "zod";
import { NODE_DEFINITION, nodeSchema } from "./node-schema.ts";
import { HOST_BRIDGE_DEFINITION, hostBridgeSchema, scenarioSchema } from "./schema.ts";

/** The JSON Schema (draft 2020-12) of a scenario file, for editors and for other programs that write one. */
export function scenarioJsonSchema(): Readonly<Record<string, unknown>> {
  return {
    ...z.toJSONSchema(scenarioSchema, { io: "input" }),
    title: "Peerlane scenario",
    description: "A machine written by hand: host bridges and what hangs below them.",
    $defs: { [HOST_BRIDGE_DEFINITION]: definition(hostBridgeSchema), [NODE_DEFINITION]: definition(nodeSchema) },
  };
}

function definition(schema: z.ZodType): Readonly<Record<string, unknown>> {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: "input" });
  return rest;
}
