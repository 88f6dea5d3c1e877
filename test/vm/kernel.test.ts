import { afterAll, describe, expect, test } from "vitest";
import { ArchiveTree } from "../../src/host/archive.ts";
import { decompress } from "../../src/host/compression.ts";
import type { Machine } from "../../src/host/machine.ts";
import type { Scenario } from "../../src/host/scenario/scenario.ts";
import { readSysfs } from "../../src/host/sysfs.ts";
import { bootRecipes, bootScenario } from "../../src/vm/boot.ts";
import { guestFiles } from "../../src/vm/guest-files.ts";
import type { GuestReport, MeasuredPair } from "../../src/vm/measured.ts";
import { allSubjects } from "../conformance/subjects.ts";
import { checkConformance } from "../conformance/suite.ts";
import { captureNames, readCapture } from "../machines/captures.ts";
import { features, listBoots } from "./boots.ts";
import { compareGroups, comparePairs } from "./compare.ts";
import { decisionOf, recordCapture } from "./record.ts";
import { pairsOf, planBoots, recipeHash } from "./sample.ts";

const isRecording = process.env["PEERLANE_RECORD"] === "1";
const files = await guestFiles();
const recipeOf = await bootRecipes(files);
const boots = listBoots().map((boot) => ({ ...boot, recipe: recipeHash(recipeOf(boot.scenario)) }));
const isRecorded = ({ name, recipe }: { name: string; recipe: string }): boolean =>
  captureNames.includes(name) && readCapture(name).recipe === recipe;
// What is not booted is replayed in test/machines and test/conformance, as all recordings are.
const plan = planBoots(boots, isRecorded, ({ name, scenario }) => {
  const [shape = "", cpu = "", ...setting] = name.split(".");
  return [shape, ...pairsOf([...features(scenario), cpu, setting.join(".")])];
});
let pairs = 0;
let booted = 0;

/** Boots a machine. One to be recorded is booted again where the kernel's drives are not numbered as they lie. */
async function bootOf(name: string, scenario: Scenario): Promise<{ report: GuestReport; machine: Machine }> {
  for (let tries = 1; ; tries++) {
    const report = await bootScenario(scenario, { files });
    const machine = readSysfs(new ArchiveTree(await decompress(report.tree, name), name), { format: "archive" });
    if (!isRecording || isNumberedInOrder(machine) || tries === MOST_BOOTS) return { report, machine };
  }
}

function inOrder(all: readonly MeasuredPair[]): readonly MeasuredPair[] {
  return [...all].sort((a, b) => a.provider - b.provider || a.client - b.client);
}

/** The NVMe driver probes in parallel, and numbers its controllers as they come; people read them in order. */
const MOST_BOOTS = 6;

function isNumberedInOrder({ functions }: Machine): boolean {
  const numbers = functions.flatMap(({ names }) => names).flatMap((each) => /^nvme(\d+)$/.exec(each)?.[1] ?? []);
  return numbers.every((number, index) => Number(number) === index);
}

describe("rules and model say what a booted kernel decides", () => {
  test.concurrent.for(plan.booted)("$name", async (boot) => {
    const { name, scenario, recipe } = boot;
    const { report, machine } = await bootOf(name, scenario);
    if (isRecording) recordCapture(name, recipe, report);
    else if (isRecorded(boot)) {
      // In an order of its own: the kernel numbers drives as they come.
      expect(inOrder(report.measured.pairs).map(decisionOf)).toEqual(inOrder(readCapture(name).pairs).map(decisionOf));
    }
    const comparisons = comparePairs(machine, report.measured.pairs);
    expect(comparisons.filter(({ differences }) => differences.length > 0)).toEqual([]);
    expect(comparisons.length).toBeGreaterThan(0);
    const groups = compareGroups(machine);
    expect(groups.expected).toEqual(groups.real);
    checkConformance({ pairs: report.measured.pairs, subjects: () => allSubjects(machine, report.measured) });
    pairs += comparisons.length;
    booted++;
  });

  afterAll(() => {
    process.stdout.write(`rules = model = kernel on ${pairs} pairs of ${booted} boots; ${plan.summary}\n`);
  });
});
