import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { checkPolicy } from "../../src/policy/check-policy.ts";
import { parsePolicy } from "../../src/policy/parse-policy.ts";
import type { RuleOutcome } from "../../src/policy/result.ts";
import { bootScenario, exampleText, machineOf } from "./machines.ts";

const folder = join(import.meta.dirname, "../../examples/policies");
const scenarios = readdirSync(join(folder, "..")).filter((file) => file.endsWith(".yaml"));

it.each(readdirSync(folder))("examples/policies/%s has an outcome for every example machine", (file) => {
  const policy = parsePolicy(exampleText(`policies/${file}`), file);
  for (const scenario of scenarios) {
    const { results } = checkPolicy(machineOf(scenario), policy);
    for (const { outcome, findings } of results) if (outcome !== "pass") expect(findings.length).toBeGreaterThan(0);
  }
});

const tuned = bootScenario(`cmdline: pci=disable_acs_redir=pci:1000:c030\n${exampleText("gpu-nic-server.yaml")}`);

it.each<[policy: string, machine: string, outcomes: readonly RuleOutcome[]]>([
  ["gpu-server", "gpu-nic-server.yaml", ["fail", "fail", "pass", "fail", "pass", "pass", "pass", "pass", "pass"]],
  ["gpu-server", "tuned", ["pass", "pass", "pass", "pass", "pass", "pass", "pass", "pass", "pass"]],
  ["vm-host", "gpu-nic-server.yaml", ["pass", "pass", "pass"]],
  ["vm-host", "tuned", ["pass", "fail", "pass"]],
  ["nvme-target", "nested-switches.intel.strict", ["fail", "fail", "pass", "unknown"]],
])("examples/policies/%s.yaml on %s: %j", (policy, machine, outcomes) => {
  const file = `policies/${policy}.yaml`;
  const { results } = checkPolicy(
    machine === "tuned" ? tuned : machineOf(machine),
    parsePolicy(exampleText(file), file),
  );
  expect(results.map(({ outcome }) => outcome)).toEqual(outcomes);
});
