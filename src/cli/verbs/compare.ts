import type { Command } from "commander";
import { type Comparison, compareResults } from "../../compare/compare.ts";
import { PeerlaneError } from "../../pci/error.ts";
import { compareCsv } from "../../report/compare/csv.ts";
import { compareJson } from "../../report/compare/json.ts";
import { compareBlocks } from "../../report/compare/screen.ts";
import { askedBlocks, askedJson } from "../../report/what-if.ts";
import { readResults } from "../../results/read-results.ts";
import type { MeasuredResults } from "../../results/results.ts";
import { EXIT } from "../exit-codes.ts";
import { refuseAsResults } from "../file-kind.ts";
import {
  addCsvOption,
  addHostOptions,
  addMachineOptions,
  type HostOptions,
  type MachineOptions,
  rulesOf,
  SOURCE_HELP,
} from "../options.ts";
import { readResultsFile } from "../read-input-file.ts";
import { readSource } from "../read-source.ts";
import { shownMachine } from "../sent-on.ts";
import { printForm, show } from "../show.ts";
import type { Finish } from "../verb.ts";

/** Options of `compare`. */
export interface CompareOptions extends MachineOptions, HostOptions {
  readonly csv?: boolean;
}

/** Its arguments, options and help. */
export function declareCompare(command: Command, finish: Finish): void {
  command
    .argument("<results>", "what a measuring tool printed: a file, or - for standard input")
    .argument("[source]", SOURCE_HELP);
  addCsvOption(addMachineOptions(addHostOptions(command)), "a row for each figure")
    .addHelpText(
      "after",
      `
Reads nvbandwidth, p2pBandwidthLatencyTest, perftest (ib_write_bw …), nccl-tests, fio and peerlane bench, as text or JSON,
with whatever stands around it, and holds each figure against what is predicted of its devices on the machine:
as expected, low, better, within a range too wide to judge, or more than the links can carry, with what is likely behind
it. One text may hold both the results and a dump of the machine: name it twice.

Exits with 0 where figures are as expected or better and none is worse, 1 where some are low or impossible, 3 where none
could be judged.

Examples:
  sudo peerlane compare nvbandwidth.txt
  nvbandwidth | sudo peerlane compare -
  peerlane compare all_reduce.txt server.tar.gz --json
  peerlane compare p2p.txt server.tar.gz --append pci=disable_acs_redir=pci:1000:c030`,
    )
    .action(async (results: string, source: string | undefined, options: CompareOptions) => {
      finish(await runCompare(results, source, options));
    });
}

/** `peerlane compare RESULTS [SRC]`: exits by what the figures are. */
export async function runCompare(file: string, source: string | undefined, options: CompareOptions): Promise<number> {
  if (file === "-" && source === "-") {
    throw new PeerlaneError("usage", "results and machine cannot both come from standard input", {
      remedy: "give one of them as a file; a file that holds both is named twice",
    });
  }
  const results = readGiven(file);
  const { after, changes } = await readSource(source, options);
  const machine = shownMachine(after, options);
  // Results have the names of the machine's devices, also where the answer does not show them.
  const comparison = compareResults(machine, results, { ...rulesOf(options), named: after.functions });
  const isCsv = await printForm(options, { csv: async () => compareCsv(comparison) });
  if (!isCsv) {
    show(options, {
      machine,
      json: () => ({ ...compareJson(comparison), ...askedJson(changes) }),
      blocks: () => [...askedBlocks(changes), ...compareBlocks(comparison)],
    });
  }
  return exitCodeOf(comparison);
}

function readGiven(file: string): MeasuredResults {
  const text = readResultsFile(file);
  const name = file === "-" ? "standard input" : file;
  try {
    return readResults(text, name);
  } catch (error) {
    if (error instanceof PeerlaneError && error.code === "bad-input") refuseAsResults(name, text);
    throw error;
  }
}

function exitCodeOf({ counts }: Comparison): number {
  if (counts.low + counts.impossible > 0) return EXIT.no;
  return counts.expected + counts.better > 0 ? EXIT.yes : EXIT.unknown;
}
