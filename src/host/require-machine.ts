import { isBdf } from "../pci/bdf.ts";
import type { PciFunction } from "../pci/function.ts";
import { wrongArgument } from "../pci/wrong-argument.ts";
import type { Machine } from "./machine.ts";

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** True for what has the shape of a function. */
export function isPciFunction(value: unknown): value is PciFunction {
  return isObject(value) && isBdf(value["bdf"]) && "classCode" in value && Array.isArray(value["names"]);
}

/** True for what has the shape of a machine. */
export function isMachine(value: unknown): value is Machine {
  return (
    isObject(value) &&
    ["source", "kernel", "cpu", "iommu"].every((part) => isObject(value[part])) &&
    Array.isArray(value["functions"]) &&
    value["functions"].every(isPciFunction)
  );
}

/** How people come by a machine. */
export const MACHINE_REMEDY = "readMachine reads one; await what it returns";

/** Throws `usage` where a caller without types hands in something else than a machine. */
export function requireMachine(call: string, value: unknown, argument = "machine"): asserts value is Machine {
  if (isMachine(value)) return;
  throw wrongArgument({ call, argument, given: value, expected: "a Machine", remedy: MACHINE_REMEDY });
}
