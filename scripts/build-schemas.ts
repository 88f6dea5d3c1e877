/** Writes the JSON Schemas of all outputs and of scenario files to dist/schemas, from the validators. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SCHEMA_NAMES, schemaOf } from "../src/cli/verbs/schema.ts";

const folder = join(import.meta.dirname, "../dist/schemas");
mkdirSync(folder, { recursive: true });
for (const name of SCHEMA_NAMES) {
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(schemaOf(name), null, 2)}\n`);
}
