import { type Command, InvalidArgumentError, Option } from "commander";
import { findDevice } from "../../host/select.ts";
import { fioJobFile } from "../../live/bench/fio-job.ts";
import type { JobRequest } from "../../live/bench/job.ts";
import type { BenchProgress } from "../../live/bench/measure.ts";
import { type BenchPlan, planBench } from "../../live/bench/plan.ts";
import { runBench } from "../../live/bench/run.ts";
import { destroyedText, requireWritePermission } from "../../live/bench/write-permission.ts";
import { type Host, readHost } from "../../live/host.ts";
import { type BenchView, READ_WRITE } from "../../measured/bench.ts";
import { PeerlaneError } from "../../pci/error.ts";
import { benchBlocks } from "../../report/live/bench/blocks.ts";
import { benchJson } from "../../report/live/bench/json.ts";
import { rateText } from "../../report/live/bench/words.ts";
import { askForUnpublished } from "../ask-for-unpublished.ts";
import { confirm } from "../confirm.ts";
import { EXIT } from "../exit-codes.ts";
import { interruptible } from "../interruption.ts";
import { addNamingOptions, addOutputOptions, type OutputOptions } from "../options.ts";
import { ProgressLine, print, sayNote } from "../print.ts";
import { addressOf, type NamingOptions, shownHost } from "../sent-on.ts";
import { show } from "../show.ts";
import { parseSize } from "../sizes.ts";
import type { Finish } from "../verb.ts";
import { writeOutput } from "../write-output.ts";

/** Options of `bench`. */
export interface BenchOptions extends OutputOptions, JobRequest, NamingOptions {
  readonly via?: string;
  readonly allowUnpublished?: boolean;
  readonly peerOnly?: boolean;
  readonly dramOnly?: boolean;
  readonly allowWrite?: string;
  readonly yes?: boolean;
  readonly fio?: boolean;
  readonly svg?: string;
}

/** Its arguments, options and help. */
export function declareBench(command: Command, finish: Finish): void {
  command.argument("<device>", "a disk, partition or file: nvme0n1, nvme0, /dev/nvme0n1p2, a PCI address");
  addJobOptions(command);
  addSideOptions(command);
  addOutputOptions(addNamingOptions(command))
    .addHelpText(
      "after",
      `
Names and meanings of the options are fio's where fio has them. The sides take turns in slices of about a second, so that
a drift hits both alike, and go through the same offsets. Before anything is measured, one block is moved through peer
memory and compared with DRAM: a path that loses data is not measured.
Writing destroys what is in the range, and needs the target's name a second time, with --allow-write.

Exits with 0 where it was measured, 1 where the kernel refuses the path or the path loses data, 4 where I/O failed or it
was interrupted (the figures until then are shown).

Examples:
  sudo peerlane bench nvme1
  sudo peerlane bench nvme1 --rw randread --bs 4k --iodepth 32 --via nvme0 --svg result.svg
  sudo peerlane bench nvme1 --rw write --allow-write nvme1 --json
  sudo peerlane bench nvme1 --rw randrw --fio > job.fio`,
    )
    .action(async (device: string, options: BenchOptions) => {
      finish(await runBenchVerb(device, options));
    });
}

/** `peerlane bench DEVICE`: through peer memory and through DRAM, side by side. */
export async function runBenchVerb(target: string, options: BenchOptions): Promise<number> {
  const real = readHost();
  const host = shownHost(real, options);
  const { via } = options;
  const plan = planOf(host, addressOf(real.machine, target), {
    ...options,
    ...(via === undefined ? {} : { via: addressOf(real.machine, via) }),
  });
  if (options.fio === true) {
    print(
      fioJobFile({
        job: plan.job,
        path: plan.target.path,
        provider: plan.path?.provider.bdf ?? null,
        hasDram: plan.sides.includes("dram"),
      }),
    );
    return EXIT.yes;
  }
  requireWritePermission(host.tree, plan, options.allowWrite);
  const view = await interruptible(async (signal) => {
    await askForUnpublished(host.machine, plan.pool === null ? [] : [plan.pool], options, signal);
    const destroyed = destroyedText(plan);
    if (
      destroyed !== null &&
      options.yes !== true &&
      !(await confirm(`${destroyed}.`, "say --yes where that is what you want", signal))
    )
      return null;
    if (destroyed !== null && options.yes === true) sayNote(destroyed);
    return runWatched(host, plan, signal);
  });
  if (view === null) throw new PeerlaneError("operation-failed", "nothing was done: you did not say yes");
  await showView(view, options);
  return exitCodeOf(view);
}

