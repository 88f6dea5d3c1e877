import { formatBdf } from "../../pci/bdf.ts";
import { PeerlaneError } from "../../pci/error.ts";
import type { LossView, VerificationView } from "../../report/live/copy/view.ts";
import { type DataFile, nameOf } from "../block/data-file.ts";
import { mapSystemMemory, type TransferMemory } from "../memory/transfer-memory.ts";
import { KernelLog } from "../messages/kernel-log.ts";
import type { Comparison } from "./compare.ts";
import { type CopyFailure, describeFailure, INTERRUPTED, sourceChanged, whoIsGoneAfter } from "./failures.ts";
import type { Journal } from "./journal.ts";
import { JournalFile } from "./journal-file.ts";
import { OpenEnds } from "./open-ends.ts";
import { type CopyMemory, takeMemory } from "./path.ts";
import type { CopyPlan } from "./plan.ts";
import { DEFAULT_CHUNK } from "./request.ts";
import type { CopyResult } from "./result.ts";
import { journalSideOf, proveLastPart } from "./resume.ts";
import { type IoFailure, truncateTo } from "./sides.ts";
import { SourceWatch } from "./source-watch.ts";
import { type TransferCount, type TransferEnd, transfer } from "./transfer.ts";
import { verifyRange } from "./verify.ts";

/** What a copy tells and asks while it runs. */
export interface CopyHooks {
  /** Before something is overwritten: `contents` is what is known to be there. Throws where it must not be. */
  readonly confirm: (target: DataFile, contents: readonly string[]) => Promise<void>;
  readonly onBytes: (phase: "copy" | "verify", doneBytes: number) => void;
  readonly signal: AbortSignal;
}

/** Carries a plan out. Whatever happens, nothing is in flight afterwards, memory and locks are given back. */
export async function runCopy(plan: CopyPlan, hooks: CopyHooks): Promise<CopyResult> {
  const run = new CopyRun(plan, hooks);
  try {
    return await run.run();
  } finally {
    await run.release();
  }
}

class CopyRun {
  readonly #plan: CopyPlan;
  readonly #hooks: CopyHooks;
  readonly #log: KernelLog;
  readonly #count: TransferCount = { memoryBytes: 0, cpuBytes: 0 };
  readonly #warnings: string[];
  readonly #ends: OpenEnds;
  #journalFile: JournalFile | null = null;
  #held: TransferMemory[] = [];
  readonly #watch: SourceWatch;
  #journalledBytes: number;
  /** Whether the kernel may have said something worth showing. */
  #hasMessages = false;

  constructor(plan: CopyPlan, hooks: CopyHooks) {
    this.#plan = plan;
    this.#hooks = hooks;
    this.#log = KernelLog.open(undefined, plan.host.system);
    this.#warnings = [...plan.warnings];
    this.#watch = new SourceWatch(plan.host, plan.ends);
    this.#ends = new OpenEnds(plan.host, plan.ends);
    this.#journalledBytes = plan.resumed?.completedBytes ?? 0;
  }

