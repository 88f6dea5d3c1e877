import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { advise } from "../../src/advice/fix/advise.ts";
import type { ProvedFix } from "../../src/advice/fix/prove.ts";
import { applyChanges } from "../../src/advice/what-if/apply.ts";
import { ArchiveTree } from "../../src/host/archive.ts";
import { decompress } from "../../src/host/compression.ts";
import type { Machine } from "../../src/host/machine.ts";
import type { Scenario } from "../../src/host/scenario/scenario.ts";
import { readSysfs } from "../../src/host/sysfs.ts";
import { type Bdf, formatBdf, parseBdf } from "../../src/pci/bdf.ts";
import { isUnknown } from "../../src/pci/known.ts";
import { decide } from "../../src/rules/verdict-table.ts";
import { bootRecipes, bootScenario } from "../../src/vm/boot.ts";
import { guestFiles } from "../../src/vm/guest-files.ts";
import type { GuestReport } from "../../src/vm/measured.ts";
import { readCapture, readCapturedMachine } from "../machines/captures.ts";
import { type Boot, listBoots } from "./boots.ts";
import { compareGroups, groupSets } from "./compare.ts";
import { pairsOf, planBoots, recipeHash } from "./sample.ts";

/** A kernel parameter that `fix` proposes for pairs of a captured machine. */
interface ProposedBoot {
  readonly name: string;
  readonly scenario: Scenario;
  readonly machine: Machine;
  readonly fix: ProvedFix;
}

/** Every parameter that `fix` proposes for a redirected pair of a capture; one boot where several pairs get the same. */
function proposals({ name, scenario }: Boot): ProposedBoot[] {
  const machine = readCapturedMachine(name);
  const found = new Map<string, ProposedBoot>();
  for (const { provider, client, acsRedirect } of readCapture(name).pairs) {
    if (acsRedirect.length === 0) continue;
    const fixes = advise(machine, [{ provider, client }]).fixes.filter(({ kind }) => kind === "kernel-parameter");
    expect(
      fixes.map(({ title }) => title.replace(/=.*/, "")),
      "both parameters are proposed",
    ).toHaveLength(2);
    for (const fix of fixes) {
      // The order of a list follows the direction of the pair, and means nothing.
      const key = fix.title.split(/[=;]/).sort().join();
      const parameters = [scenario.commandLine, fix.title].filter((text) => text !== "").join(" ");
      if (!found.has(key)) {
        found.set(key, {
          name: `${name} + ${fix.title}`,
          scenario: { ...scenario, commandLine: parameters },
          machine,
          fix,
        });
      }
    }
  }
  return [...found.values()];
}

const isRecording = process.env["PEERLANE_RECORD"] === "1";
const recordingsFile = join(import.meta.dirname, "fixes.recorded.json");
const recordings = readRecordings();
const files = await guestFiles();
const recipeOf = await bootRecipes(files);
const boots = listBoots()
  .flatMap(proposals)
  .map((boot) => ({ ...boot, recipe: recipeHash(recipeOf(boot.scenario)) }));
const isRecorded = ({ name, recipe }: { name: string; recipe: string }): boolean => recordings[name]?.recipe === recipe;
const plan = planBoots(boots, isRecorded, ({ name }) => {
  const [capture = "", fix = ""] = name.split(" + ");
  const [shape = "", cpu = ""] = capture.split(".");
  return pairsOf([shape, cpu, fix.replace(/=.*/, "")]);
});
let confirmed = 0;

describe("a kernel confirms what fix proposes", () => {
  test.concurrent.for(plan.booted)("booted: $name", async (boot) => {
    const { name, scenario, recipe } = boot;
    const report = await bootScenario(scenario, { files });
    const machine = readSysfs(new ArchiveTree(await decompress(report.tree, name), name), { format: "archive" });
    const seen = seenIn(recipe, report, machine);
    if (isRecording) recordings[name] = seen;
    else if (isRecorded(boot)) expect(seen).toEqual(recordings[name]);
    confirmed += expectConfirmed(boot, seen);
  });

  test.for(plan.replayed)("recorded: $name", (boot) => {
    confirmed += expectConfirmed(boot, recordings[boot.name] as SeenBoot);
  });

  afterAll(() => {
    if (isRecording) writeRecordings(recordings);
    process.stdout.write(`the kernel confirmed ${confirmed} verdicts with a proposed parameter; ${plan.summary}\n`);
  });
});

