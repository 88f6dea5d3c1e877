import type { Machine } from "../src/host/machine.ts";
import { parseScenario } from "../src/host/scenario/parse-scenario.ts";
import { scenarioMachine } from "../src/host/scenario/scenario-machine.ts";
import { asQemuBuilds } from "../src/vm/qemu-ids.ts";

/** The machine of a scenario with the ids of QEMU's devices wherever it names none: all that the rules ask is known. */
export function qemuMachineOf(text: string, file: string): Machine {
  return scenarioMachine(asQemuBuilds(parseScenario(text, file)));
}
