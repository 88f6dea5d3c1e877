/** Writes the types of every JSON output to src/report/json-types.ts, from the validators. */
import { writeFileSync } from "node:fs";
import { JSON_TYPES, jsonTypes } from "./json-types.ts";

writeFileSync(JSON_TYPES, jsonTypes());
