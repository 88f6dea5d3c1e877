import { type Command, InvalidArgumentError } from "commander";
import { findDevices } from "../../host/select.ts";
import { readHost } from "../../live/host.ts";
import { choosePools, leftAlonePools } from "../../live/pools/choose-pools.ts";
import { probe } from "../../live/probe/probe.ts";
import { type ForeignData, restoreRescue } from "../../live/probe/restore.ts";
import type { ProbeResult } from "../../live/probe/result.ts";
import { QUICK_SIZES } from "../../live/probe/trials.ts";
import { PeerlaneError } from "../../pci/error.ts";
import { formatSize } from "../../pci/size.ts";
import { probeBlocks } from "../../report/live/probe/blocks.ts";
import { probeJson } from "../../report/live/probe/json.ts";
import { screenText } from "../../report/printable.ts";
import { askForUnpublished } from "../ask-for-unpublished.ts";
import { confirm } from "../confirm.ts";
import { EXIT } from "../exit-codes.ts";
import { interruptible } from "../interruption.ts";
import { addNamingOptions, addOutputOptions, type OutputOptions, repeated } from "../options.ts";
import { ProgressLine, print } from "../print.ts";
import { addressOf, type NamingOptions, shownHost } from "../sent-on.ts";
import { show } from "../show.ts";
import { parseSize } from "../sizes.ts";
import type { Finish } from "../verb.ts";

/** Options of `probe`. */
export interface ProbeOptions extends OutputOptions, NamingOptions {
  readonly via?: readonly string[];
  readonly allowUnpublished?: boolean;
  readonly allowWrite?: readonly string[];
  readonly writeAt?: number;
  readonly sizes?: readonly number[];
  readonly quick?: boolean;
  readonly restore?: string;
  readonly yes?: boolean;
}

const EXITS: Readonly<Record<ProbeResult["answer"], number>> = {
  yes: EXIT.yes,
  no: EXIT.no,
  unknown: EXIT.unknown,
  nothing: EXIT.failed,
};

/** Its arguments, options and help. */
export function declareProbe(command: Command, finish: Finish): void {
  command
    .argument(
      "[devices...]",
      "disks, partitions, controllers or PCI addresses; without them, every disk of a PCI device",
    )
    .option("--via <provider>", "only the memory of this provider (may be repeated)", repeated)
    .option("--allow-unpublished", "also memory that its driver did not publish, after a question; never that of GPUs")
    .option(
      "--allow-write <target>",
      "also test writes, on the end of this unused disk or partition: saved before, put back after (may be repeated)",
      repeated,
    )
    .option("--write-at <offset>", "where on the target, as 0 or 512M", parseBlocks)
    .option("--sizes <list>", "sizes of I/O (4K,64K,1M)", parseSizes)
    .option("--quick", "one size only (64K)")
    .option("--restore <file>", "put back what a killed probe left in a rescue file")
    .option(
      "--yes",
      "do not ask: with --restore, also where somebody else has written meanwhile, or a disk without a serial number may be another; with --allow-unpublished, go on",
    );
  addOutputOptions(addNamingOptions(command))
    .addHelpText(
      "after",
      `
Without --allow-write or --restore nothing is written to any disk. Memory of GPUs and accelerators is left alone: jobs
run in it. Needs Linux 6.2 or newer and root.
Exits with 0 where all named pairs work with right data (without names: where every pair behaves as the rules say),
1 where data is lost, rules and kernel disagree or a named pair does not work, 3 where something could not be told,
4 where nothing could be tested.

Examples:
  sudo peerlane probe
  sudo peerlane probe nvme1 --via nvme0
  sudo peerlane probe --allow-write nvme1n1p3
  sudo peerlane probe --quick --json | jq '.pairs[] | select(.class != "fine")'`,
    )
    .action(async (names: readonly string[], options: ProbeOptions) => {
      finish(await runProbe(names, options));
    });
}

