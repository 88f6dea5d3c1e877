import { type Command, Option } from "commander";
import type { Machine } from "../../host/machine.ts";
import { findDevices, selectDevices } from "../../host/select.ts";
import type { Bdf } from "../../pci/bdf.ts";
import { isKindHidden } from "../../pci/device-kind.ts";
import { matrixJson } from "../../report/matrix-json.ts";
import { matrixText } from "../../report/matrix-text.ts";
import { printableMatrix } from "../../report/printable.ts";
import { matrixBlocks } from "../../report/screen-markdown.ts";
import { type WhatIfView, whatIfView } from "../../report/what-if.ts";
import { decideAll, type VerdictTable } from "../../rules/verdict-table.ts";
import { EXIT } from "../exit-codes.ts";
import {
  addCsvOption,
  addHostOptions,
  addMachineOptions,
  addPictureOptions,
  type HostOptions,
  listed,
  type MachineOptions,
  rulesOf,
  SOURCE_HELP,
} from "../options.ts";
import { readSource } from "../read-source.ts";
import { type MoreForms, shownMachine } from "../sent-on.ts";
import { printForm, show, treeInput } from "../show.ts";
import type { Finish } from "../verb.ts";

/** Options of `matrix`. */
export interface MatrixOptions extends MachineOptions, HostOptions, MoreForms {
  readonly all?: boolean;
  readonly providers?: readonly string[];
  readonly clients?: readonly string[];
  readonly bandwidth?: boolean;
  readonly readBandwidth?: boolean;
}

/** Its arguments, options and help. */
export function declareMatrix(command: Command, finish: Finish): void {
  command
    .argument("[source]", SOURCE_HELP)
    .option(
      "--all",
      "every function with a memory BAR as provider (SSDs and NICs too), every one but bridges as client",
    )
    .option("--providers <names>", "only these providers: addresses, nvme0, 10de:2330, gpu, nic, nvme, accel", listed)
    .option("--clients <names>", "only these clients, likewise", listed)
    .addOption(
      new Option("--bandwidth", "in place of hops what each pair can carry of writes, in GB/s").conflicts([
        "svg",
        "dot",
      ]),
    )
    .addOption(new Option("--read-bandwidth", "the same of reads").conflicts(["svg", "dot", "bandwidth"]));
  addPictureOptions(addCsvOption(addMachineOptions(addHostOptions(command)), "a row for each pair"))
    .addHelpText(
      "after",
      `
Exits with 0, or with 3 where the source hides what decides each of the pairs, or which functions make pairs.

Examples:
  sudo peerlane matrix
  peerlane matrix dump.txt --cpu amd-zen --kernel 7.2
  ssh server sudo lspci -vvv | peerlane -
  peerlane matrix server.tar.gz --iommu passthrough --append pci=disable_acs_redir=00:04.0
  peerlane matrix server.tar.gz --providers nvme --clients nic --json
  peerlane matrix server.tar.gz --bandwidth
  peerlane matrix server.tar.gz --csv > pairs.csv
  peerlane matrix server.tar.gz --svg > matrix.svg`,
    )
    .action(async (source: string | undefined, options: MatrixOptions) => {
      finish(await runMatrix(source, options));
    });
}

/** `peerlane matrix [SRC]`. */
export async function runMatrix(source: string | undefined, options: MatrixOptions): Promise<number> {
  const { before, after, changes } = await readSource(source, options);
  const chosen = selectDevices(after, { all: options.all === true });
  const selection = {
    providers: named(after, options.providers) ?? chosen.providers,
    clients: named(after, options.clients) ?? chosen.clients,
    ...rulesOf(options),
  };
  const isChosen = options.providers !== undefined || options.clients !== undefined;
  const machine = shownMachine(after, options);
  const table = decideAll(machine, selection);
  const whatIf = whatIfView(
    changes,
    changes.length === 0 ? table : decideAll(shownMachine(before, options), selection),
    table,
  );
  if (options.bandwidth === true || options.readBandwidth === true) {
    await showBandwidth(options, table, whatIf);
    return isAllUnknown(table, isChosen) ? EXIT.unknown : EXIT.yes;
  }
  const isPrinted = await printForm(options, {
    csv: async () => (await import("../../report/matrix-csv.ts")).matrixCsv(table),
    svg: async () => (await import("../../drawing/matrix-svg.ts")).matrixSvg(table, whatIf),
    dot: async () => (await import("../../drawing/matrix-dot.ts")).matrixDot(table, whatIf),
  });
  if (!isPrinted) await showMatrix(options, table, whatIf);
  return isAllUnknown(table, isChosen) ? EXIT.unknown : EXIT.yes;
}

async function showMatrix(options: MatrixOptions, table: VerdictTable, whatIf: WhatIfView | undefined): Promise<void> {
  const { peerRoutesOf } = await import("../../routes/peer-routes.ts");
  const routes = peerRoutesOf(table);
  show(options, {
    machine: table.machine,
    json: () => matrixJson(treeInput(table), routes),
    jsonForm: printableMatrix,
    text: (screen) => matrixText(table, screen, whatIf, routes),
    blocks: () => matrixBlocks(table, whatIf, routes),
    whatIf,
  });
}

async function showBandwidth(
  options: MatrixOptions,
  table: VerdictTable,
  whatIf: WhatIfView | undefined,
): Promise<void> {
  const { bandwidthBlocks, bandwidthCsv, bandwidthJson, bandwidthText } = await import(
    "../../report/predict/matrix.ts"
  );
  if (await printForm(options, { csv: async () => bandwidthCsv(table) })) return;
  const operation = options.readBandwidth === true ? "read" : "write";
  show(options, {
    machine: table.machine,
    json: () => bandwidthJson(table),
    text: (screen) => bandwidthText(table, operation, screen),
    blocks: () => bandwidthBlocks(table, operation),
    whatIf,
  });
}

function named(machine: Machine, names: readonly string[] | undefined): readonly Bdf[] | undefined {
  if (names === undefined) return undefined;
  const wanted = new Set(names.flatMap((name) => findDevices(machine, name)));
  return machine.functions.map((fn) => fn.bdf).filter((bdf) => wanted.has(bdf));
}

/**
 * True when the source shows too little for any verdict but a function with itself; without a pair, where the devices
 * were not chosen and it hides the kinds of some.
 */
function isAllUnknown(table: VerdictTable, isChosen: boolean): boolean {
  let pairs = 0;
  for (let i = 0; i < table.providers.length; i++) {
    for (let j = 0; j < table.clients.length; j++) {
      if (table.providers[i] === table.clients[j]) continue;
      if (table.mapType(i, j) !== "unknown") return false;
      pairs++;
    }
  }
  return pairs > 0 || (!isChosen && table.machine.functions.some(isKindHidden));
}
