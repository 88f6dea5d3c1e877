import { expect } from "vitest";
import { type Advice, advise } from "../../src/advice/fix/advise.ts";
import type { ProvedFix } from "../../src/advice/fix/prove.ts";
import type { Machine } from "../../src/host/machine.ts";
import { parseScenario } from "../../src/host/scenario/parse-scenario.ts";
import type { Scenario } from "../../src/host/scenario/scenario.ts";
import { scenarioMachine } from "../../src/host/scenario/scenario-machine.ts";
import { selectDevices } from "../../src/host/select.ts";
import type { Bdf } from "../../src/pci/bdf.ts";
import { machineReport } from "../../src/report/machine-report.ts";
import { afterBoot } from "../../src/rules/boot-acs.ts";
import { expectedIommuGroups } from "../../src/rules/iommu-groups.ts";
import { decideAll, type VerdictTable } from "../../src/rules/verdict-table.ts";
import { qemuMachine } from "../../src/vm/qemu.ts";
import { asQemuBuilds } from "../../src/vm/qemu-ids.ts";
import { printedBlock, Root } from "../advice/pasted.ts";
import { hung } from "./combined-fixes.ts";

/**
 * What people paste: the block of commands that `report` and `fix` print for GRUB, run in a shell on GRUB's file; the words
 * that GRUB then hands to the kernel are booted. The machine has 224 redirected pairs: 29 NVMe controllers below four ports
 * that redirect, eight of them with memory for peers.
 */

/** A proposal carried out by its printed commands. */
export interface PastedBoot {
  readonly name: string;
  /** The machine with the words that GRUB hands to its kernel. */
  readonly scenario: Scenario;
  readonly machine: Machine;
  readonly fix: ProvedFix;
  /** Each address by itself: no function moves. */
  readonly present: ReadonlyMap<Bdf, Bdf>;
  /** The words that `/proc/cmdline` of the guest has to hold. */
  readonly commandLine: string;
}

/** QEMU's switches have no ACS: the four ports are functions of one device below a port that has none. */
const scenarioText = `kernel: 7.2
cpu: intel
iommu: strict
hostBridges:
  - below:
      - rootPort: { at: 04.0, id: 8086:3420, acs: false }
${["14.0", "15.0", "16.0", "17.0"]
  .map((at, index) => {
    const functions = [...Array<string>(2).fill("nvme: { cmb: 2M }"), ...Array<string>(index < 3 ? 6 : 3).fill("nvme")];
    return `      - rootPort: { at: ${at} }\n        below: [functions: [${functions.join(", ")}]]`;
  })
  .join("\n")}
`;
const scenario = asQemuBuilds(hung(parseScenario(scenarioText, "pasted.yaml")));
const machine = afterBoot(scenarioMachine(scenario));
const present = new Map(machine.functions.map(({ bdf }) => [bdf, bdf]));

/** By ids, from `report`, where the file has double quotes; and two ports by address, from `fix`, where it has single ones. */
export function pastedBoots(): readonly PastedBoot[] {
  const table = decideAll(machine, selectDevices(machine, { all: false }));
  const all = redirectedPairs(table);
  expect(all, "pairs that ACS redirects").toHaveLength(224);
  const { topology } = table;
  const portOf = (bdf: Bdf): number | undefined => topology.bridgesAbove(topology.indexOf(bdf))[0];
  const ports = [...new Set(all.map(({ provider }) => portOf(provider)))].slice(0, 2);
  const some = all.filter(({ provider, client }) => [provider, client].every((bdf) => ports.includes(portOf(bdf))));
  const [ofReport, ofFix] = [advise(machine, all, { slots: false }), advise(machine, some)];
  const report = machineReport({ table, expectedGroups: expectedIommuGroups(machine, topology) }, "a test");
  return [
    boot("a report's block for GRUB", ofReport, reportedBlock(String(report)), '"quiet"'),
    boot("a block of fix for GRUB", ofFix, printedBlock(ofFix, "GRUB with drop-ins"), "'quiet'"),
  ];
}

/** The pairs that ACS redirects. */
function redirectedPairs(table: VerdictTable): { readonly provider: Bdf; readonly client: Bdf }[] {
  return table.providers.flatMap((provider, i) =>
    table.clients.flatMap((client, j) => (provider !== client && table.redirected(i, j) ? [{ provider, client }] : [])),
  );
}

/** The first block of commands for GRUB in a report: a fence of Markdown. */
function reportedBlock(report: string): string {
  const [, block] = /^GRUB with drop-ins, as root:\n\n```\n([^`]*?)\n```$/m.exec(report) ?? [];
  if (block === undefined) throw new Error("the report has no block for GRUB");
  return block;
}

function boot(name: string, advice: Advice, block: string, quiet: string): PastedBoot {
  const [fix] = advice.fixes;
  if (fix === undefined) throw new Error("nothing is proposed");
  expect(fix.verdicts.filter(({ mapType }) => mapType !== "bus-addr")).toEqual([]);
  let remove = (): void => {};
  const file = { "etc/default/grub": `GRUB_CMDLINE_LINUX=${quiet}\n` };
  const root = new Root(file, undefined, (done) => {
    remove = done;
  });
  try {
    root.paste(block, "sh");
    const words = root.grubWords();
    expect(words).toEqual(["quiet", fix.titleByIds ?? fix.title]);
    const booted = { ...scenario, commandLine: words.join(" ") };
    return { name, scenario: booted, machine, fix, present, commandLine: qemuMachine(booted).commandLine };
  } finally {
    remove();
  }
}
