import type { Machine } from "../../src/host/machine.ts";
import { topologyOf } from "../../src/host/machine.ts";
import { findDevice } from "../../src/host/select.ts";
import { type Directions, directionsOf } from "../../src/platforms/directions.ts";
import { afterBoot } from "../../src/rules/boot-acs.ts";
import { decide } from "../../src/rules/verdict-table.ts";
import { qemuMachineOf } from "../qemu-scenario.ts";

/** The machine of a scenario, booted. */
export function bootedMachine(scenario: string): Machine {
  return afterBoot(qemuMachineOf(scenario, "facts.yaml"));
}

/** What is documented of a pair of a machine, by the devices' names, classes or addresses. */
export function directionsOfPair(machine: Machine, provider = "nvme", client = "nic"): Directions {
  const verdict = decide(machine, findDevice(machine, provider), findDevice(machine, client));
  return directionsOf(machine, topologyOf(machine), verdict);
}
