import type { Command } from "commander";
import { compareMachines, type MachineDifference } from "../../advice/difference/machines.ts";
import { compareVerdicts } from "../../advice/difference/verdicts.ts";
import type { Machine } from "../../host/machine.ts";
import { keptRelease } from "../../host/redaction/kernel-release.ts";
import { PeerlaneError } from "../../pci/error.ts";
import { isUnknown, type Known } from "../../pci/known.ts";
import { type DifferenceView, differenceBlocks, diffJson } from "../../report/difference.ts";
import { decideAll } from "../../rules/verdict-table.ts";
import { EXIT } from "../exit-codes.ts";
import { addNamingOptions, addOutputOptions, type OutputOptions, rulesOf, SOURCE_HELP } from "../options.ts";
import { readSource } from "../read-source.ts";
import { type NamingOptions, shownMachine } from "../sent-on.ts";
import { show } from "../show.ts";
import type { Finish } from "../verb.ts";

/** Options of `diff`. */
export interface DiffOptions extends OutputOptions, NamingOptions {
  readonly rules?: string;
}

/** Its arguments, options and help. */
export function declareDiff(command: Command, finish: Finish): void {
  command
    .argument("<before>", SOURCE_HELP)
    .argument("[after]", "the other one; without it, this host")
    .option("--rules <release>", "the kernel release whose rules decide on both sides");
  addOutputOptions(addNamingOptions(command))
    .addHelpText(
      "after",
      "\nExits with 0 where nothing differs, 1 where something does.\n\nExamples:\n  peerlane diff before.json.gz after.json.gz\n  sudo peerlane diff yesterday.json.gz",
    )
    .action(async (before: string, after: string | undefined, options: DiffOptions) => {
      finish(await runDiff(before, after, options));
    });
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
  const read = [(await readSource(beforeSource, {})).after, (await readSource(afterSource, {})).after] as const;
  const [beforeMachine, machine] = [shownMachine(read[0], options), shownMachine(read[1], options)];
  const compared = [withKernelOf(read[0], beforeMachine), withKernelOf(read[1], machine)] as const;
  const before = decideAll(beforeMachine, rulesOf(options));
  const after = decideAll(machine, rulesOf(options));
  const view: DifferenceView = {
    difference: shownDifference(compareMachines(before.topology, after.topology, compared), options),
    verdicts: compareVerdicts(before, after),
    before: before.topology,
    after: after.topology,
  };
  show(options, { machine, json: () => diffJson(before, after, view), blocks: () => differenceBlocks(view) });
  return isSame(view) ? EXIT.yes : EXIT.no;
}

/** Two kernels differ by their whole releases, of which an answer may show less. */
function withKernelOf({ kernel: { release } }: Machine, shown: Machine): Machine {
  return { ...shown, kernel: { ...shown.kernel, release } };
}

function shownDifference(difference: MachineDifference, options: DiffOptions): MachineDifference {
  if (options.fullNames === true) return difference;
  const shown = <Release extends Known<string | null>>(release: Release): Release | string =>
    release === null || isUnknown(release) ? release : keptRelease(release);
  const facts = difference.facts.map((fact) =>
    fact.what === "kernel" ? { ...fact, before: shown(fact.before), after: shown(fact.after) } : fact,
  );
  return { ...difference, facts };
}

function isSame({ difference, verdicts }: DifferenceView): boolean {
  const { facts, added, removed, functions, groups } = difference;
  return [facts, added, removed, functions, groups, verdicts].every((list) => list.length === 0);
}
