import { decideAll } from "../../p2pdma/index.ts";
import { treeJson, treeText } from "../../report/index.ts";
import { EXIT } from "../exit-codes.ts";
import type { MachineOptions } from "../options.ts";
import { readSource } from "../read-source.ts";
import { show, treeInput } from "../show.ts";

/** `peerlane tree [SRC]`. */
export async function runTree(source: string | undefined, options: MachineOptions): Promise<number> {
  const machine = await readSource({ ...options, ...(source === undefined ? {} : { source }) });
  const rules = options.rules === undefined ? {} : { rules: options.rules };
  const input = treeInput(decideAll(machine, { ...rules, providers: [], clients: [] }));
  show(
    options,
    machine,
    () => treeJson(input),
    (screen) => treeText(input, screen),
  );
  return EXIT.yes;
}
