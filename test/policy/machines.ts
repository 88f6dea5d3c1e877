import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Machine } from "../../src/host/machine.ts";
import { readScenario } from "../../src/host/scenario/scenario-machine.ts";
import { checkPolicy } from "../../src/policy/check-policy.ts";
import { parsePolicy } from "../../src/policy/parse-policy.ts";
import type { PolicyResult, RuleOutcome } from "../../src/policy/result.ts";
import { afterBoot } from "../../src/rules/boot-acs.ts";
import { readCapturedMachine } from "../machines/captures.ts";

const examples = join(import.meta.dirname, "../../examples");

/** The text of a file in examples/. */
export function exampleText(file: string): string {
  return readFileSync(join(examples, file), "utf8");
}

/** A machine by the name of a scenario (`one-switch.yaml`) or a capture (`nested-switches.intel.strict`). */
export function machineOf(name: string): Machine {
  return name.endsWith(".yaml") ? bootScenario(exampleText(name), name) : readCapturedMachine(name);
}

/** A scenario after the kernel's boot. */
export function bootScenario(text: string, file = "scenario.yaml"): Machine {
  return afterBoot(readScenario(text, file));
}

/** These devices below one switch that redirects nothing. */
export function belowOneSwitch(
  devices: readonly string[],
  { kernel = "7.2", iommu = "off" }: { readonly kernel?: string; readonly iommu?: string } = {},
): Machine {
  return bootScenario(`
kernel: ${kernel}
iommu: ${iommu}
hostBridges:
  - id: 8086:4660
    below:
      - rootPort: {}
        below:
          - switch: { acs: false }
            below:
${devices.map((device) => `              - ${device}`).join("\n")}
`);
}

/** What a policy makes of a machine. */
export function check(machine: Machine, policy: string): PolicyResult {
  return checkPolicy(machine, parsePolicy(policy, "p.yaml"));
}

/** The outcome of a policy that has one rule. */
export function outcomeOf(machine: Machine, policy: string): RuleOutcome {
  const [result, second] = check(machine, policy).results;
  if (result === undefined || second !== undefined) throw new Error("not one rule");
  return result.outcome;
}
