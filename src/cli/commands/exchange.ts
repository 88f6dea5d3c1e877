import { type Command, Option } from "commander";
import { addWhatIfOptions, SOURCE_HELP } from "../options.ts";
import { CAPTURE_FORMATS, type CaptureOptions } from "../verbs/capture-options.ts";
import type { ReportOptions } from "../verbs/report.ts";
import type { Finish } from "./finish.ts";

/** The verbs that hand a machine on: `capture`, `report`. */
export function addExchangeVerbs(program: Command, finish: Finish): void {
  program
    .command("capture")
    .description("one compressed file with all that the rules need, without serial numbers, MACs and host names")
    .argument("[source]", SOURCE_HELP)
    .option("--root <dir>", "read a folder that holds sys/ and proc/ instead of this host")
    .option(
      "-o, --output <file>",
      "write here (replaces what is there); without it, to standard output, where that is no terminal",
    )
    .addOption(new Option("--format <name>", "what to write").choices([...CAPTURE_FORMATS]).default(CAPTURE_FORMATS[0]))
    .option("--plain", "do not compress")
    .option("--debug", "show stack traces of errors")
    .addHelpText(
      "after",
      "\nExits with 0.\n\nExamples:\n  sudo peerlane capture -o server.json.gz     then, anywhere: peerlane matrix server.json.gz\n  sudo peerlane capture --format rdma-topo -o server.dump",
    )
    .action(async (source: string | undefined, options: CaptureOptions) => {
      const { runCapture } = await import("../verbs/capture.ts");
      finish(await runCapture(source, options));
    });
  const report = program
    .command("report")
    .description("all of it as one Markdown text, to paste into an issue tracker")
    .argument("[source]", SOURCE_HELP)
    .option("-o, --output <file>", "write here (replaces what is there) instead of to standard output");
  addWhatIfOptions(report)
    .option("--debug", "show stack traces of errors")
    .addHelpText(
      "after",
      "\nExits with 0.\n\nExamples:\n  sudo peerlane report > report.md\n  peerlane report dump.txt --kernel 7.2",
    )
    .action(async (source: string | undefined, options: ReportOptions) => {
      const { runReport } = await import("../verbs/report.ts");
      finish(await runReport(source, options));
    });
}
