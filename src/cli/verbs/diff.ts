import { compareMachines, compareVerdicts, decideAll } from "../../p2pdma/index.ts";
import { PeerlaneError } from "../../pci/error.ts";
import { type DifferenceView, differenceBlocks, diffJson } from "../../report/index.ts";
import { EXIT } from "../exit-codes.ts";
import { type OutputOptions, rulesOf } from "../options.ts";
import { readSource } from "../read-source.ts";
import { show } from "../show.ts";

/** Options of `diff`. */
export interface DiffOptions extends OutputOptions {
  readonly rules?: string;
}

/** `peerlane diff BEFORE [AFTER]`: without the second, this host. Exits with 1 where they differ, as `diff` does. */
export async function runDiff(
  beforeSource: string,
  afterSource: string | undefined,
  options: DiffOptions,
): Promise<number> {
  if (beforeSource === "-" && afterSource === "-") {
    throw new PeerlaneError("usage", "standard input holds one machine, not two", {
      remedy: "name a file for one side",
    });
  }
  const { after: beforeMachine } = await readSource(beforeSource, {});
  const { after: machine } = await readSource(afterSource, {});
  const before = decideAll(beforeMachine, rulesOf(options));
  const after = decideAll(machine, rulesOf(options));
  const view: DifferenceView = {
    difference: compareMachines(before.topology, after.topology, [beforeMachine, machine]),
    verdicts: compareVerdicts(before, after),
    before: before.topology,
    after: after.topology,
  };
  show(options, { machine, json: () => diffJson(before, after, view), blocks: () => differenceBlocks(view) });
  return isSame(view) ? EXIT.yes : EXIT.no;
}

function isSame({ difference, verdicts }: DifferenceView): boolean {
  const { facts, added, removed, functions, groups } = difference;
  return [facts, added, removed, functions, groups, verdicts].every((list) => list.length === 0);
}
