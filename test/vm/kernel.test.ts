import { afterAll, describe, expect, test } from "vitest";
import { ArchiveTree } from "../../src/host/archive.ts";
import { decompress } from "../../src/host/compression.ts";
import { readSysfs } from "../../src/host/sysfs.ts";
import { bootRecipes, bootScenario } from "../../src/vm/boot.ts";
import { guestFiles } from "../../src/vm/guest-files.ts";
import { allSubjects } from "../conformance/subjects.ts";
import { checkConformance } from "../conformance/suite.ts";
import { captureNames, readCapture } from "../machines/captures.ts";
import { listBoots } from "./boots.ts";
import { compareGroups, comparePairs } from "./compare.ts";
import { decisionOf, recordCapture } from "./record.ts";
import { planBoots, recipeHash } from "./sample.ts";

const isRecording = process.env["PEERLANE_RECORD"] === "1";
const files = await guestFiles();
const recipeOf = await bootRecipes(files);
const boots = listBoots().map((boot) => ({ ...boot, recipe: recipeHash(recipeOf(boot.scenario)) }));
const isRecorded = ({ name, recipe }: { name: string; recipe: string }): boolean =>
  captureNames.includes(name) && readCapture(name).recipe === recipe;
// What is not booted is replayed in test/machines and test/conformance, as all recordings are.
const plan = planBoots(boots, isRecorded, ({ name }) => {
  const [shape = "", cpu = "", ...rest] = name.split(".");
  return [shape, cpu, rest.join(".")];
});
let pairs = 0;
let booted = 0;

describe("rules and model say what a booted kernel decides", () => {
  test.concurrent.for(plan.booted)("$name", async (boot) => {
    const { name, scenario, recipe } = boot;
    const report = await bootScenario(scenario, { files });
    const machine = readSysfs(new ArchiveTree(await decompress(report.tree, name), name), { format: "archive" });
    if (isRecording) recordCapture(name, recipe, report);
    else if (isRecorded(boot)) {
      expect(report.measured.pairs.map(decisionOf)).toEqual(readCapture(name).pairs.map(decisionOf));
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
