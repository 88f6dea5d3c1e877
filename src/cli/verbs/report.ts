import packageFile from "../../../package.json" with { type: "json" };
import { machineReport } from "../../report/index.ts";
import { decideAll } from "../../rules/verdict-table.ts";
import { EXIT } from "../exit-codes.ts";
import { rulesOf, type WhatIfOptions } from "../options.ts";
import { readSource } from "../read-source.ts";
import { treeInput } from "../show.ts";
import { writeOutput } from "../write-output.ts";

/** Options of `report`. */
export interface ReportOptions extends WhatIfOptions {
  readonly output?: string;
}

/** `peerlane report [SRC]`: everything as one Markdown text, with what names a machine left out. */
export async function runReport(source: string | undefined, options: ReportOptions): Promise<number> {
  const { after, changes } = await readSource(source, options);
  const { redact } = await import("../../host/redaction/index.ts");
  const { PeerRoutes } = await import("../../fabric/index.ts");
  const table = decideAll(redact(after), rulesOf(options));
  writeOutput(
    options.output,
    machineReport(treeInput(table), `peerlane ${packageFile.version}`, new PeerRoutes(table), changes),
  );
  return EXIT.yes;
}
