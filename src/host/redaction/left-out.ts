import { isUnknown } from "../../pci/known.ts";
import type { Machine } from "../machine.ts";
import { countLeftOut } from "./command-line.ts";
import { keptRelease } from "./kernel-release.ts";
import { redact } from "./redact.ts";

/** What {@link redact} leaves out of a machine, by kind with a count, for whoever sends it on: `3 names of devices`. */
export function leftOut(machine: Machine): readonly string[] {
  const clean = redact(machine);
  const { release, commandLine } = machine.kernel;
  const names = countNames(machine) - countNames(clean);
  const texts = machine.functions.filter((fn, index) => fn.label !== clean.functions[index]?.label).length;
  const notes = machine.notes.filter(({ message }, index) => message !== clean.notes[index]?.message).length;
  const parameters = isUnknown(commandLine) ? 0 : countLeftOut(commandLine);
  return [
    counted(names, "name of a device", "names of devices"),
    counted(parameters, "kernel parameter or value", "kernel parameters or values"),
    isUnknown(release) || keptRelease(release) === release ? "" : "words in the kernel's release",
    counted(texts, "label in part", "labels in part"),
    counted(notes, "note in part", "notes in part"),
  ].filter((text) => text !== "");
}

function countNames({ functions }: Machine): number {
  return functions.reduce((sum, { names }) => sum + names.length, 0);
}

function counted(count: number, one: string, many: string): string {
  return count === 0 ? "" : `${count} ${count === 1 ? one : many}`;
}
