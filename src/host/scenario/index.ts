/** Scenario files: machines written by hand. */
export { scenarioJsonSchema } from "./json-schema.ts";
export { parseScenario } from "./parse-scenario.ts";
export type * from "./scenario.ts";
export { readScenario, scenarioMachine } from "./scenario-machine.ts";
