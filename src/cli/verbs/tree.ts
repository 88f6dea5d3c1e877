import { selectDevices } from "../../host/select.ts";
import { treeBlocks, treeJson, treeText, whatIfView } from "../../report/index.ts";
import { decideAll } from "../../rules/verdict-table.ts";
import { EXIT } from "../exit-codes.ts";
import { type MachineOptions, rulesOf } from "../options.ts";
import { readSource } from "../read-source.ts";
import { shownMachine } from "../sent-on.ts";
import { show, treeInput } from "../show.ts";

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
