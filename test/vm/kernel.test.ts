import { afterAll, describe, expect, test } from "vitest";
import { ArchiveTree } from "../../src/host/archive.ts";
import { decompress } from "../../src/host/compression.ts";
import { readSysfs } from "../../src/host/sysfs.ts";
import { bootScenario, type GuestFiles, guestFiles } from "../../src/vm/index.ts";
import { allSubjects } from "../conformance/subjects.ts";
import { checkConformance } from "../conformance/suite.ts";
import { listBoots } from "./boots.ts";
import { compareGroups, comparePairs } from "./compare.ts";
import { recordCapture } from "./record.ts";

const boots = listBoots();
const isRecording = process.env["PEERLANE_RECORD"] === "1";
let files: Promise<GuestFiles> | undefined;
let pairs = 0;
let booted = 0;

describe("rules and model say what a booted kernel decides", () => {
  test.concurrent.for(boots)("$name", async ({ name, scenario }) => {
    files ??= guestFiles();
    const report = await bootScenario(scenario, { files: await files });
    const machine = readSysfs(new ArchiveTree(await decompress(report.tree, name), name), { format: "archive" });
    if (isRecording) recordCapture(name, report);
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
    process.stdout.write(`rules = model = kernel on ${pairs} pairs of ${booted} boots\n`);
  });
});
