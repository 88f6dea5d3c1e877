import type { Command } from "commander";
import { selectDevices } from "../../host/select.ts";
import { treeJson } from "../../report/json.ts";
import { treeBlocks } from "../../report/screen-markdown.ts";
import { treeText } from "../../report/tree-text.ts";
import { whatIfView } from "../../report/what-if.ts";
import { decideAll } from "../../rules/verdict-table.ts";
import { EXIT } from "../exit-codes.ts";
import { addMachineOptions, type MachineOptions, rulesOf, SOURCE_HELP } from "../options.ts";
import { readSource } from "../read-source.ts";
import { shownMachine } from "../sent-on.ts";
import { show, treeInput } from "../show.ts";
import type { Finish } from "../verb.ts";

/** Its arguments, options and help. */
export function declareTree(command: Command, finish: Finish): void {
  command.argument("[source]", SOURCE_HELP);
  addMachineOptions(command)
    .addHelpText(
      "after",
      "\nExits with 0.\n\nExamples:\n  sudo peerlane tree\n  peerlane tree dump.txt --width 120 | less\n  peerlane tree dump.txt --move 05:00.0=under:02:01.0",
    )
    .action(async (source: string | undefined, options: MachineOptions) => {
      finish(await runTree(source, options));
    });
}

/** `peerlane tree [SRC]`. */
export async function runTree(source: string | undefined, options: MachineOptions): Promise<number> {
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
  show(options, {
    machine,
    json: () => treeJson(input),
    text: (screen) => treeText(input, screen, whatIf),
    blocks: () => treeBlocks(input, whatIf),
    whatIf,
  });
  return EXIT.yes;
}
