import type { TransferMemory } from "../memory/transfer-memory.ts";
import { ChunkBook, type MemoryShape, NO_CHUNK } from "./chunks.ts";
import { type Comparison, comparePart } from "./compare.ts";
import type { Sides } from "./sides.ts";

/** What is compared, through what. */
export interface VerifyJob extends Sides {
  /** DRAM, twice `depth × chunkBytes`. */
  readonly memory: TransferMemory;
  readonly shape: MemoryShape;
  readonly lengthBytes: number;
  readonly onBytes: (doneBytes: number) => void;
  readonly signal: AbortSignal;
}

/**
 * Reads the whole range of both sides through DRAM and compares it, several chunks at a time. Ends with the first
 * difference of all, whatever order the chunks came in; with `null` where it was stopped.
 */
export async function verifyRange(job: VerifyJob): Promise<Comparison | null> {
  const { memory, shape, lengthBytes, onBytes, signal } = job;
  const chunks = new ChunkBook(0, lengthBytes, shape.chunkBytes);
  let worst: Comparison = { kind: "same" };
  const runSlot = async (slot: number): Promise<void> => {
    const sourceAt = slot * 2 * shape.chunkBytes;
    const compareSlot = { memory, sourceAt, targetAt: sourceAt + shape.chunkBytes };
    while (worst.kind === "same" && !signal.aborted) {
      const start = chunks.next();
      if (start === NO_CHUNK) return;
      const result = await comparePart(job, compareSlot, { start, sizeBytes: chunks.lengthOf(start) });
      worst = worse(worst, result);
      chunks.complete(start);
      onBytes(chunks.doneBytes);
    }
  };
  await Promise.all(Array.from({ length: shape.depth }, (_, slot) => runSlot(slot)));
  return worst.kind === "same" && chunks.doneBytes < lengthBytes ? null : worst;
}

/** A failure hides differences; of two differences the first byte counts. */
function worse(a: Comparison, b: Comparison): Comparison {
  if (a.kind === "failed" || b.kind === "same") return a;
  if (b.kind === "failed" || a.kind === "same") return b;
  return a.difference.offset <= b.difference.offset ? a : b;
}
