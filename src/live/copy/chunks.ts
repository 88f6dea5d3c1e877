import type { ByteRange } from "../../pci/addresses.ts";
import { roundUp } from "./ranges.ts";

/** No chunk is left. */
export const NO_CHUNK = -1;

/**
 * Which chunks of a range are handed out and which are done. They end in any order; the watermark is where the part
 * ends that is done without a gap, from the start of the range.
 */
export class ChunkBook {
  readonly chunkBytes: number;
  readonly #end: number;
  #next: number;
  #watermark: number;
  #doneBytes = 0;
  /** Chunks that are done above the watermark. */
  readonly #ahead = new Set<number>();

  /** For `[start, end)`. */
  constructor(start: number, end: number, chunkBytes: number) {
    this.chunkBytes = chunkBytes;
    this.#next = start;
    this.#watermark = start;
    this.#end = end;
  }

  /** Where the next chunk starts, or {@link NO_CHUNK}. */
  next(): number {
    if (this.#next >= this.#end) return NO_CHUNK;
    const start = this.#next;
    this.#next = Math.min(start + this.chunkBytes, this.#end);
    return start;
  }

  lengthOf(start: number): number {
    return Math.min(this.chunkBytes, this.#end - start);
  }

  /** A chunk has been written. */
  complete(start: number): void {
    this.#doneBytes += this.lengthOf(start);
    if (start !== this.#watermark) {
      this.#ahead.add(start);
      return;
    }
    do this.#watermark += this.lengthOf(this.#watermark);
    while (this.#ahead.delete(this.#watermark));
  }

  /** All below is done. */
  get watermark(): number {
    return this.#watermark;
  }

  get doneBytes(): number {
    return this.#doneBytes;
  }
}

/** At most so many chunks are looked at again after a copy, … */
const MOST_SAMPLES = 8;
/** … one of so many. */
const CHUNKS_PER_SAMPLE = 128;

/** The chunks to compare once more after the copy of `[start, end)`: the last one, and some spread evenly before it. */
export function sampleChunks(start: number, end: number, chunkBytes: number): readonly ByteRange[] {
  if (end <= start) return [];
  const total = Math.ceil((end - start) / chunkBytes);
  const count = Math.min(MOST_SAMPLES, 1 + Math.floor(total / CHUNKS_PER_SAMPLE));
  return Array.from({ length: count }, (_, index) => {
    const position = start + (Math.ceil(((index + 1) * total) / count) - 1) * chunkBytes;
    return { start: position, sizeBytes: Math.min(chunkBytes, end - position) };
  });
}

/** Depth and chunk of a transfer memory. */
export interface MemoryShape {
  readonly depth: number;
  readonly chunkBytes: number;
}

/** The shapes to try where a pool is short: fewer chunks first, then smaller ones, down to `leastChunk`. */
export function* smallerShapes(
  asked: MemoryShape,
  { leastChunk, unit }: { readonly leastChunk: number; readonly unit: number },
): Generator<MemoryShape> {
  let { depth, chunkBytes } = asked;
  yield asked;
  while (depth > 1) {
    depth = Math.floor(depth / 2);
    yield { depth, chunkBytes };
  }
  for (;;) {
    const half = roundUp(chunkBytes / 2, unit);
    if (half < leastChunk || half >= chunkBytes) return;
    chunkBytes = half;
    yield { depth, chunkBytes };
  }
}
