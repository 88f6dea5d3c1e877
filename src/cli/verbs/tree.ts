import type { Command } from "commander";
import { selectDevices } from "../../host/select.ts";
import { treeJson } from "../../report/json.ts";
import { treeBlocks } from "../../report/screen-markdown.ts";
import { treeText } from "../../report/tree-text.ts";
import { whatIfView } from "../../report/what-if.ts";
import { decideAll } from "../../rules/verdict-table.ts";
import { EXIT } from "../exit-codes.ts";
import { addMachineOptions, addPictureOptions, type MachineOptions, rulesOf, SOURCE_HELP } from "../options.ts";
import { readSource } from "../read-source.ts";
import { type MoreForms, shownMachine } from "../sent-on.ts";
import { printForm, show, treeInput } from "../show.ts";
import type { Finish } from "../verb.ts";

/** Options of `tree`. */
export interface TreeOptions extends MachineOptions, MoreForms {
  readonly all?: boolean;
  readonly links?: boolean;
}

/** Its arguments, options and help. */
export function declareTree(command: Command, finish: Finish): void {
  command
    .argument("[source]", SOURCE_HELP)
    .option("--all", "each virtual function on a line of its own")
    .option("--links", "MaxPayload, MaxReadReq, Relaxed Ordering and Extended Tags, where the source shows them");
  addPictureOptions(addMachineOptions(command))
    .addHelpText(
      "after",
      `
What a screen is too narrow for is left out column by column, and named; in a pipe nothing is.

Exits with 0.

Examples:
  sudo peerlane tree
  sudo peerlane tree --links | less -S
  peerlane tree dump.txt --move 05:00.0=under:02:01.0
  peerlane tree server.tar.gz --svg > tree.svg
  peerlane tree server.tar.gz --dot | dot -Tpdf > tree.pdf`,
    )
    .action(async (source: string | undefined, options: TreeOptions) => {
      finish(await runTree(source, options));
    });
}

/** `peerlane tree [SRC]`. */
export async function runTree(source: string | undefined, options: TreeOptions): Promise<number> {
  const { before, after, changes } = await readSource(source, options);
  const machine = shownMachine(after, options);
  const isChanged = changes.length > 0;
  const selection = {
    ...(isChanged ? selectDevices(machine, { all: false }) : { providers: [], clients: [] }),
    ...rulesOf(options),
  };
  const table = decideAll(machine, selection);
  const whatIf = whatIfView(changes, isChanged ? decideAll(shownMachine(before, options), selection) : table, table);
  const input = treeInput(table);
  const detail = { all: options.all === true, links: options.links === true };
  const isPrinted = await printForm(options, {
    svg: async () => (await import("../../drawing/tree-svg.ts")).treeSvg(input, whatIf),
    dot: async () => (await import("../../drawing/tree-dot.ts")).treeDot(input, whatIf),
  });
  if (!isPrinted) {
    show(options, {
      machine,
      json: () => treeJson(input),
      text: (screen) => treeText(input, screen, whatIf, detail),
      isWhole: true,
      blocks: () => treeBlocks(input, whatIf, detail),
      whatIf,
    });
  }
  return EXIT.yes;
}
