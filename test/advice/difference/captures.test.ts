import { describe, expect, test } from "vitest";
import { compareMachines } from "../../../src/advice/difference/machines.ts";
import { compareVerdicts } from "../../../src/advice/difference/verdicts.ts";
import { readSnapshot } from "../../../src/host/snapshot/read-snapshot.ts";
import { writeSnapshot } from "../../../src/host/snapshot/write-snapshot.ts";
import { decideAll } from "../../../src/rules/verdict-table.ts";
import { captureNames, readCapturedMachine } from "../../machines/captures.ts";

describe("A machine and its own capture do not differ", () => {
  test.for(captureNames)("%s", (name) => {
    const machine = readCapturedMachine(name);
    const capture = readSnapshot(writeSnapshot(machine), "capture.json");
    const [before, after] = [decideAll(machine), decideAll(capture)];
    expect(compareMachines(before.topology, after.topology, [machine, capture])).toEqual({
      facts: [],
      renumbered: [],
      moved: [],
      swapped: [],
      replaced: [],
      added: [],
      removed: [],
      functions: [],
      groups: [],
    });
    expect(compareVerdicts(before, after)).toEqual([]);
  });
});

test("another parameter that matters differs, in a capture too", () => {
  const machine = readCapturedMachine("mixed-acs.intel.strict");
  const other = { ...machine, kernel: { ...machine.kernel, commandLine: "quiet intel_iommu=on iommu=pt" } };
  const capture = readSnapshot(writeSnapshot(other), "capture.json");
  const [before, after] = [decideAll(machine), decideAll(capture)];
  const { facts } = compareMachines(before.topology, after.topology, [machine, capture]);
  expect(facts).toMatchObject([{ what: "command-line", after: "intel_iommu=on iommu=pt" }]);
});
