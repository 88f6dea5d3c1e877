import { expect } from "vitest";
import { debugLines, errorLines } from "../../src/cli/errors.ts";
import type { Machine } from "../../src/host/machine.ts";
import { PeerlaneError } from "../../src/pci/error.ts";
import { screenText } from "../../src/report/printable.ts";
import { expectedIommuGroups } from "../../src/rules/iommu-groups.ts";
import { decideAll } from "../../src/rules/verdict-table.ts";
import { OUTPUTS, type Output, oneOutput, unseenIn } from "../report/every-output.ts";

let cases = 0;
let printed = 0;

/** Counts a case that is checked elsewhere. */
export function countCase(): void {
  cases++;
}

/** Says how many cases there were. */
export function sayCases(what: string): void {
  process.stdout.write(`fuzzed ${what} with ${cases} cases, ${printed} of them printed\n`);
  // A worker loads this module once for all files.
  cases = 0;
  printed = 0;
}

/** Either a machine on which everything works, or an error of ours that names the file. */
export function readsOrRefuses(read: () => Machine): void {
  cases++;
  let machine: Machine;
  try {
    machine = read();
  } catch (error) {
    expectRefusal(error);
    return;
  }
  expectUsable(machine);
}

/** The same for a reader that answers later. */
export async function readsOrRefusesLater(read: () => Promise<Machine>): Promise<void> {
  cases++;
  let machine: Machine;
  try {
    machine = await read();
  } catch (error) {
    expectRefusal(error);
    return;
  }
  expectUsable(machine);
}

/** What is read, or `null` where it is refused as it should be; a case either way. */
export function refusedOr<T>(read: () => T): T | null {
  cases++;
  try {
    return read();
  } catch (error) {
    expectRefusal(error);
    return null;
  }
}

/** Refuses an error that is none of ours, names no place, or cannot be shown clean. */
export function expectRefusal(error: unknown): void {
  if (!(error instanceof PeerlaneError)) throw error;
  expectClean(["error", screenText([...errorLines(error), ...debugLines(error)], { color: false })]);
  expect(error.place?.file ?? error.message).toMatch(/fuzz/);
}

/** Everything decides, and one of all outputs, each in its turn, can be printed. */
function expectUsable(machine: Machine): void {
  expectedIommuGroups(machine, decideAll(machine).topology);
  expectClean(oneOutput(machine, OUTPUTS[printed++ % OUTPUTS.length] ?? "", 60 + (printed % 80)));
}

/** Refuses an output that a terminal would obey, or a person would not see. */
export function expectClean(output: Output): void {
  const found = unseenIn(output);
  if (found !== null) throw new Error(`not clean: ${found}`);
}