function planOf(host: Host, target: string, options: BenchOptions): BenchPlan {
  const { via, allowUnpublished = false, peerOnly, dramOnly } = options;
  const only = peerOnly === true ? "peer" : dramOnly === true ? "dram" : undefined;
  return planBench(host, {
    target,
    job: options,
    allowUnpublished,
    ...(only === undefined ? {} : { only }),
    ...(via === undefined ? {} : { via: findDevice(host.machine, via) }),
  });
}

async function runWatched(host: Host, plan: BenchPlan, signal: AbortSignal): Promise<BenchView> {
  const progress = new ProgressLine();
  try {
    return await runBench(host, plan, { signal, onProgress: (now) => progress.show(progressText(now)) });
  } finally {
    progress.clear();
  }
}

function progressText({ side, isRamp, bytesPerSecond, remainingSeconds }: BenchProgress): string {
  const where = side === "peer" ? "peer memory" : "DRAM";
  return `${isRamp ? "warming up" : "measuring"} through ${where}: ${rateText(bytesPerSecond)}, ${Math.ceil(remainingSeconds)} s to go`;
}

async function showView(view: BenchView, options: BenchOptions): Promise<void> {
  show(options, { machine: view.table.machine, json: () => benchJson(view), blocks: () => benchBlocks(view) });
  if (options.svg === undefined) return;
  if (view.slices.length === 0) {
    sayNote(`${options.svg} was not written: there are no figures to draw`);
    return;
  }
  const { benchSvg } = await import("../../report/live/bench/plot.ts");
  writeOutput(options.svg, benchSvg(view));
}

function exitCodeOf({ outcome, sides }: BenchView): number {
  if (outcome === "refused" || outcome === "loses-data") return EXIT.no;
  const hasErrors = [sides.peer, sides.dram].some((side) => Object.keys(side?.errors ?? {}).length > 0);
  return outcome === "measured" && !hasErrors ? EXIT.yes : EXIT.failed;
}

function addJobOptions(command: Command): void {
  command
    .addOption(new Option("--rw <kind>", "what to do").choices(READ_WRITE).default("read"))
    .option("--rwmixread <percent>", "reads of a mixed job (70)", parseNumber)
    .option("--bs <size>", "bytes of one read or write (128k)", parseSize)
    .option("--iodepth <count>", "reads and writes in flight, up to 64 (8)", parseCount)
    .option("--runtime <seconds>", "how long each side is measured (10)", parseSeconds)
    .option("--ramp <seconds>", "how long each side runs before that (1)", parseSeconds)
    .option("--offset <size>", "where the range begins (0)", parseSize)
    .option("--size <size>", "bytes of the range (all that follow)", parseSize)
    .option("--seed <number>", "what random offsets are made of (1)", parseCount);
}

function addSideOptions(command: Command): void {
  command
    .option("--via <provider>", "whose memory to use, instead of the one that the kernel would choose")
    .addOption(
      new Option(
        "--allow-unpublished",
        "also memory that its driver did not publish, after a question; never that of GPUs",
      ).conflicts("dramOnly"),
    )
    .addOption(new Option("--peer-only", "leave DRAM out").conflicts("dramOnly"))
    .addOption(new Option("--dram-only", "leave peer memory out").conflicts(["peerOnly", "via"]))
    .option("--allow-write <device>", "let it write to this target; has to name the same one")
    .option("--yes", "do not ask before writing, or taking unpublished memory")
    .option("--fio", "print the equal job file for fio instead of running")
    .option("--svg <file>", "draw throughput and latency (replaces what is there)");
}

function parseNumber(text: string): number {
  const value = Number(text);
  if (!/^\d+(\.\d+)?$/.test(text) || !Number.isFinite(value)) throw new InvalidArgumentError("it is no number");
  return value;
}

function parseCount(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) throw new InvalidArgumentError("it is no whole number");
  return value;
}

/** `10`, `2.5`, `10s`, `500ms`, `2m`. */
function parseSeconds(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m)?$/.exec(text);
  if (match === null) throw new InvalidArgumentError("a time is a number of seconds, or as 500ms, 10s, 2m");
  const factor = match[2] === "ms" ? 0.001 : match[2] === "m" ? 60 : 1;
  return Number(match[1]) * factor;
}
