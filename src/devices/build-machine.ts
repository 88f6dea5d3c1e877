import type { Machine } from "../host/machine.ts";
import { type MachineParts, machineOfParts } from "../host/scenario/machine-parts.ts";
import { afterBoot } from "../rules/boot-acs.ts";

/**
 * The machine that a program describes, after its kernel's boot: what a scenario file says, as an object. `name` is what
 * messages call it. Throws `bad-input` for a machine that cannot be, with the way to the value that is wrong.
 */
export function buildMachine(parts: MachineParts, name = "machine"): Machine {
  return afterBoot(machineOfParts(parts, name));
}
