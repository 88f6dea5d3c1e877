import { type Command, InvalidArgumentError } from "commander";
import { findDesign, MAPPING_DESIGNS } from "../../lab/designs/all-designs.ts";
import { LAB_LENGTHS, type LabOptions, type LabResult, runLab } from "../../lab/lab.ts";
import { findClass, MACHINE_CLASSES } from "../../lab/machines/all-classes.ts";
import { type MeasuredDesign, measureDesigns } from "../../lab/measure.ts";
import { outcomeOf } from "../../lab/outcome.ts";
import { runOnce } from "../../lab/run.ts";
import { parseRunId } from "../../lab/run-id.ts";
import { labStatements } from "../../lab/statements/all-statements.ts";
import { PeerlaneError } from "../../pci/error.ts";
import type { Printable } from "../../pci/visible.ts";
import type { Block } from "../../report/document.ts";
import { documentMarkdown } from "../../report/document-markdown.ts";
import { documentText } from "../../report/document-text.ts";
import type { JsonOutput } from "../../report/json-types.ts";
import { labBlocks } from "../../report/lab/blocks.ts";
import { labJson, replayJson } from "../../report/lab/json.ts";
import { labPage } from "../../report/lab/page.ts";
import { replayBlocks } from "../../report/lab/replay.ts";
import { printableJson } from "../../report/printable.ts";
import { EXIT } from "../exit-codes.ts";
import { addOutputOptions, listed, type OutputOptions } from "../options.ts";
import { ProgressLine, print } from "../print.ts";
import { screenOf } from "../show.ts";
import type { Finish } from "../verb.ts";

/** Options of `lab`. */
export interface LabVerbOptions extends OutputOptions {
  readonly designs?: readonly string[];
  readonly classes?: readonly string[];
  readonly longest?: number;
  readonly seed?: number;
  readonly time?: boolean;
}

/** Each measurement takes at least so long, in milliseconds. */
const LEAST_MS = 20;

/** Its arguments, options and help. */
export function declareLab(command: Command, finish: Finish): void {
  command
    .argument("[design]", "only this design, with what it says on each machine; or 'replay'")
    .argument("[id]", "the run to replay, as dma-map-resource:bus-offset:1:b")
    .option("--designs <names>", "only these designs", listed)
    .option("--classes <names>", "only these classes of machine", listed)
    .option("--longest <segments>", "lists up to this length, of 1, 2, 64 and 4096 segments", parseLength)
    .option("--seed <number>", "where the pages of the lists lie", parseSeed)
    .option("--time", "measure the time per segment of this implementation too");
  addOutputOptions(command)
    .addHelpText(
      "after",
      `
Exits with 0; replay with 0 where the run is right, 1 where it is not. All of it takes about a minute.

Examples:
  peerlane lab --longest 64
  peerlane lab dma-map-resource --classes one-switch,bus-offset
  peerlane lab replay dma-map-resource:bus-offset:1:b
  peerlane lab --designs special-pages,provider-ranges --classes iommu-strict --time`,
    )
    .action(async (design: string | undefined, id: string | undefined, options: LabVerbOptions) => {
      finish(runLabVerb(design, id, options));
    });
}

/** `peerlane lab`, `peerlane lab DESIGN`, `peerlane lab replay ID`. */
export function runLabVerb(word: string | undefined, id: string | undefined, options: LabVerbOptions): number {
  if (word === "replay") return replay(id, options);
  if (id !== undefined) {
    throw new PeerlaneError("usage", `lab takes one design, and '${id}' is a second word`, {
      remedy: "name several with --designs; a run is repeated with: peerlane lab replay ID",
    });
  }
  const result = runAll(word, options);
  const view = { result, statements: labStatements(result), measured: options.time === true ? measure(result) : [] };
  printForm(
    options,
    () => labJson(view),
    () => labBlocks(view),
    () => labPage(view),
  );
  return EXIT.yes;
}

function replay(id: string | undefined, options: LabVerbOptions): number {
  if (id === undefined) {
    throw new PeerlaneError("usage", "replay needs the id of a run", {
      remedy: "peerlane lab shows the ids, as in: peerlane lab replay dma-map-resource:bus-offset:1:b",
    });
  }
  const plan = parseRunId(id);
  const result = runOnce(plan);
  const blocks = (): readonly Block[] => replayBlocks(plan, result);
  printForm(
    options,
    () => replayJson(plan, result),
    blocks,
    () => documentMarkdown(blocks()),
  );
  return outcomeOf(result) === "right" ? EXIT.yes : EXIT.no;
}

function runAll(word: string | undefined, options: LabVerbOptions): LabResult {
  const names = [...(word === undefined ? [] : [word]), ...(options.designs ?? [])];
  const designs = names.length === 0 ? MAPPING_DESIGNS : names.map(findDesign);
  const classes = options.classes === undefined ? MACHINE_CLASSES : options.classes.map(findClass);
  const longest = options.longest ?? Number.POSITIVE_INFINITY;
  const lengths = LAB_LENGTHS.filter((length) => length <= longest);
  const asked: LabOptions = {
    designs,
    classes,
    lengths,
    ...(options.seed === undefined ? {} : { seed: options.seed }),
  };
  const progress = new ProgressLine();
  let done = 0;
  const onCell = (): void => progress.show(`${++done} of ${designs.length * classes.length}`);
  try {
    return runLab({ ...asked, onCell });
  } finally {
    progress.clear();
  }
}

/** On the first machine of the result, with all-peer lists of its longest length. */
function measure({ classes, designs, lengths, seed }: LabResult): readonly MeasuredDesign[] {
  const length = lengths.at(-1) ?? 1;
  const now = (): number => performance.now();
  const options = { designs, listKind: "all-peer", length, seed, now, leastMs: LEAST_MS } as const;
  const [kind] = classes;
  return kind === undefined ? [] : measureDesigns({ ...options, kind });
}

function printForm(
  options: OutputOptions,
  json: () => JsonOutput,
  blocks: () => readonly Block[],
  markdown: () => Printable,
): void {
  if (options.json === true) print(printableJson(json(), 1));
  else if (options.markdown === true) print(markdown());
  else print(documentText(blocks(), screenOf(options)));
}

const SEEDS = 1e9;

function parseSeed(text: string): number {
  const seed = Number(text);
  if (!Number.isInteger(seed) || seed < 0 || seed >= SEEDS)
    throw new InvalidArgumentError(`a seed is 0 to ${SEEDS - 1}`);
  return seed;
}

function parseLength(text: string): number {
  const length = Number(text);
  if (!Number.isInteger(length) || length < 1) throw new InvalidArgumentError("a list has at least one segment");
  return length;
}
