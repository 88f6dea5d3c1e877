import { scenarioJsonSchema } from "../../host/scenario/index.ts";
import { OUTPUT_SCHEMAS, outputJsonSchema } from "../../report/schemas.ts";
import { EXIT } from "../exit-codes.ts";
import type { SchemaName } from "../schema-names.ts";

/** `peerlane schema NAME`: the JSON Schema of an output, or of scenario files. */
export function runSchema(name: SchemaName): number {
  process.stdout.write(`${JSON.stringify(schemaOf(name), null, 2)}\n`);
  return EXIT.yes;
}

/** The JSON Schema by name. */
export function schemaOf(name: SchemaName): object {
  return name in OUTPUT_SCHEMAS ? outputJsonSchema(name as keyof typeof OUTPUT_SCHEMAS) : scenarioJsonSchema();
}
