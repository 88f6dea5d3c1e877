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
import { isBridge } from "../../src/pci/device-kind.ts";
import { isUnknown } from "../../src/pci/known.ts";
import { withFormedGroups } from "../../src/rules/boot-acs.ts";
import { decide } from "../../src/rules/verdict-table.ts";
import { bootRecipes, bootScenario } from "../../src/vm/boot.ts";
import { guestFiles } from "../../src/vm/guest-files.ts";
import type { GuestReport } from "../../src/vm/measured.ts";
import { readCapture, readCapturedMachine } from "../machines/captures.ts";
import { type Boot, listBoots } from "./boots.ts";
import { combinedBoots } from "./combined-fixes.ts";
import { compareGroups, groupSets } from "./compare.ts";
import { pastedBoots } from "./pasted-fixes.ts";
import { pairsOf, planBoots, recipeHash } from "./sample.ts";

/** What `fix` proposes, and the machine that it makes. */
interface ProposedBoot {
  readonly name: string;
  readonly scenario: Scenario;
  readonly machine: Machine;
  readonly fix: ProvedFix;
  /** Present addresses by those that the functions have after it; empty where none changes. */
  readonly present: ReadonlyMap<Bdf, Bdf>;
  /** The words that `/proc/cmdline` has to hold, where the printed commands made them. */
  readonly commandLine?: string;
}

/** Every parameter by address that `fix` proposes for a redirected pair of a capture; one boot where several pairs get the same. */
function proposals({ name, scenario }: Boot): ProposedBoot[] {
  const machine = withMemory(readCapturedMachine(name));
  const found = new Map<string, ProposedBoot>();
  for (const { provider, client, acsRedirect } of readCapture(name).pairs) {
    if (acsRedirect.length === 0) continue;
    const fixes = advise(machine, [{ provider, client }]).fixes.filter(
      ({ kinds, title }) => kinds.join() === "kernel-parameter" && !title.includes("=pci:"),
    );
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
          present: new Map(),
        });
      }
    }
  }
  return [...found.values()];
}

/** What has no memory for peers is helped by nothing; whether it has decides no verdict. */
function withMemory(machine: Machine): Machine {
  const p2pmem = { sizeBytes: 2 ** 24, availableBytes: 2 ** 24, published: true };
  return { ...machine, functions: machine.functions.map((fn) => (isBridge(fn) ? fn : { ...fn, p2pmem })) };
}

/** With the SHA-256 of what is booted. */
type PlannedBoot = ProposedBoot & { readonly recipe: string };

const isRecording = process.env["PEERLANE_RECORD"] === "1";
const recordingsFile = join(import.meta.dirname, "fixes.recorded.json");
const recordings = readRecordings();
const files = await guestFiles();
const recipeOf = await bootRecipes(files);
const boots: readonly PlannedBoot[] = [...listBoots().flatMap(proposals), ...combinedBoots(), ...pastedBoots()].map(
  (boot) => ({
    ...boot,
    recipe: recipeHash(recipeOf(boot.scenario)),
  }),
);
const isRecorded = ({ name, recipe }: { name: string; recipe: string }): boolean => recordings[name]?.recipe === recipe;
const plan = planBoots<PlannedBoot>(boots, isRecorded, ({ name, present, commandLine }) => {
  if (commandLine !== undefined) return ["pasted commands"];
  // One of the proposals that move devices is enough for a sample.
  if (present.size > 0) return ["two changes"];
  const [capture = "", fix = ""] = name.split(" + ");
  const [shape = "", cpu = ""] = capture.split(".");
  return pairsOf([shape, cpu, fix.replace(/=.*/, "")]);
});
let confirmed = 0;
/** For 232 pairs on a machine that others keep busy. */
const TIMEOUT_MS = 1_200_000;

describe("a kernel confirms what fix proposes", () => {
  test.concurrent.for(plan.booted)("booted: $name", async (boot) => {
    const { name, scenario } = boot;
    const report = await bootScenario(scenario, { files, timeoutMs: TIMEOUT_MS });
    const machine = readSysfs(new ArchiveTree(await decompress(report.tree, name), name), { format: "archive" });
    const seen = seenIn(boot, report, machine);
    if (isRecording) recordings[name] = seen;
    else if (isRecorded(boot)) expect(seen).toEqual(recordings[name]);
    confirmed += expectConfirmed(boot, seen);
  });

  test.for(plan.replayed)("recorded: $name", (boot) => {
    confirmed += expectConfirmed(boot, recordings[boot.name] as SeenBoot);
  });

  afterAll(() => {
    if (isRecording) writeRecordings(recordings);
    process.stdout.write(`the kernel confirmed ${confirmed} verdicts of proposed changes; ${plan.summary}\n`);
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
  /** `/proc/cmdline`, where it is asked for. */
  readonly commandLine?: string;
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

function seenIn({ recipe, commandLine }: PlannedBoot, { measured }: GuestReport, machine: Machine): SeenBoot {
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
    ...(commandLine === undefined ? {} : { commandLine: String(machine.kernel.commandLine) }),
  };
}

/** Holds a boot to what was foretold of it; returns how many verdicts that were. */
function expectConfirmed({ machine, fix, present, commandLine }: ProposedBoot, seen: SeenBoot): number {
  if (commandLine !== undefined) expect(` ${seen.commandLine} `).toContain(` ${commandLine} `);
  const predicted = withFormedGroups(applyChanges(machine, fix.changes));
  const nowOf = (bdf: Bdf): Bdf => present.get(bdf) ?? bdf;
  const mapTypes = new Map(
    Object.entries(seen.mapTypes).map(([pair, mapType]) => {
      const [provider, client] = pair.split(" ").map((bdf) => nowOf(parseBdf(bdf) as Bdf)) as [Bdf, Bdf];
      return [`${formatBdf(provider)} → ${formatBdf(client)}`, { provider, client, mapType }];
    }),
  );
  const promised = fix.verdicts.map(({ provider, client, mapType }) => ({ provider, client, mapType }));
  const real = promised.map(({ provider, client }) => mapTypes.get(`${formatBdf(provider)} → ${formatBdf(client)}`));
  expect(real).toEqual(promised);
  for (const [pair, { provider, client, mapType }] of mapTypes) {
    expect(decide(predicted, provider, client).mapType, pair).toBe(mapType);
  }
  const foretold = new Set(predicted.functions.map(({ bdf }) => formatBdf(bdf)));
  expect(groupSets(predicted)).toEqual(presentGroups(seen.groups, present, foretold));
  const control = Object.fromEntries(
    Object.entries(seen.acsControl).map(([bdf, bits]) => [formatBdf(nowOf(parseBdf(bdf) as Bdf)), bits]),
  );
  expect(acsContradictions(predicted, control)).toEqual([]);
  return mapTypes.size;
}

/** The groups of a boot by present addresses; of a machine described by hand without what QEMU has beside it. */
function presentGroups(
  groups: SeenBoot["groups"],
  present: ReadonlyMap<Bdf, Bdf>,
  foretold: ReadonlySet<string>,
): readonly string[] {
  if (present.size === 0) return groups;
  return groups
    .map((group) =>
      group.split(" ").flatMap((bdf) => formatBdf(present.get(parseBdf(bdf) as Bdf) ?? (parseBdf(bdf) as Bdf))),
    )
    .map((group) =>
      group
        .filter((bdf) => foretold.has(bdf))
        .sort()
        .join(" "),
    )
    .filter((group) => group !== "")
    .sort();
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
