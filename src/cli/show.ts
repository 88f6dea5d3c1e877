import type { Machine } from "../host/machine.ts";
import { expectedIommuGroups, type VerdictTable } from "../p2pdma/index.ts";
import type { ScreenOptions, TreeInput } from "../report/index.ts";
import type { MachineOptions } from "./options.ts";
import { screenWidth, wantsColor } from "./terminal.ts";

/** Prints a screen or JSON, and the notes of the machine behind a screen. */
export function show(
  options: MachineOptions,
  machine: Machine,
  toJson: () => unknown,
  toText: (screen: ScreenOptions) => string,
): void {
  if (options.json === true) {
    process.stdout.write(`${JSON.stringify(toJson(), null, 1)}\n`);
    return;
  }
  process.stdout.write(toText({ width: screenWidth(options.width), color: wantsColor(options.color, process.stdout) }));
  for (const note of machine.notes) {
    const where = note.place?.line === undefined ? "" : ` (${note.place.file}:${note.place.line})`;
    process.stderr.write(`note: ${note.message}${where}\n${note.remedy === undefined ? "" : `  → ${note.remedy}\n`}`);
  }
}

/** What `matrix` and `tree` draw. */
export function treeInput(table: VerdictTable): TreeInput {
  return { table, expectedGroups: expectedIommuGroups(table.machine, table.topology) };
}
