import { PeerRoutes } from "../../fabric/index.ts";
import { ArchiveTree } from "../../host/archive.ts";
import { decompress } from "../../host/compression.ts";
import type { Machine } from "../../host/machine.ts";
import { readSysfs } from "../../host/sysfs.ts";
import { PeerlaneError } from "../../pci/error.ts";
import { joinPrintable, matrixBlocks, matrixText, vmBlocks, vmJson, vmText } from "../../report/index.ts";
import { decideAll } from "../../rules/verdict-table.ts";
import { bootScenario, type GuestReport } from "../../vm/index.ts";
import { EXIT } from "../exit-codes.ts";
import type { OutputOptions } from "../options.ts";
import { show } from "../show.ts";
import { writeOutput } from "../write-output.ts";
import { type BootOptions, withBoot } from "./vm-boot.ts";

/** Options of `vm`. */
export interface VmOptions extends OutputOptions, BootOptions {
  readonly save?: string;
}

/** `peerlane vm SCENARIO`: boots it and shows the rules' verdicts beside the kernel's own. */
export async function runVm(file: string, options: VmOptions): Promise<number> {
  return withBoot(file, options, async ({ scenario, files, signal, progress, timeoutMs }) => {
    const report = await bootScenario(scenario, { files, signal, ...(timeoutMs === undefined ? {} : { timeoutMs }) });
    progress.clear();
    if (report.measured.pairs.length === 0)
      throw new PeerlaneError(
        "unsupported",
        "no device of this machine offers peer memory: the kernel had no pair to decide",
        {
          remedy: "give an NVMe controller a memory buffer: nvme: { cmb: 16M }",
        },
      );
    if (options.save !== undefined) writeOutput(options.save, report.tree);
    return showReport(await machineOf(report, scenario.name), report, options);
  });
}

async function machineOf(report: GuestReport, name: string): Promise<Machine> {
  return readSysfs(new ArchiveTree(await decompress(report.tree, name), name), { format: "archive" });
}

function showReport(machine: Machine, report: GuestReport, options: VmOptions): number {
  const unique = (pick: "provider" | "client") => [...new Set(report.measured.pairs.map((pair) => pair[pick]))];
  const table = decideAll(machine, { providers: unique("provider"), clients: unique("client") });
  const agree = report.measured.pairs.every(
    (pair) =>
      table.mapType(table.providers.indexOf(pair.provider), table.clients.indexOf(pair.client)) === pair.mapType,
  );
  const routes = new PeerRoutes(table);
  show(options, {
    machine,
    json: () => vmJson(table, report.measured),
    text: (screen) =>
      joinPrintable([matrixText(table, screen, undefined, routes), vmText(table, report.measured, screen)]),
    blocks: () => [...matrixBlocks(table, undefined, routes), ...vmBlocks(table, report.measured)],
  });
  return agree ? EXIT.yes : EXIT.no;
}
