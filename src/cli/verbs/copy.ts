import { type Command, InvalidArgumentError } from "commander";
import { type CopyPlan, planCopy } from "../../live/copy/plan.ts";
import {
  type CopyRequest,
  DEFAULT_CHUNK,
  DEFAULT_DEPTH,
  DEFAULT_SYNC_EVERY,
  MAX_CHUNK,
  MAX_DEPTH,
} from "../../live/copy/request.ts";
import type { CopyResult } from "../../live/copy/result.ts";
import { runCopy } from "../../live/copy/run.ts";
import { readHost } from "../../live/host.ts";
import { PeerlaneError } from "../../pci/error.ts";
import { shownShellWord } from "../../pci/shell-word.ts";
import { formatSize } from "../../pci/size.ts";
import { copyBlocks, copyPlanBlocks } from "../../report/live/copy/blocks.ts";
import { copyJson, copyPlanJson } from "../../report/live/copy/json.ts";
import { askForUnpublished } from "../ask-for-unpublished.ts";
import { confirm } from "../confirm.ts";
import { EXIT } from "../exit-codes.ts";
import { interruptible } from "../interruption.ts";
import { addOutputOptions, type OutputOptions } from "../options.ts";
import { ProgressLine } from "../print.ts";
import { show } from "../show.ts";
import { parseSize } from "../sizes.ts";
import type { Finish } from "../verb.ts";

/** Options of `copy`. */
export interface CopyOptions extends OutputOptions {
  readonly via?: string;
  readonly allowUnpublished?: boolean;
  readonly sourceOffset?: number;
  readonly targetOffset?: number;
  readonly length?: number;
  readonly chunk?: number;
  readonly depth?: number;
  readonly verify?: boolean;
  readonly resume?: boolean;
  readonly journal?: string;
  readonly syncEvery?: number;
  readonly fallback?: boolean;
  readonly yes?: boolean;
  readonly dryRun?: boolean;
}

/** Milliseconds between two updates of the progress. */
const PROGRESS_MS = 200;

/** Its arguments, options and help. */
export function declareCopy(command: Command, finish: Finish): void {
  command
    .argument(
      "<source>",
      "a disk, partition, NVMe controller, PCI address or file: nvme0n1, /dev/nvme0n1p2, nvme0, 03:00.0",
    )
    .argument("<target>", "likewise; a file that is not there is made")
    .option("--via <provider>", "the device whose memory to use, instead of the one the kernel would choose")
    .option("--allow-unpublished", "also memory that its driver did not publish, after a question; never that of GPUs")
    .option("--source-offset <bytes>", "start there in the source, as 64M", parseSize)
    .option("--target-offset <bytes>", "start there in the target", parseSize)
    .option("--length <bytes>", "copy so much; without it, up to the end of the source", parseSize)
    .option("--chunk <bytes>", "read and write so much at once (1M)", parseSize)
    .option("--depth <number>", "chunks in flight (4; at most 64)", parseDepth)
    .option("--verify", "read all back afterwards and compare every byte")
    .option("--resume", "go on where an earlier run ended")
    .option("--journal <file>", "where to note how far the copy came")
    .option(
      "--sync-every <bytes>",
      "flush the target and write the journal after so much (256M, and each second)",
      parseSize,
    )
    .option("--fallback", "copy through DRAM where no peer memory serves")
    .option("--yes", "overwrite the target, and take unpublished memory, without asking")
    .option("--dry-run", "show what would be done, and write nothing");
  addOutputOptions(command)
    .addHelpText(
      "after",
      `
The first chunk and some of the others are always read back and compared: memory that loses data is found out before
more is written.
Exits with 0 where all is copied, 1 where data was lost or the kernel takes no peer memory for the two, 4 where it ended
early: --resume goes on then.

Examples:
  sudo peerlane copy nvme0n1 nvme1n1 --verify
  sudo peerlane copy nvme0n1p2 /mnt/fast/image.raw --via nvme2
  sudo peerlane copy nvme0n1 nvme1n1 --length 1G --source-offset 64M --yes
  sudo peerlane copy nvme0n1 nvme1n1 --dry-run
  sudo peerlane copy nvme0n1 nvme1n1 --resume`,
    )
    .action(async (source: string, target: string, options: CopyOptions) => {
      finish(await runCopyVerb(source, target, options));
    });
}

/** `peerlane copy SRC DST`. */
export async function runCopyVerb(source: string, target: string, options: CopyOptions): Promise<number> {
  const plan = planCopy(readHost(), requestOf(source, target, options));
  const { machine } = plan.host;
  if (options.dryRun === true) {
    show(options, { machine, json: () => copyPlanJson(plan), blocks: () => copyPlanBlocks(plan) });
    return EXIT.yes;
  }
  const result = await interruptible(async (signal) => {
    const pools = plan.path.kind === "peer" ? [plan.path.choice.pool] : [];
    await askForUnpublished(machine, pools, options, signal);
    return runShown(plan, options, signal);
  });
  const command = resumeCommand(source, target, options);
  show(options, { machine, json: () => copyJson(result, command), blocks: () => copyBlocks(result, command) });
  if (result.failure !== null && result.loss === null) throw failureOf(result, command);
  return result.outcome === "copied" ? EXIT.yes : EXIT.no;
}

