import { randomBytes } from "node:crypto";
import { statSync } from "node:fs";
import type { BenchView } from "../../measured/bench.ts";
import { PeerlaneError } from "../../pci/error.ts";
import { isUnknown, type Known } from "../../pci/known.ts";
import { nameOf } from "../block/data-file.ts";
import { DirectFile } from "../block/direct-file.ts";
import { usesOf } from "../block/uses.ts";
import type { Host } from "../host.ts";
import { checkPath } from "./check.ts";
import { DramCounters } from "./dram-counters.ts";
import { MAX_FAILURES } from "./io-loop.ts";
import { reads, writes } from "./job.ts";
import { type BenchProgress, measure } from "./measure.ts";
import type { BenchPlan } from "./plan.ts";
import { type MeasuredSlice, ratioView, sideView, sliceView } from "./result.ts";
import { openSide, type Side } from "./side.ts";

/** How a run is watched and ended. */
export interface BenchWatch {
  /** Aborted: what is in flight is awaited, and the result is partial. */
  readonly signal: AbortSignal;
  readonly onProgress?: (progress: BenchProgress) => void;
}

/** Threads of libuv's pool where nothing is said. */
const DEFAULT_THREADS = 4;

/**
 * Runs a planned benchmark: claims the target where it writes, checks the peer path, measures, gives everything back. A
 * path that the kernel refuses or that loses data is a result, with `why`. Throws where the run cannot be made.
 */
export async function runBench(host: Host, plan: BenchPlan, watch: BenchWatch): Promise<BenchView> {
  requireThreads(plan.job.iodepth);
  const isWriting = writes(plan.job);
  const file = await DirectFile.open(plan.target, { access: isWriting ? "write" : "read", exclusive: isWriting });
  const sides: Side[] = [];
  let counters: Known<DramCounters> | undefined;
  try {
    const run = randomBytes(4).toString("hex");
    for (const name of plan.sides) sides.push(await openSide(host, plan, name, run));
    const fault = await faultOf(plan, file, sides);
    if (fault !== null) return { ...viewOf(host, plan, []), ...fault };
    counters = await DramCounters.open(host.tree);
    const slices = await measure({ ...plan, ...watch, descriptor: file.descriptor, sides, counters });
    return { ...viewOf(host, plan, slices), ...outcomeOf(plan, slices, watch.signal) };
  } finally {
    if (counters !== undefined && !isUnknown(counters)) counters.close();
    for (const { memory } of sides) memory.release();
    await file.close();
  }
}

function requireThreads(iodepth: number): void {
  const threads = Number(process.env["UV_THREADPOOL_SIZE"] ?? DEFAULT_THREADS);
  if (threads >= iodepth) return;
  throw new PeerlaneError("environment", `depth ${iodepth} needs as many threads, but libuv's pool has ${threads}`, {
    remedy: `set UV_THREADPOOL_SIZE=${iodepth} or more before Node starts (the program peerlane does, unless it is set)`,
  });
}

async function faultOf(
  { path, job }: BenchPlan,
  file: DirectFile,
  sides: readonly Side[],
): Promise<Pick<BenchView, "outcome" | "why"> | null> {
  const peer = sides.find(({ name }) => name === "peer");
  if (peer === undefined || path === null) return null;
  const fault = await checkPath(file, peer, job, path);
  return fault === null ? null : { outcome: fault.outcome, why: { what: fault.what, remedy: fault.remedy } };
}

function outcomeOf(
  plan: BenchPlan,
  slices: readonly MeasuredSlice[],
  { aborted }: AbortSignal,
): Pick<BenchView, "outcome" | "why"> {
  const worst = slices.find(({ tally }) => tally.failed >= MAX_FAILURES);
  if (worst !== undefined) {
    const errors = [...worst.tally.errors].map(([errno, count]) => `${count} × ${errno}`).join(", ");
    const what = `${nameOf(plan.target)} failed too often through ${worst.side === "peer" ? "peer memory" : "DRAM"}: ${errors}`;
    return { outcome: "failed", why: { what, remedy: "the kernel's log (dmesg) says more" } };
  }
  if (!aborted) return { outcome: "measured", why: null };
  const what = "interrupted: the figures are of the time until then; memory and target are given back";
  return { outcome: "partial", why: { what, remedy: null } };
}

function viewOf(host: Host, plan: BenchPlan, slices: readonly MeasuredSlice[]): BenchView {
  const { target, functions, job, table, path } = plan;
  const { sizeBytes, logicalBlockBytes } = target;
  const views = slices.map((slice) => sliceView(job, slice));
  const sides = { peer: sideView(job, slices, "peer"), dram: sideView(job, slices, "dram") };
  return {
    table,
    target: { name: nameOf(target), path: target.path, kind: target.kind, sizeBytes, logicalBlockBytes, functions },
    job,
    path,
    outcome: "measured",
    why: null,
    sides,
    ratio: ratioView(sides.peer, sides.dram, views),
    slices: views,
    notes: notesOf(host, plan),
  };
}

function notesOf({ tree }: Host, { target, job }: BenchPlan): readonly string[] {
  const uses = usesOf(tree, target);
  const inUse =
    uses.length === 0 ? [] : [`${nameOf(target)} is in use (${uses.join(", ")}): the I/O of others is in the figures`];
  if (target.kind === "device" || !reads(job)) return inUse;
  const allocated = statSync(target.path).blocks * 512;
  if (allocated >= target.sizeBytes) return inUse;
  return [
    ...inUse,
    `${target.path} has holes (${allocated} of ${target.sizeBytes} bytes are on the disk): reading them moves nothing`,
  ];
}
