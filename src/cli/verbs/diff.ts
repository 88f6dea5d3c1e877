import type { Command } from "commander";
import { compareAll } from "../../advice/difference/compare-all.ts";
import { countAnswers, gotWorse } from "../../advice/difference/judge.ts";
import type { MachineDifference } from "../../advice/difference/machines.ts";
import type { Machine } from "../../host/machine.ts";
import { keptRelease } from "../../host/redaction/kernel-release.ts";
import { PeerlaneError } from "../../pci/error.ts";
import { isUnknown, type Known } from "../../pci/known.ts";
import { type DifferenceView, differenceBlocks, diffJson } from "../../report/difference.ts";
import { paragraph } from "../../report/document.ts";
import { askedBlocks, askedJson } from "../../report/what-if.ts";
import { EXIT } from "../exit-codes.ts";
import {
  addChangeOptions,
  addNamingOptions,
  addOutputOptions,
  type ChangeOptions,
  type OutputOptions,
  rulesOf,
  SOURCE_HELP,
} from "../options.ts";
import { readSource } from "../read-source.ts";
import { type NamingOptions, shownMachine } from "../sent-on.ts";
import { show } from "../show.ts";
import type { Finish } from "../verb.ts";

/** Options of `diff`. */
export interface DiffOptions extends OutputOptions, ChangeOptions, NamingOptions {
  readonly rules?: string;
}

/** Its arguments, options and help. */
export function declareDiff(command: Command, finish: Finish): void {
  command
    .argument("<before>", SOURCE_HELP)
    .argument("[after]", "the other one; without it, this host, or with what-ifs the first as it would be")
    .option("--rules <release>", "the kernel release whose rules decide on both sides");
  addOutputOptions(addNamingOptions(addChangeOptions(command)))
    .addHelpText("after", `\n${HELP}`)
    .action(async (before: string, after: string | undefined, options: DiffOptions) => {
      finish(await runDiff(before, after, options));
    });
}

const HELP = `Devices are matched by where they sit and what they are, not by bus number.

--kernel, --cpu and --iommu say what a source hides, on both sides. What the second one shows to be
different, and all that --append, --set and --move ask, is a what-if of the second. Of one source
and a what-if, the two sides are that source as it is and as it would be.

Exits with 0 where no answer got worse, also where something else differs; 1 where one did: a pair
that worked works no longer, goes a longer way, has a further gate or is gone with its device,
IOMMU groups merge or are gone, or functions that the IOMMU kept apart reach each other past it, as
a direct path does; 3 where that is not known of a pair, as what showed that it works, or
that nothing is in its way, is hidden in the second.

Examples:
  peerlane diff before.json.gz after.json.gz
  peerlane diff server.json.gz --iommu pt
  sudo peerlane diff yesterday.json.gz`;

/** Options that change the one source that was named. */
const CHANGING = ["kernel", "cpu", "iommu", "append", "set", "move"] as const;

/** `peerlane diff BEFORE [AFTER]`: without the second, this host, or with what-ifs the first as it would be; what is asked, is asked of the second. Exits with 1 where an answer got worse, 3 where that is not known. */
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
  const { kernel, cpu, iommu } = options;
  const facts = Object.fromEntries(Object.entries({ kernel, cpu, iommu }).filter(([, value]) => value !== undefined));
  // One source and what would be other about it: the two sides are that source before and after.
  const isSelf = afterSource === undefined && CHANGING.some((name) => options[name] !== undefined);
  const { before: unchanged, after: asked, changes } = await readSource(isSelf ? beforeSource : afterSource, options);
  const read = [isSelf ? unchanged : (await readSource(beforeSource, facts)).before, asked] as const;
  const shown = [shownMachine(read[0], options), shownMachine(read[1], options)] as const;
  const compared = [withKernelOf(read[0], shown[0]), withKernelOf(read[1], shown[1])] as const;
  const { before, after, difference, answers, verdicts } = compareAll(
    shown,
    compared,
    rulesOf(options),
    unchanged === asked ? shown[1] : shownMachine(unchanged, options),
  );
  const view: DifferenceView = {
    difference: shownDifference(difference, options),
    verdicts,
    answers,
    before: before.topology,
    after: after.topology,
  };
  show(options, {
    machine: after.machine,
    json: () => ({ ...diffJson(before, after, view), ...askedJson(changes) }),
    blocks: () => [
      ...(afterSource === undefined ? [paragraph(sidesText(shown, isSelf))] : []),
      ...askedBlocks(changes),
      ...differenceBlocks(view),
    ],
  });
  const isWorse = gotWorse(countAnswers(answers, difference.groups));
  if (isWorse === null) return EXIT.unknown;
  return isWorse ? EXIT.no : EXIT.yes;
}

/** What one source is compared with, where that was not said. */
function sidesText([before, after]: readonly [Machine, Machine], isSelf: boolean): string {
  return isSelf ? `${before.source.name}: as it is → as asked` : `${before.source.name} → ${after.source.name}`;
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
