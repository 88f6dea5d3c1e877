import type { TransferMemory } from "../memory/transfer-memory.ts";
import { type ChunkBook, type MemoryShape, NO_CHUNK } from "./chunks.ts";
import { type IoFailure, readWhole, type Sides, writeWhole } from "./sides.ts";

/** What a pipeline moves, and through what. */
export interface PipelineJob extends Sides {
  /** `depth` slots of `chunkBytes`. */
  readonly memory: TransferMemory;
  readonly shape: MemoryShape;
  readonly chunks: ChunkBook;
  /** After each chunk. */
  readonly onChunk: () => void;
  /** Asks it to stop; what is in flight is awaited. */
  readonly signal: AbortSignal;
}

/** Moves chunks from source to target, several at a time: each slot of the memory reads one, writes it, takes the next. */
export class Pipeline {
  readonly #job: PipelineJob;
  #failure: IoFailure | null = null;

  constructor(job: PipelineJob) {
    this.#job = job;
  }

  /** Ends when nothing is in flight any more: all is moved, it was stopped, or there is a failure. */
  async run(): Promise<void> {
    const { depth } = this.#job.shape;
    await Promise.all(Array.from({ length: depth }, (_, slot) => this.#runSlot(slot)));
  }

  /** The first failure; `null` while there is none. */
  get failure(): IoFailure | null {
    return this.#failure;
  }

  /** Ends it from outside; the first failure counts. */
  fail(failure: IoFailure): void {
    this.#failure ??= failure;
  }

  get #isEnding(): boolean {
    return this.#failure !== null || this.#job.signal.aborted;
  }

  async #runSlot(slot: number): Promise<void> {
    const { source, target, memory, shape, chunks, onChunk } = this.#job;
    const offset = slot * shape.chunkBytes;
    while (!this.#isEnding) {
      const start = chunks.next();
      if (start === NO_CHUNK) return;
      const length = chunks.lengthOf(start);
      const notRead = await readWhole(source, memory, offset, length, start);
      if (notRead !== null) return this.fail(notRead);
      if (this.#isEnding) return;
      const notWritten = await writeWhole(target, memory, offset, length, start);
      if (notWritten !== null) return this.fail(notWritten);
      chunks.complete(start);
      onChunk();
    }
  }
}
