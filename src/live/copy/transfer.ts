import type { DifferenceView } from "../../measured/copy.ts";
import type { ByteRange } from "../../pci/addresses.ts";
import type { TransferMemory } from "../memory/transfer-memory.ts";
import { Checkpoints } from "./checkpoints.ts";
import { ChunkBook, type MemoryShape, sampleChunks } from "./chunks.ts";
import { type CompareSlot, comparePart } from "./compare.ts";
import { copyFirstChunk, type FirstChunk } from "./first-chunk.ts";
import { Pipeline } from "./pipeline.ts";
import type { CopyRanges } from "./ranges.ts";
import { type IoFailure, type Sides, syncWhole } from "./sides.ts";
import { copyTail, tailOf } from "./tail.ts";

/** What is transferred, and through what. */
export interface TransferJob extends Sides {
  readonly ranges: CopyRanges;
  /** Where it starts, within the range: all below is copied already. */
  readonly startBytes: number;
  /** Whether the target is a file, of which single bytes can be written. */
  readonly isFile: boolean;
  readonly memory: TransferMemory;
  readonly shape: MemoryShape;
  /** DRAM for a chunk of each side. */
  readonly staging: CompareSlot;
  /** Puts into the journal that all below is on the target's medium. May throw. */
  readonly save: (completedBytes: number) => Promise<void>;
  /** It is put there after so many bytes, and after a second in any case. */
  readonly syncEveryBytes: number;
  /** Bytes of the range that are copied, those of earlier runs among them. */
  readonly onBytes: (doneBytes: number) => void;
  /** Called when the target is, or is about to be, written to for good. */
  readonly onWrite: () => void;
  readonly signal: AbortSignal;
  /** A clock that only goes forward. */
  readonly nowMs: () => number;
}

/** How a transfer ended. Nothing is in flight any more, and the journal is right. */
export type TransferEnd =
  /** `earlier` are those samples that an earlier run had copied. */
  | { readonly kind: "done"; readonly samples: number; readonly earlier: readonly ByteRange[] }
  | { readonly kind: "stopped" }
  | { readonly kind: "failed"; readonly failure: IoFailure }
  /** The first chunk of the source was never twice the same. */
  | { readonly kind: "source-changed" }
  /** The kernel does not take the memory; the target is as it was. */
  | { readonly kind: "refused"; readonly failure: IoFailure }
  | { readonly kind: "differs"; readonly difference: DifferenceView; readonly foundBy: "first-chunk" | "sample" };

/** What a transfer has moved so far. */
export interface TransferCount {
  /** Through the transfer memory. */
  memoryBytes: number;
  /** The tail, by the CPU. */
  cpuBytes: number;
}

/** A source that is written to now and then holds still for one of so many. */
const FIRST_CHUNK_TRIES = 3;

/** Copies the rest of a range: the first chunk with its proof, the others, a look at some of them, the tail. */
export async function transfer(job: TransferJob, count: TransferCount): Promise<TransferEnd> {
  const { ranges, startBytes, shape, signal } = job;
  if (signal.aborted) return { kind: "stopped" };
  if (startBytes < ranges.bulkBytes) {
    const sizeBytes = Math.min(shape.chunkBytes, ranges.bulkBytes - startBytes);
    const first = await proveFirstChunk(job, { start: startBytes, sizeBytes });
    if (first.kind !== "refused") job.onWrite();
    if (first.kind === "differs") return { ...first, foundBy: "first-chunk" };
    if (first.kind !== "right") return first;
    count.memoryBytes += sizeBytes;
    const end = await moveChunks(job, startBytes + sizeBytes, count);
    if (end !== null) return end;
  }
  job.onWrite();
  // What an earlier run copied may have changed on either side meanwhile.
  const earlier = sampleChunks(0, Math.min(startBytes, ranges.bulkBytes), shape.chunkBytes);
  const own = sampleChunks(
    Math.min(startBytes + shape.chunkBytes, ranges.bulkBytes),
    ranges.bulkBytes,
    shape.chunkBytes,
  );
  const samples = [...earlier, ...own];
  for (const part of samples) {
    const result = await comparePart(job, job.staging, part);
    if (result.kind === "differs") return { ...result, foundBy: "sample" };
    if (result.kind === "failed") return result;
  }
  const failure = (await moveTail(job, count)) ?? (await syncWhole(job.target));
  if (failure !== null) return { kind: "failed", failure };
  await job.save(ranges.lengthBytes);
  return { kind: "done", samples: samples.length, earlier };
}

async function proveFirstChunk(job: TransferJob, part: ByteRange): Promise<FirstChunk> {
  for (let tries = 1; ; tries++) {
    const first = await copyFirstChunk(job, job.memory, job.staging, part);
    if (first.kind !== "source-changed" || tries === FIRST_CHUNK_TRIES || job.signal.aborted) return first;
  }
}

/** The chunks behind the first; `null` where all are moved. */
async function moveChunks(job: TransferJob, start: number, count: TransferCount): Promise<TransferEnd | null> {
  const { ranges, shape, target, save, syncEveryBytes, onBytes, signal, nowMs } = job;
  const chunks = new ChunkBook(start, ranges.bulkBytes, shape.chunkBytes);
  onBytes(start);
  const stop = new AbortController();
  let journalError: unknown = null;
  const checkpoints = new Checkpoints({
    target,
    everyBytes: syncEveryBytes,
    watermark: () => chunks.watermark,
    nowMs,
    save,
    onFailure: (failure) => pipeline.fail(failure),
    onError: (error) => {
      journalError = error;
      stop.abort();
    },
  });
  const onChunk = (): void => {
    onBytes(start + chunks.doneBytes);
    checkpoints.poll();
  };
  const pipeline = new Pipeline({ ...job, chunks, onChunk, signal: AbortSignal.any([signal, stop.signal]) });
  await pipeline.run();
  await checkpoints.settle();
  count.memoryBytes += chunks.doneBytes;
  if (journalError === null && pipeline.failure === null && chunks.watermark === ranges.bulkBytes) return null;
  if (journalError === null) await checkpoints.last();
  if (journalError !== null) throw journalError;
  return pipeline.failure === null ? { kind: "stopped" } : { kind: "failed", failure: pipeline.failure };
}

async function moveTail(job: TransferJob, count: TransferCount): Promise<IoFailure | null> {
  const { ranges, startBytes, source, target, staging, isFile, onBytes } = job;
  const tail = startBytes === ranges.lengthBytes ? null : tailOf(ranges, source.blockBytes, target.blockBytes);
  if (tail === null) return null;
  const failure = await copyTail(job, tail, staging.memory, isFile);
  if (failure !== null) return failure;
  count.cpuBytes += tail.lengthBytes;
  onBytes(ranges.lengthBytes);
  return null;
}
