import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Machine } from "../../src/host/machine.ts";
import { readScenario } from "../../src/host/scenario/scenario-machine.ts";
import { findDevice } from "../../src/host/select.ts";
import type { Bdf } from "../../src/pci/bdf.ts";

/** A machine of the examples. */
export function exampleMachine(name: string): Machine {
  const path = join(import.meta.dirname, "../../examples", `${name}.yaml`);
  return readScenario(readFileSync(path, "utf8"), name);
}

/** The address of a device that a machine names. */
export function named(machine: Machine, name: string): Bdf {
  return findDevice(machine, name);
}
