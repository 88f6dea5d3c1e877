import { issueError } from "../yaml/issues.ts";
import { readYaml } from "../yaml/yaml-source.ts";
import { buildScenario } from "./build-scenario.ts";
import type { Scenario } from "./scenario.ts";
import { scenarioSchema } from "./schema.ts";

/**
 * Reads a scenario file. `file` is its name for messages, and the scenario's own where it has none. Throws `bad-input`
 * or `too-large` with file, line and column for anything that is not a scenario; never returns a partial one.
 */
export function parseScenario(text: string, file: string): Scenario {
  const source = readYaml(text, file);
  const result = scenarioSchema.safeParse(source.value);
  if (!result.success) throw issueError(result.error.issues, source);
  return buildScenario(result.data, source);
}