/** `peerlane probe [DEVICE…]`, and `peerlane probe --restore FILE`. */
export async function runProbe(names: readonly string[], options: ProbeOptions): Promise<number> {
  if (options.restore !== undefined) return restore(options.restore, names, options);
  if (options.yes === true && options.allowUnpublished !== true) {
    throw new PeerlaneError(
      "usage",
      "--yes answers questions of --restore and --allow-unpublished, and none is asked",
      {
        remedy: "leave it out: --allow-write TARGET is the permission to write",
      },
    );
  }
  if (options.writeAt !== undefined && options.allowWrite === undefined) {
    throw new PeerlaneError("usage", "--write-at says where to write, and nothing may be written", {
      remedy: "add --allow-write TARGET",
    });
  }
  const real = readHost();
  const { allowUnpublished = false } = options;
  const via = (options.via ?? []).map((word) => findDevices(real.machine, word));
  const host = shownHost(real, options);
  const pools = choosePools(host, { allowUnpublished }, via);
  await interruptible((signal) => askForUnpublished(host.machine, pools, options, signal));
  const chosen = { pools, leftAlone: via.length > 0 ? [] : leftAlonePools(host, { allowUnpublished }) };
  const addresses = names.map((name) => addressOf(real.machine, name));
  const result = await measure(host, addresses, chosen, options);
  show(options, { machine: host.machine, json: () => probeJson(result), blocks: () => probeBlocks(result) });
  return EXITS[result.answer];
}

async function measure(
  host: ReturnType<typeof readHost>,
  names: readonly string[],
  chosen: Pick<Parameters<typeof probe>[1], "pools" | "leftAlone">,
  options: ProbeOptions,
): Promise<ProbeResult> {
  const progress = new ProgressLine();
  const sizes = options.sizes ?? (options.quick === true ? QUICK_SIZES : undefined);
  return interruptible(async (signal) => {
    try {
      return await probe(host, {
        names,
        ...chosen,
        writable: options.allowWrite ?? [],
        ...(options.writeAt === undefined ? {} : { writeAt: options.writeAt }),
        ...(sizes === undefined ? {} : { sizes }),
        signal,
        progress: (message) => progress.show(message),
      });
    } catch (error) {
      // What could not be put back is worse than the interruption.
      if (!signal.aborted || error instanceof PeerlaneError) throw error;
      throw new PeerlaneError(
        "operation-failed",
        "interrupted; peer memory is given back, and the disks are as they were",
      );
    } finally {
      progress.clear();
    }
  });
}

async function restore(file: string, names: readonly string[], { yes }: ProbeOptions): Promise<number> {
  if (names.length > 0) {
    throw new PeerlaneError("usage", "--restore finds the device by itself", {
      remedy: "leave out the names: the file says which device it is of",
    });
  }
  const { tree } = readHost();
  const { device, start, sizeBytes } = await interruptible((signal) =>
    restoreRescue(tree, file, async (foreign) => {
      if (yes !== true) await askToOverwrite(foreign, signal);
    }),
  );
  const done = `${formatSize(sizeBytes)} at ${start} of ${device.name} are as they were; ${file} is removed`;
  print(screenText([done], { color: false }));
  return EXIT.yes;
}

/** Throws where the range shall stay as it is, or nobody can be asked. */
async function askToOverwrite(foreign: ForeignData, signal: AbortSignal): Promise<void> {
  const { device, start, sizeBytes, foreignBlocks, blocks, isUncertain } = foreign;
  const place = `${formatSize(sizeBytes)} at ${start} of ${device.name}`;
  const why = [
    ...(isUncertain
      ? [`nothing but its name and size says that ${device.name} is the disk that this was saved of`]
      : []),
    ...(foreignBlocks > 0
      ? [`${foreignBlocks} of ${blocks} blocks of ${place} were written by somebody else since they were saved`]
      : []),
  ];
  const question = `${why.join(", and ")}. Overwrite ${place} with what was saved?`;
  const remedy = "look at what is there; --yes overwrites it, and where it shall stay the rescue file can be deleted";
  if (await confirm(question, remedy, signal)) return;
  throw new PeerlaneError("operation-failed", "nothing was put back: the answer was not yes");
}

/** More memory of a provider is never taken for one I/O. */
const MAX_SIZE = 2 * 1024 * 1024;
const BLOCK_BYTES = 512;

/** A size of whole blocks. */
function parseBlocks(text: string): number {
  const bytes = parseSize(text);
  if (bytes % BLOCK_BYTES === 0) return bytes;
  throw new InvalidArgumentError("write whole blocks of 512 bytes, as 4096, 4K or 1M");
}

function parseSizes(text: string): readonly number[] {
  const sizes = text.split(",").map(parseBlocks);
  if (sizes.some((size) => size === 0 || size > MAX_SIZE)) {
    throw new InvalidArgumentError("a size is 512 to 2M: no more memory of a provider is taken");
  }
  return sizes;
}
