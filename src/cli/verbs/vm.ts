import { readFileSync } from "node:fs";
import { PeerRoutes } from "../../fabric/index.ts";
import { ArchiveTree } from "../../host/archive.ts";
import { decompress } from "../../host/compression.ts";
import type { Machine } from "../../host/machine.ts";
import { parseScenario } from "../../host/scenario/index.ts";
import { readSysfs } from "../../host/sysfs.ts";
import { decideAll } from "../../p2pdma/index.ts";
import { PeerlaneError } from "../../pci/error.ts";
import { matrixBlocks, matrixText, vmBlocks, vmJson, vmText } from "../../report/index.ts";
import { bootScenario, type GuestReport, guestFiles } from "../../vm/index.ts";
import { EXIT } from "../exit-codes.ts";
import type { OutputOptions } from "../options.ts";
import { show } from "../show.ts";
import { ProgressLine } from "../terminal.ts";
import { writeOutput } from "../write-output.ts";

/** Options of `vm`. */
export interface VmOptions extends OutputOptions {
  readonly kernelImage?: string;
  readonly busybox?: string;
  readonly refresh?: boolean;
  readonly save?: string;
}

/** Signals that end a command; without a handler each would leave the guest running. */
const ENDING_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** `peerlane vm SCENARIO`: boots it and shows the rules' verdicts beside the kernel's own. */
export async function runVm(file: string, options: VmOptions): Promise<number> {
  const scenario = parseScenario(readScenario(file), file);
  const progress = new ProgressLine();
  const interrupt = new AbortController();
  const onSignal = (): void => interrupt.abort();
  for (const name of ENDING_SIGNALS) process.once(name, onSignal);
  try {
    const files = await guestFiles({
      ...(options.kernelImage === undefined ? {} : { kernelImage: options.kernelImage }),
      ...(options.busybox === undefined ? {} : { busybox: options.busybox }),
      refresh: options.refresh === true,
      progress: (message) => progress.show(message),
      signal: interrupt.signal,
    });
    progress.show(`booting ${scenario.name} in software emulation: some 6 seconds`);
    const report = await bootScenario(scenario, { files, signal: interrupt.signal });
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
  } catch (error) {
    if (interrupt.signal.aborted)
      throw new PeerlaneError("operation-failed", "interrupted; the guest is gone and nothing is left of it");
    throw error;
  } finally {
    progress.clear();
    for (const name of ENDING_SIGNALS) process.removeListener(name, onSignal);
  }
}

function readScenario(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new PeerlaneError("not-found", `cannot read ${file}`, {
      remedy: "name a scenario file; examples/ has some",
      cause,
    });
  }
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
    text: (screen) => matrixText(table, screen, undefined, routes) + vmText(table, report.measured, screen),
    blocks: () => [...matrixBlocks(table, undefined, routes), ...vmBlocks(table, report.measured)],
  });
  return agree ? EXIT.yes : EXIT.no;
}