function requestOf(source: string, target: string, options: CopyOptions): CopyRequest {
  const chunkBytes = options.chunk ?? DEFAULT_CHUNK;
  if (chunkBytes > MAX_CHUNK) {
    throw new PeerlaneError("usage", `--chunk is larger than ${formatSize(MAX_CHUNK)}`, {
      remedy: "--depth keeps more in flight",
    });
  }
  return {
    ...{ source, target, chunkBytes },
    via: options.via ?? null,
    allowUnpublished: options.allowUnpublished === true,
    sourceOffsetBytes: options.sourceOffset ?? 0,
    targetOffsetBytes: options.targetOffset ?? 0,
    lengthBytes: options.length ?? null,
    depth: options.depth ?? DEFAULT_DEPTH,
    verify: options.verify === true,
    resume: options.resume === true,
    journal: options.journal ?? null,
    syncEveryBytes: Math.max(1, options.syncEvery ?? DEFAULT_SYNC_EVERY),
    fallback: options.fallback === true,
  };
}

async function runShown(plan: CopyPlan, options: CopyOptions, signal: AbortSignal): Promise<CopyResult> {
  const line = new ProgressLine();
  const progress = new CopyProgress(plan.ranges.lengthBytes, plan.resumed?.completedBytes ?? 0, line);
  try {
    return await runCopy(plan, {
      confirm: async (target, contents) => {
        if (options.yes !== true) await ask(target, contents, signal);
      },
      onBytes: (phase, done) => progress.update(phase, done),
      signal,
    });
  } finally {
    line.clear();
  }
}

/** Bytes, rate and remaining time, not too often. */
class CopyProgress {
  readonly #totalBytes: number;
  readonly #line: ProgressLine;
  #phase: "copy" | "verify" = "copy";
  #startMs = performance.now();
  #startBytes: number;
  #shownMs = 0;

  constructor(totalBytes: number, startBytes: number, line: ProgressLine) {
    this.#totalBytes = totalBytes;
    this.#startBytes = startBytes;
    this.#line = line;
  }

  update(phase: "copy" | "verify", doneBytes: number): void {
    const now = performance.now();
    if (phase !== this.#phase) {
      this.#phase = phase;
      this.#startMs = now;
      this.#startBytes = 0;
    }
    if (now - this.#shownMs < PROGRESS_MS) return;
    this.#shownMs = now;
    const rate = (doneBytes - this.#startBytes) / Math.max((now - this.#startMs) / 1000, 0.001);
    const percent = Math.floor((doneBytes / this.#totalBytes) * 100);
    const left = rate > 0 ? `, ${timeText((this.#totalBytes - doneBytes) / rate)} left` : "";
    const verb = phase === "copy" ? "copying" : "comparing";
    this.#line.show(
      `${verb} ${percent} %: ${formatSize(doneBytes)} of ${formatSize(this.#totalBytes)}, ${formatSize(Math.round(rate))}/s${left}`,
    );
  }
}

function timeText(seconds: number): string {
  const whole = Math.ceil(seconds);
  const two = (value: number): string => String(value).padStart(2, "0");
  return whole < 3600
    ? `${Math.floor(whole / 60)}:${two(whole % 60)}`
    : `${Math.floor(whole / 3600)}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`;
}

/** Asks before the target is overwritten. Throws `usage` where nobody can answer, or the answer is no. */
async function ask(
  target: CopyPlan["ends"]["target"],
  contents: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const about = [
    formatSize(target.sizeBytes),
    ...(target.kind === "device" && target.identity !== null ? [target.identity] : []),
    ...(contents.length === 0 ? [] : [`holds ${contents.join(" and ")}`]),
  ].join(", ");
  const question = `Overwrite ${target.path} (${about})? What is there will be lost.`;
  if (await confirm(question, "say --yes where that is meant; --dry-run shows what would be done", signal)) return;
  throw new PeerlaneError("operation-failed", "nothing was copied: the answer was not yes");
}

/** The command that goes on with this copy, to be pasted into a shell. */
function resumeCommand(source: string, target: string, options: CopyOptions): string {
  const values = { via: "via", "source-offset": "sourceOffset", "target-offset": "targetOffset" } as const;
  const sizes = {
    "sync-every": "syncEvery",
    length: "length",
    chunk: "chunk",
    depth: "depth",
    journal: "journal",
  } as const;
  const flags = { verify: "verify", fallback: "fallback", "allow-unpublished": "allowUnpublished" } as const;
  return [
    "peerlane copy",
    shownShellWord(source),
    shownShellWord(target),
    ...Object.entries({ ...values, ...sizes }).flatMap(([name, key]) =>
      options[key] === undefined ? [] : [`--${name}`, shownShellWord(String(options[key]))],
    ),
    ...Object.entries(flags).flatMap(([name, key]) => (options[key] === true ? [`--${name}`] : [])),
    "--resume",
  ].join(" ");
}

function failureOf({ failure, journal }: CopyResult, command: string): PeerlaneError {
  return new PeerlaneError("operation-failed", failure?.message ?? "the copy ended early", {
    remedy: [
      ...(failure === null || failure.kind === "interrupted" ? [] : [failure.remedy]),
      ...(journal === null ? [] : [`to go on: ${command}`]),
    ].join("; "),
  });
}

function parseDepth(text: string): number {
  const depth = Number(text);
  if (!Number.isInteger(depth) || depth < 1 || depth > MAX_DEPTH)
    throw new InvalidArgumentError(`a depth is 1 to ${MAX_DEPTH}`);
  return depth;
}
