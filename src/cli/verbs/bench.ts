import { findDevice } from "../../host/select.ts";
import {
  type BenchPlan,
  type BenchProgress,
  destroyedText,
  fioJobFile,
  type JobRequest,
  planBench,
  requireWritePermission,
  runBench,
} from "../../live/bench/index.ts";
import { type Host, readHost } from "../../live/index.ts";
import { PeerlaneError } from "../../pci/error.ts";
import { type BenchView, benchBlocks, benchJson, rateText } from "../../report/live/bench/index.ts";
import { askForUnpublished } from "../ask-for-unpublished.ts";
import { confirm } from "../confirm.ts";
import { EXIT } from "../exit-codes.ts";
import { interruptible } from "../interruption.ts";
import type { OutputOptions } from "../options.ts";
import { ProgressLine, print, sayNote } from "../print.ts";
import { addressOf, type NamingOptions, shownHost } from "../sent-on.ts";
import { show } from "../show.ts";
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
  writeOutput(options.svg, await benchSvg(view));
}

function exitCodeOf({ outcome, sides }: BenchView): number {
  if (outcome === "refused" || outcome === "loses-data") return EXIT.no;
  const hasErrors = [sides.peer, sides.dram].some((side) => Object.keys(side?.errors ?? {}).length > 0);
  return outcome === "measured" && !hasErrors ? EXIT.yes : EXIT.failed;
}
