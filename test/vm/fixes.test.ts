import { afterAll, describe, expect, test } from "vitest";
import { ArchiveTree } from "../../src/host/archive.ts";
import { decompress } from "../../src/host/compression.ts";
import type { Machine } from "../../src/host/machine.ts";
import type { Scenario } from "../../src/host/scenario/scenario.ts";
import { readSysfs } from "../../src/host/sysfs.ts";
import { advise, applyChanges, decide, type ProvedFix } from "../../src/p2pdma/index.ts";
import { formatBdf } from "../../src/pci/bdf.ts";
import { isUnknown } from "../../src/pci/known.ts";
import { bootScenario, type GuestFiles, guestFiles } from "../../src/vm/index.ts";
import { readCapture, readCapturedMachine } from "../machines/captures.ts";
import { type Boot, listBoots } from "./boots.ts";
import { compareGroups, groupSets } from "./compare.ts";

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

const boots = listBoots().flatMap(proposals);
let files: Promise<GuestFiles> | undefined;
let confirmed = 0;
let booted = 0;

describe("a booted kernel confirms what fix proposes", () => {
  test.concurrent.for(boots)("$name", async ({ name, scenario, machine, fix }) => {
    files ??= guestFiles();
    const report = await bootScenario(scenario, { files: await files });
    const real = readSysfs(new ArchiveTree(await decompress(report.tree, name), name), { format: "archive" });
    const predicted = applyChanges(machine, fix.changes);

    const promised = fix.verdicts.map(({ provider, client, mapType }) => ({ provider, client, mapType }));
    const measured = promised.map(({ provider, client }) => {
      const pair = report.measured.pairs.find((one) => one.provider === provider && one.client === client);
      return { provider, client, mapType: pair?.mapType };
    });
    expect(measured).toEqual(promised);
    for (const { provider, client, mapType } of report.measured.pairs) {
      const verdict = decide(predicted, provider, client);
      expect(verdict.mapType, `${formatBdf(provider)} → ${formatBdf(client)}`).toBe(mapType);
      confirmed++;
    }
    expect(groupSets(predicted)).toEqual(compareGroups(real).real);
    expect(acsContradictions(predicted, real)).toEqual([]);
    booted++;
  });

  afterAll(() => {
    process.stdout.write(`the kernel confirmed ${confirmed} verdicts of ${booted} boots with a proposed parameter\n`);
  });
});

/** Functions whose real ACS control differs from the predicted one in a bit that was foretold. */
function acsContradictions(predicted: Machine, real: Machine): string[] {
  return predicted.functions.flatMap(({ bdf, acs }) => {
    const now = real.functions.find((fn) => fn.bdf === bdf)?.acs;
    if (acs === null || isUnknown(acs) || now === undefined || now === null || isUnknown(now)) return [];
    const differing = (acs.control ^ now.control) & ~(acs.uncertain ?? 0);
    return differing === 0 ? [] : [`${formatBdf(bdf)}: foretold ${acs.control}, real ${now.control}`];
  });
}
