import { Argument, type Command } from "commander";
import { scenarioJsonSchema } from "../../host/scenario/json-schema.ts";
import { snapshotJsonSchema } from "../../host/snapshot/read-snapshot.ts";
import { workloadJsonSchema } from "../../offload/workload/schema.ts";
import { policyJsonSchema } from "../../policy/schema.ts";
import { printableJson } from "../../report/printable.ts";
import { outputJsonSchema } from "../../report/schemas.ts";
import { EXIT } from "../exit-codes.ts";
import { print } from "../print.ts";
import type { Finish } from "../verb.ts";

/** What it prints. */
export const SCHEMA_NAMES = [
  "matrix",
  "tree",
  "explain",
  "history",
  "fix",
  "find",
  "nearest",
  "diff",
  "check",
  "vm",
  "simulate",
  "lab",
  "lab-replay",
  "p2pmem",
  "probe",
  "bench",
  "copy",
  "scenario",
  "policy",
  "workload",
  "snapshot",
] as const;

/** One of {@link SCHEMA_NAMES}. */
export type SchemaName = (typeof SCHEMA_NAMES)[number];

/** Its arguments, options and help. */
export function declareSchema(command: Command, finish: Finish): void {
  command
    .addArgument(new Argument("<name>").choices(SCHEMA_NAMES))
    .addHelpText(
      "after",
      "\nExits with 0.\n\nExamples:\n  peerlane schema matrix\n  peerlane schema scenario > scenario.schema.json",
    )
    .action(async (name: SchemaName) => {
      finish(runSchema(name));
    });
}

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
