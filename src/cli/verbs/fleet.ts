import { realpathSync } from "node:fs";
import { availableParallelism } from "node:os";
import { basename } from "node:path";
import { type Command, InvalidArgumentError, Option } from "commander";
import type { Shard } from "../../fleet/gather.ts";
import { fleetJson } from "../../fleet/json.ts";
import { serveWork, type WorkerEntry } from "../../fleet/pool.ts";
import { mergeShards, type PoolOptions, readFleet } from "../../fleet/read-fleet.ts";
import type { Fleet } from "../../fleet/result.ts";
import { writeResults } from "../../fleet/store.ts";
import type { OnCompare } from "../../fleet/tell.ts";
import { PeerlaneError } from "../../pci/error.ts";
import { documentMarkdown } from "../../report/document-markdown.ts";
import { documentText } from "../../report/document-text.ts";
import { fleetBlocks } from "../../report/fleet/screen.ts";
import { printableJson } from "../../report/printable.ts";
import { isSingleFile } from "../../vm/single-file.ts";
import { decodersOfNode } from "../decoders-of-node.ts";
import { EXIT } from "../exit-codes.ts";
import { addOutputOptions, type OutputOptions } from "../options.ts";
import { ProgressLine, print, sayNote } from "../print.ts";
import { readPciIds } from "../read-source.ts";
import { screenOf } from "../show.ts";
import type { Finish } from "../verb.ts";

/** Options of `fleet`. */
export interface FleetVerbOptions extends OutputOptions {
  readonly jobs?: number;
  readonly output?: string;
  readonly shard?: Shard;
  readonly worker?: boolean;
}

/** More workers than that read no faster from one disk. */
const MOST_JOBS = 256;

/** Its arguments, options and help. */
export function declareFleet(command: Command, finish: Finish): void {
  command
    .argument(
      "[sources...]",
      "folders, archives or files of snapshots, dumps and collected texts; - for standard input: paths, or snapshots, one a line",
    )
    .option(
      "-o, --output <folder>",
      "write machines.parquet, classes.parquet and causes.parquet there; go on where a run was ended",
    )
    .option("--shard <which>", "read one part of several, as 2/8; with --output, for peerlane fleet merge", parseShard)
    .option("--jobs <count>", "read with so many workers; without it, one for each CPU", parseJobs)
    .addOption(new Option("--worker", "how peerlane starts its own workers").hideHelp());
  addOutputOptions(command)
    .addHelpText(
      "after",
      `
Machines that are alike in all that matters are one class: devices and where they sit, links, ACS, sizes of BARs, drivers,
kernel, IOMMU. Bus numbers and addresses do not count. A class of at least 3 machines and 1 % of all is a kind of machine;
every other one is an outlier, held against the kind that it has most in common with. A machine is called as its file is,
without the ending.

merge FOLDER… puts the results of all shards together. A run with --output that was ended is begun again with the same words:
what it had read it does not read again, and the results are the same.

Exits with 0 where none differs, 1 where one does, 3 where none does and some could not be read.

Examples:
  peerlane fleet snapshots/
  peerlane fleet fleet.tar.gz --json
  peerlane fleet snapshots/ --shard 2/8 --output shard2
  peerlane fleet merge shard1 shard2 --output all
  find /srv/dumps -name '*.json.gz' | peerlane fleet -`,
    )
    .action(async (sources: readonly string[], options: FleetVerbOptions) => {
      if (options.worker === true) serveWork(TOOLS);
      else finish(await runFleet(sources, options));
    });
}

let pciIds: { readonly text: string | undefined } | undefined;
const TOOLS = {
  decoders: decodersOfNode,
  pciIds: (): string | undefined => {
    pciIds ??= { text: readPciIds() };
    return pciIds.text;
  },
};

function parseJobs(text: string): number {
  const jobs = Number(text);
  if (!Number.isInteger(jobs) || jobs < 1 || jobs > MOST_JOBS)
    throw new InvalidArgumentError(`it is a number from 1 to ${MOST_JOBS}`);
  return jobs;
}

function parseShard(text: string): Shard {
  const [, which = "0", count = "0"] = /^(\d{1,6})\/(\d{1,6})$/.exec(text) ?? [];
  const shard = { rest: Number(which) - 1, of: Number(count) };
  if (shard.of < 1 || shard.rest < 0 || shard.rest >= shard.of)
    throw new InvalidArgumentError("it is a part and how many there are, as 1/8 to 8/8");
  return shard;
}

/** `peerlane fleet SOURCE…` and `peerlane fleet merge FOLDER…`. Exits with 0 where no machine differs, 1 where one does, 3 where some could not be read. */
export async function runFleet(words: readonly string[], options: FleetVerbOptions): Promise<number> {
  if (words.length === 0) {
    throw new PeerlaneError("usage", "fleet needs sources", {
      remedy: "as in: peerlane fleet snapshots/; or - for standard input",
    });
  }
  const progress = new ProgressLine();
  const onCompare = (done: number, of: number): void => progress.show(`${done} of ${of} classes compared`);
  const pool = { jobs: options.jobs ?? availableParallelism(), worker: ownWorker(), tools: TOOLS };
  try {
    const fleet =
      words[0] === "merge"
        ? await merge(words.slice(1), options, { ...pool, onCompare })
        : await read(words, options, { ...pool, onCompare }, progress);
    progress.clear();
    const json = fleetJson(fleet);
    if (options.json === true) print(printableJson(json, 1));
    else if (options.markdown === true) print(documentMarkdown(fleetBlocks(json)));
    else print(documentText(fleetBlocks(json), screenOf(options)));
    if (json.machines.outliers > 0) return EXIT.no;
    return json.machines.failed > 0 || json.machines.read === 0 ? EXIT.unknown : EXIT.yes;
  } finally {
    progress.clear();
  }
}

type Pooled = PoolOptions & { readonly onCompare: OnCompare };

function read(
  sources: readonly string[],
  { output, shard }: FleetVerbOptions,
  pooled: Pooled,
  progress: ProgressLine,
): Promise<Fleet> {
  const start = performance.now();
  return readFleet(sources, {
    ...pooled,
    input: () => process.stdin,
    results: output,
    shard,
    onRead: (done) => {
      const perSecond = Math.round((done * 1000) / (performance.now() - start));
      progress.show(`${done} machines read, ${perSecond} a second`);
    },
    onResume: (known) => sayNote(`${known} machines were read by a run that was ended, and are not read again`),
  });
}

async function merge(folders: readonly string[], { output }: FleetVerbOptions, pooled: Pooled): Promise<Fleet> {
  if (folders.length === 0) {
    throw new PeerlaneError("usage", "fleet merge needs the folders of shards", {
      remedy: "as in: peerlane fleet merge shard1 shard2 --output all",
    });
  }
  const fleet = await mergeShards(folders, pooled);
  if (output !== undefined) writeResults(output, fleet);
  return fleet;
}

/** Workers run what was started by the same file; where that is another program's, all is read here. */
function ownWorker(): WorkerEntry | undefined {
  const file = process.argv[1];
  if (file === undefined || isSingleFile()) return undefined;
  const program = realpathSync(file);
  return basename(program) === "peerlane.cjs" ? { file: program, options: { argv: ["fleet", "--worker"] } } : undefined;
}
