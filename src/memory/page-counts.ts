import { noEntry } from "../pci/entry-at.ts";

/** Pages whose counts are kept in one array: 32 Ki, 128 MiB of memory. */
const CHUNK_PAGES = 0x8000;

/**
 * A reference count for each page of a range, numbered from 0. Counts are kept in typed arrays that the first reference
 * in their part of the range makes: half a terabyte of RAM has 2^27 pages, and a model touches few.
 */
export class PageCounts {
  readonly #chunks = new Map<number, Int32Array>();
  #lastNumber = -1;
  #lastChunk: Int32Array | undefined;
  #inUse = 0;

  /** Pages with at least one reference. */
  get inUse(): number {
    return this.#inUse;
  }

  /** References of a page. */
  at(page: number): number {
    return this.#chunk(page)?.[page % CHUNK_PAGES] ?? 0;
  }

  /** Adds to a page's references, and gives the new number. The caller keeps it from going below 0. */
  add(page: number, difference: number): number {
    const chunk = this.#chunk(page) ?? this.#makeChunk(page);
    const before = chunk[page % CHUNK_PAGES] ?? noEntry(page % CHUNK_PAGES);
    const after = before + difference;
    chunk[page % CHUNK_PAGES] = after;
    if (before === 0 && after !== 0) this.#inUse++;
    else if (before !== 0 && after === 0) this.#inUse--;
    return after;
  }

  #chunk(page: number): Int32Array | undefined {
    const number = Math.floor(page / CHUNK_PAGES);
    if (number !== this.#lastNumber) {
      const chunk = this.#chunks.get(number);
      if (chunk === undefined) return undefined;
      this.#lastNumber = number;
      this.#lastChunk = chunk;
    }
    return this.#lastChunk;
  }

  #makeChunk(page: number): Int32Array {
    const number = Math.floor(page / CHUNK_PAGES);
    const chunk = new Int32Array(CHUNK_PAGES);
    this.#chunks.set(number, chunk);
    this.#lastNumber = number;
    this.#lastChunk = chunk;
    return chunk;
  }
}