/** What a boot showed of all that is foretold, by the functions' addresses. */
interface SeenBoot {
  readonly recipe: string;
  readonly kernelRelease: string;
  /** `provider client` → map type. */
  readonly mapTypes: Readonly<Record<string, string>>;
  /** Each a sorted line. */
  readonly groups: readonly string[];
  /** Control registers of the functions whose ACS could be read. */
  readonly acsControl: Readonly<Record<string, number>>;
}

function readRecordings(): Record<string, SeenBoot> {
  return existsSync(recordingsFile)
    ? (JSON.parse(readFileSync(recordingsFile, "utf8")) as Record<string, SeenBoot>)
    : {};
}

function writeRecordings(seen: Readonly<Record<string, SeenBoot>>): void {
  const inOrder = boots.map(({ name }) => [name, seen[name]] as const).sort(([a], [b]) => (a < b ? -1 : 1));
  writeFileSync(recordingsFile, `${JSON.stringify(Object.fromEntries(inOrder), null, 1)}\n`);
}

function seenIn(recipe: string, { measured }: GuestReport, machine: Machine): SeenBoot {
  return {
    recipe,
    kernelRelease: measured.kernelRelease,
    mapTypes: Object.fromEntries(
      measured.pairs.map(({ provider, client, mapType }) => [`${formatBdf(provider)} ${formatBdf(client)}`, mapType]),
    ),
    groups: compareGroups(machine).real,
    acsControl: Object.fromEntries(
      machine.functions.flatMap(({ bdf, acs }) =>
        acs === null || isUnknown(acs) ? [] : [[formatBdf(bdf), acs.control]],
      ),
    ),
  };
}

/** Holds a boot to what was foretold of it; returns how many verdicts that were. */
function expectConfirmed({ machine, fix }: ProposedBoot, seen: SeenBoot): number {
  const predicted = applyChanges(machine, fix.changes);
  const mapTypeOf = (provider: Bdf, client: Bdf): string | undefined =>
    seen.mapTypes[`${formatBdf(provider)} ${formatBdf(client)}`];
  const promised = fix.verdicts.map(({ provider, client, mapType }) => ({ provider, client, mapType }));
  const real = promised.map(({ provider, client }) => ({ provider, client, mapType: mapTypeOf(provider, client) }));
  expect(real).toEqual(promised);
  const pairs = Object.keys(seen.mapTypes).map((pair) => pair.split(" ").map((bdf) => parseBdf(bdf) as Bdf));
  for (const [provider, client] of pairs as [Bdf, Bdf][]) {
    const pair = `${formatBdf(provider)} → ${formatBdf(client)}`;
    expect(decide(predicted, provider, client).mapType, pair).toBe(mapTypeOf(provider, client));
  }
  expect(groupSets(predicted)).toEqual(seen.groups);
  expect(acsContradictions(predicted, seen.acsControl)).toEqual([]);
  return pairs.length;
}

/** Functions whose real ACS control differs from the predicted one in a bit that was foretold. */
function acsContradictions(predicted: Machine, real: SeenBoot["acsControl"]): string[] {
  return predicted.functions.flatMap(({ bdf, acs }) => {
    const now = real[formatBdf(bdf)];
    if (acs === null || isUnknown(acs) || now === undefined) return [];
    const differing = (acs.control ^ now) & ~(acs.uncertain ?? 0);
    return differing === 0 ? [] : [`${formatBdf(bdf)}: foretold ${acs.control}, real ${now}`];
  });
}
