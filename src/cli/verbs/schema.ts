import { scenarioJsonSchema } from "../../host/scenario/index.ts";
import { snapshotJsonSchema } from "../../host/snapshot/index.ts";
import { workloadJsonSchema } from "../../offload/workload/index.ts";
import { policyJsonSchema } from "../../policy/schema.ts";
import { printableJson } from "../../report/printable.ts";
import { outputJsonSchema } from "../../report/schemas.ts";
import { EXIT } from "../exit-codes.ts";
import { print } from "../print.ts";
import type { SchemaName } from "../schema-names.ts";

/** `peerlane schema NAME`: the JSON Schema of an output, or of scenario files. */
export function runSchema(name: SchemaName): number {
  print(printableJson(schemaOf(name), 2));
  return EXIT.yes;
}

/** The JSON Schema by name. */
export function schemaOf(name: SchemaName): object {
  switch (name) {
    case "scenario":
      return scenarioJsonSchema();
    case "policy":
      return policyJsonSchema();
    case "workload":
      return workloadJsonSchema();
    case "snapshot":
      return snapshotJsonSchema();
    default:
      return outputJsonSchema(name);
  }
}
