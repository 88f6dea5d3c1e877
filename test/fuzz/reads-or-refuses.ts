import { expect } from "vitest";
import type { Machine } from "../../src/host/machine.ts";
import { decideAll, expectedIommuGroups } from "../../src/p2pdma/index.ts";
import { PeerlaneError } from "../../src/pci/error.ts";
import { matrixText, treeText } from "../../src/report/index.ts";

let cases = 0;

/** Counts a case that is checked elsewhere. */
export function countCase(): void {
  cases++;
}

/** Says how many cases there were. */
export function sayCases(what: string): void {
  process.stdout.write(`fuzzed ${what} with ${cases} cases\n`);
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

function expectRefusal(error: unknown): void {
  if (!(error instanceof PeerlaneError)) throw error;
  expect(error.place?.file ?? error.message).toMatch(/fuzz/);
}

function expectUsable(machine: Machine): void {
  const table = decideAll(machine);
  const expectedGroups = expectedIommuGroups(machine, table.topology);
  if (cases % 10 === 0) {
    matrixText(table, { width: 80, color: false });
    treeText({ table, expectedGroups }, { width: 80, color: false });
  }
}