  async run(): Promise<CopyResult> {
    const plan = this.#plan;
    await this.#open();
    const taken = await this.#takeMemory(plan.path);
    await this.#ends.makeTarget();
    const staging = await this.#hold(
      // A second try through DRAM has chunks as large as they were planned.
      mapSystemMemory(2 * Math.max(plan.chunkBytes, plan.resumed?.chunkBytes ?? 0)),
    );
    const slot = { memory: staging, sourceAt: 0, targetAt: staging.sizeBytes / 2 };
    const { monotonicMs } = plan.host.system;
    const started = monotonicMs();
    const usage = process.cpuUsage();
    let result = await this.#transfer(taken, slot);
    let used = taken;
    const reason = plan.request.fallback ? await this.#whyFallBack(taken, result) : null;
    if (reason !== null) {
      used = await this.#fallBack(taken, reason);
      result = await this.#transfer(used, slot);
    }
    const { user, system } = process.cpuUsage(usage);
    const seconds = (monotonicMs() - started) / 1000;
    const times = { seconds, cpuSeconds: (user + system) / 1e6 };
    if (result.kind === "refused") throw await this.#refused(used, result.failure);
    return await this.#conclude(used, result, times);
  }

  /** Gives back all that is held; may be called at any time. */
  async release(): Promise<void> {
    for (const memory of this.#held.splice(0)) memory.release();
    await this.#ends.close();
    this.#journalFile?.close();
    this.#journalFile = null;
    this.#log.close();
  }

  async #hold<T extends TransferMemory>(memory: Promise<T>): Promise<T> {
    const taken = await memory;
    this.#held.push(taken);
    return taken;
  }

  async #open(): Promise<void> {
    const { ends, resumed, journalPath } = this.#plan;
    await this.#ends.open();
    if (resumed === null && !ends.isNew && (ends.target.kind === "device" || ends.target.sizeBytes > 0)) {
      await this.#hooks.confirm(ends.target, await this.#ends.contentsOfTarget());
    }
    this.#ends.requireUnchangedTarget();
    this.#journalFile = await JournalFile.open(journalPath, this.#plan.host.system);
    if (resumed !== null && this.#journalFile.read()?.completedBytes !== resumed.completedBytes) {
      throw new PeerlaneError("environment", "another copy has just changed the journal", { remedy: "run it again" });
    }
  }

  async #takeMemory(path: CopyPlan["path"]): Promise<CopyMemory> {
    const { host, depth, chunkBytes, unitBytes, request } = this.#plan;
    const { fallback } = request;
    const taken = await takeMemory(host, path, { depth, chunkBytes, unit: unitBytes, fallback });
    this.#held.push(taken.memory);
    if (taken.shape.depth < depth || taken.shape.chunkBytes < chunkBytes) {
      const { shape } = taken;
      this.#warnings.push(
        `the pool is short of memory: ${shape.depth} chunks of ${shape.chunkBytes} bytes in flight instead of ${depth} of ${chunkBytes}`,
      );
    }
    return taken;
  }

  async #transfer(
    { memory, shape }: CopyMemory,
    staging: { readonly memory: TransferMemory; readonly sourceAt: number; readonly targetAt: number },
  ): Promise<TransferEnd> {
    const { ranges, resumed } = this.#plan;
    const sides = this.#ends.sides(ranges);
    if (resumed !== null) {
      const proof = await proveLastPart(resumed, this.#plan.journalPath, sides, staging);
      if (proof.kind === "failed") return proof;
    }
    const startBytes = resumed?.completedBytes ?? 0;
    this.#save(startBytes, shape.chunkBytes);
    const fileBytes = this.#fileBytes();
    if (fileBytes !== null && this.#ends.target.sizeBytes < fileBytes) {
      const failure = await truncateTo(sides.target, fileBytes);
      if (failure !== null) {
        this.#ends.keepTarget();
        return { kind: "failed", failure };
      }
    }
    const end = await transfer(
      {
        ...sides,
        ...{ ranges, startBytes, fileBytes, memory, shape, staging, signal: this.#hooks.signal },
        save: (bytes) => this.#save(bytes, shape.chunkBytes),
        syncEveryBytes: this.#plan.request.syncEveryBytes,
        onBytes: (bytes) => this.#hooks.onBytes("copy", bytes),
        onWrite: () => this.#ends.keepTarget(),
        nowMs: this.#plan.host.system.monotonicMs,
      },
      this.#count,
    );
    if (end.kind !== "refused") this.#ends.keepTarget();
    return end;
  }

  /** The size that a target file has in the end; `null` for a device. */
  #fileBytes(): number | null {
    const { ends, ranges, resumed } = this.#plan;
    if (ends.target.kind === "device") return null;
    return Math.max(resumed?.target.sizeBytes ?? ends.target.sizeBytes, ranges.targetStart + ranges.lengthBytes);
  }

  #save(completedBytes: number, chunkBytes: number): void {
    const { ends, ranges, resumed } = this.#plan;
    const { sourceStart, targetStart, lengthBytes } = ranges;
    const target = journalSideOf(this.#ends.target, "target");
    const journal: Journal = {
      schema: "peerlane.copy-journal/1",
      savedAt: new Date().toISOString(),
      source: journalSideOf(ends.source, "source"),
      target: { ...target, sizeBytes: resumed?.target.sizeBytes ?? target.sizeBytes },
      range: { sourceStart, targetStart, lengthBytes },
      chunkBytes,
      completedBytes,
    };
    this.#journalFile?.replace(journal);
    this.#journalledBytes = completedBytes;
  }

  /** Why the peer memory does not serve, as the first chunk has shown; `null` where that is not what ended the copy. */
  async #whyFallBack(taken: CopyMemory, end: TransferEnd): Promise<string | null> {
    if (taken.path.kind === "dram") return null;
    if (end.kind === "refused")
      return `the kernel refuses the peer memory: ${(await this.#describe(taken, end.failure)).message}`;
    if (end.kind !== "differs" || end.foundBy !== "first-chunk") return null;
    return `the peer memory of ${formatBdf(taken.path.choice.pool.provider)} loses data: the first chunk arrived wrong`;
  }

  /** Starts again through DRAM. */
  async #fallBack(taken: CopyMemory, reason: string): Promise<CopyMemory> {
    taken.memory.release();
    this.#warnings.push(reason);
    this.#hasMessages = true;
    return await this.#takeMemory({ kind: "dram", reason });
  }

  /** Nothing was written: what was prepared is taken back. */
  async #refused(taken: CopyMemory, failure: IoFailure): Promise<PeerlaneError> {
    const { ends, ranges, resumed } = this.#plan;
    if (resumed === null) this.#journalFile?.remove();
    if (resumed === null && ends.target.kind === "file")
      await this.#ends.sides(ranges).target.io.truncate(ends.target.sizeBytes);
    const { message } = await this.#describe(taken, failure);
    return new PeerlaneError("no-path", `the kernel refuses the peer memory: ${message}`, {
      remedy: "peerlane explain says why, peerlane fix what would change it; --fallback copies through DRAM instead",
    });
  }

  async #describe({ path }: CopyMemory, failure: IoFailure): Promise<CopyFailure> {
    const { host, ends } = this.#plan;
    const provider = path.kind === "peer" ? path.choice.pool.provider : null;
    const parties = { source: ends.source, target: ends.target, provider };
    return describeFailure(parties, failure, await whoIsGoneAfter(host.tree, parties, failure, host.system));
  }

  async #conclude(
    used: CopyMemory,
    end: Exclude<TransferEnd, { readonly kind: "refused" }>,
    times: { readonly seconds: number; readonly cpuSeconds: number },
  ): Promise<CopyResult> {
    const { request } = this.#plan;
    const asked: VerificationView = { state: request.verify ? "not-finished" : "not-asked", seconds: 0 };
    let verification = asked;
    let loss: LossView | null = end.kind === "differs" ? end : null;
    let failure: CopyFailure | null = end.kind === "failed" ? await this.#describe(used, end.failure) : null;
    if (end.kind === "stopped") failure = INTERRUPTED;
    if (end.kind === "source-changed") failure = sourceChanged(this.#plan.ends.source, null);
    if (end.kind === "done" && request.verify) {
      const { monotonicMs } = this.#plan.host.system;
      const began = monotonicMs();
      const verified = await this.#verify(used);
      const seconds = (monotonicMs() - began) / 1000;
      if (verified === null) failure = INTERRUPTED;
      else if (verified.kind === "failed") failure = await this.#describe(used, verified.failure);
      else verification = { state: verified.kind, seconds };
      if (verified?.kind === "differs") loss = { difference: verified.difference, foundBy: "verification" };
    }
    if (this.#watch.wasWritten()) {
      this.#warnings.push(`the source ${nameOf(this.#plan.ends.source)} was written to during the copy`);
      // At the first chunk the source was seen to hold still.
      if (loss !== null && loss.foundBy !== "first-chunk") {
        failure = sourceChanged(this.#plan.ends.source, this.#plan.ranges.sourceStart + loss.difference.offset);
        loss = null;
      }
    }
    // Where data is wrong no part of the target can be relied on; after success there is nothing to resume.
    const isResumable = loss === null && failure !== null && failure.kind !== "source-changed";
    if (!isResumable) this.#journalFile?.remove();
    return {
      plan: this.#plan,
      outcome: outcomeOf(loss, failure),
      path: used.path,
      shape: used.shape,
      resumedFromBytes: this.#plan.resumed?.completedBytes ?? 0,
      ...this.#count,
      ...times,
      sampledChunks: end.kind === "done" ? end.samples : 0,
      verification,
      loss,
      failure,
      journal: isResumable ? this.#plan.journalPath : null,
      journalledBytes: this.#journalledBytes,
      warnings: this.#warnings,
      messages: loss === null && failure === null && !this.#hasMessages ? [] : this.#log.take(),
    };
  }

  async #verify({ shape, memory }: CopyMemory): Promise<Comparison | null> {
    // The peer memory is of no use for this; others may want it.
    memory.release();
    const chunkBytes = Math.min(shape.chunkBytes, Math.max(DEFAULT_CHUNK, this.#plan.unitBytes));
    const own = await this.#hold(mapSystemMemory(2 * shape.depth * chunkBytes));
    return await verifyRange({
      ...this.#ends.sides(this.#plan.ranges),
      ...{
        memory: own,
        shape: { depth: shape.depth, chunkBytes },
        lengthBytes: this.#plan.ranges.lengthBytes,
        signal: this.#hooks.signal,
      },
      onBytes: (bytes) => this.#hooks.onBytes("verify", bytes),
    });
  }
}

function outcomeOf(loss: LossView | null, failure: CopyFailure | null): CopyResult["outcome"] {
  if (loss !== null) return "data-loss";
  if (failure === null) return "copied";
  return failure.kind === "interrupted" ? "interrupted" : "failed";
}
