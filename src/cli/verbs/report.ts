import type { Command } from "commander";
import packageFile from "../../../package.json" with { type: "json" };
import { selectDevices } from "../../host/select.ts";
import { machineReport } from "../../report/machine-report.ts";
import { whatIfView } from "../../report/what-if.ts";
import { decideAll } from "../../rules/verdict-table.ts";
import { EXIT } from "../exit-codes.ts";
import { addWhatIfOptions, rulesOf, SOURCE_HELP, type WhatIfOptions } from "../options.ts";
import { readSource } from "../read-source.ts";
import { treeInput } from "../show.ts";
import type { Finish } from "../verb.ts";
import { writeOutput } from "../write-output.ts";

/** Options of `report`. */
export interface ReportOptions extends WhatIfOptions {
  readonly output?: string;
  readonly html?: boolean;
}

/** Its arguments, options and help. */
export function declareReport(command: Command, finish: Finish): void {
  command
    .argument("[source]", SOURCE_HELP)
    .option("-o, --output <file>", "write here (replaces what is there) instead of to standard output");
  command.option("--html", "the page of peerlane serve in one file, with the machine in it");
  addWhatIfOptions(command)
    .option("--debug", "show stack traces of errors")
    .addHelpText(
      "after",
      "\nExits with 0.\n\nExamples:\n  sudo peerlane report > report.md\n  peerlane report dump.txt --kernel 7.2\n  peerlane report server.tar.gz --html -o server.html",
    )
    .action(async (source: string | undefined, options: ReportOptions) => {
      finish(await runReport(source, options));
    });
}

/** `peerlane report [SRC]`: everything as one Markdown text or one page, with what names a machine left out. */
export async function runReport(source: string | undefined, options: ReportOptions): Promise<number> {
  if (options.html === true) {
    const [{ pageMachines, pageWith }, { refuseRules }] = await Promise.all([
      import("../../server/page.ts"),
      import("./serve.ts"),
    ]);
    refuseRules(options);
    const asked = await readSource(source, options);
    writeOutput(options.output, pageWith(pageMachines(asked)));
    return EXIT.yes;
  }
  const { before, after, changes } = await readSource(source, options);
  const { redact } = await import("../../host/redaction/redact.ts");
  const { PeerRoutes } = await import("../../routes/peer-routes.ts");
  const { sourceTitle } = await import("../../host/redaction/names-of-source.ts");
  const title = sourceTitle(after.source);
  const machine = redact(after, title);
  const selection = { ...selectDevices(machine, { all: false }), ...rulesOf(options) };
  const table = decideAll(machine, selection);
  const whatIf = whatIfView(changes, changes.length === 0 ? table : decideAll(redact(before, title), selection), table);
  writeOutput(
    options.output,
    machineReport(treeInput(table), `peerlane ${packageFile.version}`, new PeerRoutes(table), changes, whatIf),
  );
  return EXIT.yes;
}
