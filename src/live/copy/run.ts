import type { LossView, VerificationView } from "../../measured/copy.ts";
import type { ByteRange } from "../../pci/addresses.ts";
import { formatBdf } from "../../pci/bdf.ts";
import { PeerlaneError } from "../../pci/error.ts";
import { type DataFile, nameOf } from "../block/data-file.ts";
import { mapSystemMemory, type TransferMemory } from "../memory/transfer-memory.ts";
import { KernelLog } from "../messages/kernel-log.ts";
import type { Comparison } from "./compare.ts";
import {
  type CopyFailure,
  describeFailure,
  failedCall,
  INTERRUPTED,
  sourceChanged,
  targetNotInPlace,
  whoIsGoneAfter,
} from "./failures.ts";
import { type JournalHead, SCHEMA } from "./journal.ts";
import { JournalFile } from "./journal-file.ts";
import { judgeDifference } from "./judgement.ts";
import { OpenEnds } from "./open-ends.ts";
import { type CopyMemory, takeMemory } from "./path.ts";
import type { CopyPlan } from "./plan.ts";
import { coveredBytes } from "./ranges.ts";
import { DEFAULT_CHUNK } from "./request.ts";
import type { CopyResult } from "./result.ts";
import { journalSideOf, proveJournalledPart } from "./resume.ts";
import type { IoFailure } from "./sides.ts";
import { SourceWatch, TargetWatch } from "./source-watch.ts";
import { whatElseShows } from "./suspicions.ts";
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
    try {
      return await run.run();
    } finally {
      await run.release();
    }
  } catch (error) {
    throw failedCall(error, "look into the kernel's log (dmesg); what was copied is kept: go on with --resume");
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
  readonly #sourceWatch: SourceWatch;
  readonly #targetWatch: TargetWatch;
  #journalledBytes: number;
  /** Of what earlier runs had copied: what this one compared. */
  #compared: readonly ByteRange[] = [];
  /** Whether the kernel may have said something worth showing. */
  #hasMessages = false;

  constructor(plan: CopyPlan, hooks: CopyHooks) {
    this.#plan = plan;
    this.#hooks = hooks;
    this.#log = KernelLog.open(undefined, plan.host.system);
    this.#warnings = [...plan.warnings];
    this.#ends = new OpenEnds(plan.host, plan.ends);
    const { tree } = plan.host;
    this.#sourceWatch = new SourceWatch(tree, plan.ends, () => this.#ends.sourceModified);
    this.#targetWatch = new TargetWatch(tree, plan.ends.target, () => this.#ends.targetModified);
    this.#journalledBytes = plan.resumed?.completedBytes ?? 0;
  }

  async run(): Promise<CopyResult> {
    const plan = this.#plan;
    await this.#open();
    const taken = await this.#takeMemory(plan.path);
    this.#warnings.push(...(await this.#ends.makeTarget()));
    const staging = await this.#hold(
      // A second try through DRAM has chunks as large as they were planned.
      mapSystemMemory(2 * Math.max(plan.chunkBytes, plan.resumed?.chunkBytes ?? 0)),
    );
    const slot = { memory: staging, sourceAt: 0, targetAt: staging.sizeBytes / 2 };
    const { monotonicMs, cpuSeconds } = plan.host.system;
    const started = { ms: monotonicMs(), cpuSeconds: cpuSeconds() };
    let result = await this.#transfer(taken, slot);
    let used = taken;
    const reason = plan.request.fallback ? await this.#whyFallBack(taken, result) : null;
    if (reason !== null) {
      used = await this.#fallBack(taken, reason);
      result = await this.#transfer(used, slot);
    }
    const times = {
      seconds: (monotonicMs() - started.ms) / 1000,
      cpuSeconds: cpuSeconds() - started.cpuSeconds,
    };
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
    const { host, ends, resumed, journal } = this.#plan;
    await this.#ends.open();
    if (resumed === null && !ends.isNew && (ends.target.kind === "device" || ends.target.sizeBytes > 0)) {
      await this.#hooks.confirm(ends.target, await this.#ends.contentsOfTarget());
    }
    this.#ends.requireUnchangedTarget();
    this.#journalFile = await JournalFile.open(host.system, journal, ends);
    if (resumed === null) this.#journalFile.forget();
    else if (this.#journalFile.found?.completedBytes !== resumed.completedBytes) {
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
    const { ends, ranges, resumed, uncertain, journalPath } = this.#plan;
    const sides = this.#ends.sides(ranges);
    const { signal } = this.#hooks;
    if (resumed !== null) {
      const common = { journal: resumed, path: journalPath, slot: staging, isWhole: uncertain.length > 0, signal };
      const proof = await proveJournalledPart({ ...sides, ...common });
      if (proof.kind !== "same") return proof;
      this.#compared = proof.compared;
    }
    const startBytes = resumed?.completedBytes ?? 0;
    await this.#save(startBytes, shape.chunkBytes);
    const notGrown = await this.#ends.growTarget(ranges);
    if (notGrown !== null) {
      this.#ends.keepTarget();
      return { kind: "failed", failure: notGrown };
    }
    const end = await transfer(
      {
        ...sides,
        ...{ ranges, startBytes, isFile: ends.target.kind === "file", memory, shape, staging, signal },
        save: (bytes) => this.#save(bytes, shape.chunkBytes),
        syncEveryBytes: this.#plan.request.syncEveryBytes,
        onBytes: (bytes) => this.#hooks.onBytes("copy", bytes),
        onWrite: () => this.#ends.keepTarget(),
        nowMs: this.#plan.host.system.monotonicMs,
      },
      this.#count,
    );
    if (end.kind !== "refused") this.#ends.keepTarget();
    if (end.kind === "done") this.#compared = [...this.#compared, ...end.earlier];
    return end;
  }

  async #save(completedBytes: number, chunkBytes: number): Promise<void> {
    const { host, ends, ranges } = this.#plan;
    const { sourceStart, targetStart, lengthBytes } = ranges;
    const head: JournalHead = {
      schema: SCHEMA,
      source: journalSideOf(host.tree, ends.source, "source"),
      target: journalSideOf(host.tree, this.#ends.target, "target"),
      range: { sourceStart, targetStart, lengthBytes },
      chunkBytes,
    };
    await this.#journalFile?.save(head, { savedAt: this.#plan.host.system.now().toISOString(), completedBytes });
    this.#journalledBytes = completedBytes;
  }

  /** Why the peer memory does not serve, as the first chunk has shown; `null` where that is not what ended the copy. */
  async #whyFallBack(taken: CopyMemory, end: TransferEnd): Promise<string | null> {
    if (taken.path.kind === "dram") return null;
    if (end.kind === "refused")
      return `the kernel refuses the peer memory: ${(await this.#describe(taken, end.failure)).message}`;
    if (end.kind !== "differs" || end.foundBy !== "first-chunk") return null;
    return `the first chunk arrived wrong through the peer memory of ${formatBdf(taken.path.choice.pool.provider)}`;
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
    const { ranges, resumed } = this.#plan;
    if (resumed === null) this.#journalFile?.remove();
    await this.#ends.ungrowTarget(ranges);
    const { message } = await this.#describe(taken, failure);
    return new PeerlaneError("no-path", `the kernel refuses the peer memory: ${message}`, {
      remedy: "peerlane explain says why, peerlane fix what would change it; --fallback copies through DRAM instead",
    });
  }

  async #describe({ path }: CopyMemory, failure: IoFailure): Promise<CopyFailure> {
    const { host, ends } = this.#plan;
    const provider = path.kind === "peer" ? path.choice.pool.provider : null;
    const parties = { source: ends.source, target: ends.target, provider };
    const gone = await whoIsGoneAfter(host.tree, parties, failure, host.system);
    const found = whatElseShows(host.tree, parties, failure, (role) => this.#ends.sizeNow(role));
    return describeFailure(parties, failure, { gone, found });
  }

  async #conclude(
    used: CopyMemory,
    end: Exclude<TransferEnd, { readonly kind: "refused" }>,
    times: { readonly seconds: number; readonly cpuSeconds: number },
  ): Promise<CopyResult> {
    const { request, ends, ranges } = this.#plan;
    const asked: VerificationView = { state: request.verify ? "not-finished" : "not-asked", seconds: 0 };
    let verification = asked;
    let found: Pick<LossView, "difference" | "foundBy"> | null = end.kind === "differs" ? end : null;
    let failure: CopyFailure | null = end.kind === "failed" ? await this.#describe(used, end.failure) : null;
    this.#targetWatch.settle();
    if (end.kind === "stopped") failure = INTERRUPTED;
    if (end.kind === "source-changed") failure = sourceChanged(ends.source, null);
    if (end.kind === "done" && request.verify) {
      const { monotonicMs } = this.#plan.host.system;
      const began = monotonicMs();
      const verified = await this.#verify(used);
      const seconds = (monotonicMs() - began) / 1000;
      if (verified === null) failure = INTERRUPTED;
      else if (verified.kind === "failed") failure = await this.#describe(used, verified.failure);
      else verification = { state: verified.kind, seconds };
      if (verified?.kind === "differs") found = { difference: verified.difference, foundBy: "verification" };
    }
    let loss: LossView | null = null;
    if (found !== null) {
      const judged = await this.#judge(found);
      if ("loss" in judged) loss = judged.loss;
      else failure = judged.failure;
    }
    this.#warnOfWriters();
    const notInPlace = loss === null && failure === null ? this.#ends.whyNotInPlace(ranges) : null;
    if (notInPlace !== null) failure = targetNotInPlace(ends.target, notInPlace);
    // Where data is wrong no part of the target can be relied on; after success there is nothing to resume.
    const isResumable = loss === null && failure !== null && !/^(source|target)-changed$/.test(failure.kind);
    if (!isResumable) this.#journalFile?.remove();
    return {
      plan: this.#plan,
      outcome: outcomeOf(loss, failure),
      path: used.path,
      shape: used.shape,
      resumedFromBytes: this.#plan.resumed?.completedBytes ?? 0,
      comparedBytes: this.#comparedBytes(verification),
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

  async #judge(found: Pick<LossView, "difference" | "foundBy">): ReturnType<typeof judgeDifference> {
    const { host, ends, ranges, unitBytes } = this.#plan;
    return await judgeDifference({
      ...{ tree: host.tree, ends, ranges, unitBytes, sides: this.#ends.sides(ranges) },
      ...found,
      counts: {
        wasSourceWritten: this.#sourceWatch.wasWritten(),
        wasTargetWrittenByOthers: this.#targetWatch.wasWrittenByOthers(this.#ends.writtenBytes),
      },
    });
  }

  #warnOfWriters(): void {
    const { source, target } = this.#plan.ends;
    if (this.#sourceWatch.wasWritten() === true)
      this.#warnings.push(`the source ${nameOf(source)} was written to during the copy`);
    if (this.#targetWatch.wasWrittenByOthers(this.#ends.writtenBytes) === true)
      this.#warnings.push(`somebody else wrote to the target ${nameOf(target)} during the copy`);
  }

  /** Of what earlier runs had copied. */
  #comparedBytes({ state }: VerificationView): number {
    const earlierBytes = this.#plan.resumed?.completedBytes ?? 0;
    return state === "same" ? earlierBytes : coveredBytes(this.#compared);
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
