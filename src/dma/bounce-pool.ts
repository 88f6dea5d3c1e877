import { type CostCounters, noCost } from "../memory/cost.ts";
import { PAGE_BYTES, type PhysAddr, type PhysRange } from "../pci/addresses.ts";
import { noEntry } from "../pci/entry-at.ts";
import { PeerlaneError } from "../pci/error.ts";
import type { DmaDirection } from "./dma-device.ts";

/** Bytes of a slot (`IO_TLB_SIZE`) and slots that one buffer may take (`IO_TLB_SEGSIZE`, Linux 7.2). */
const SLOT_BYTES = 2048;
const MAX_SLOTS = 128;

/** Largest buffer, in bytes: a longer segment cannot be bounced. */
export const MAX_BOUNCE_BYTES: number = SLOT_BYTES * MAX_SLOTS;

/** The memory in which bounce buffers lie; physical addresses. */
export interface BounceMemory {
  /** Copies bytes; the ranges do not overlap. */
  copy(from: PhysAddr, to: PhysAddr, lengthBytes: number): void;
}

/**
 * Bounce buffers in a range of RAM that every device can address (`io_tlb_mem`, Linux 7.2): a buffer is a run of slots,
 * of whole pages from one page on.
 *
 * MODEL: one area for all CPUs, and a search that goes on where the last one ended.
 */
export class BouncePool {
  readonly range: PhysRange;
  readonly #memory: BounceMemory;
  readonly #cost: CostCounters;
  /** Slots of the buffer that starts at a slot, 0 inside of buffers and where it is free. */
  readonly #length: Uint8Array;
  readonly #isUsed: Uint8Array;
  readonly #original: Float64Array;
  #next = 0;
  #usedSlots = 0;

  /** Counts to `cost`, where it is given. Throws `bad-input` unless the range is whole pages. */
  constructor(range: PhysRange, memory: BounceMemory, cost: CostCounters = noCost()) {
    if (range.start % PAGE_BYTES !== 0 || range.sizeBytes % PAGE_BYTES !== 0 || range.sizeBytes < PAGE_BYTES) {
      throw new PeerlaneError("bad-input", "bounce buffers take whole pages of RAM");
    }
    const slots = range.sizeBytes / SLOT_BYTES;
    this.range = range;
    this.#memory = memory;
    this.#cost = cost;
    this.#length = new Uint8Array(slots);
    this.#isUsed = new Uint8Array(slots);
    this.#original = new Float64Array(slots);
  }

  /** Bytes in use, in whole slots. */
  get usedBytes(): number {
    return this.#usedSlots * SLOT_BYTES;
  }

  /** True for addresses of buffers. */
  owns(phys: number): boolean {
    return phys >= this.range.start && phys < this.range.start + this.range.sizeBytes;
  }

  /**
   * Takes a buffer and copies the original into it, whatever the direction: a device that writes less than the whole
   * must not leave another's bytes there (`swiotlb_tbl_map_single`). The buffer's address, -1 where none is free.
   */
  take(original: PhysAddr, lengthBytes: number): number {
    const count = Math.ceil(lengthBytes / SLOT_BYTES);
    const first = count > MAX_SLOTS ? -1 : this.#find(count, lengthBytes >= PAGE_BYTES ? PAGE_BYTES / SLOT_BYTES : 1);
    if (first < 0) return -1;
    const buffer = this.range.start + first * SLOT_BYTES;
    // Before anything is taken: a copy that throws leaves the slots free.
    this.#memory.copy(original, buffer as PhysAddr, lengthBytes);
    this.#cost.bouncedBytes += lengthBytes;
    this.#isUsed.fill(1, first, first + count);
    this.#length[first] = count;
    this.#original[first] = original;
    this.#usedSlots += count;
    this.#next = first + count;
    return buffer;
  }

  /**
   * Gives a buffer back, copying to the original what the device may have written; `null`: nothing was transferred. The
   * bytes copied. Throws `bad-input` where no buffer starts.
   */
  give(buffer: PhysAddr, lengthBytes: number, direction: DmaDirection | null): number {
    const first = (buffer - this.range.start) / SLOT_BYTES;
    const count = this.#length[first] ?? noEntry(first);
    if (count === 0)
      throw new PeerlaneError("bad-input", "no bounce buffer starts there: unmapped twice, or never mapped");
    const isWritten = direction === "from-device" || direction === "bidirectional";
    if (isWritten) {
      this.#memory.copy(buffer, (this.#original[first] ?? noEntry(first)) as PhysAddr, lengthBytes);
      this.#cost.bouncedBytes += lengthBytes;
    }
    this.#isUsed.fill(0, first, first + count);
    this.#length[first] = 0;
    this.#usedSlots -= count;
    return isWritten ? lengthBytes : 0;
  }

  #find(count: number, alignment: number): number {
    const slots = this.#isUsed.length;
    const from = Math.ceil(this.#next / alignment) * alignment;
    const found = this.#findIn(from, slots, count, alignment);
    return found >= 0 ? found : this.#findIn(0, Math.min(slots, from + count), count, alignment);
  }

  #findIn(from: number, end: number, count: number, alignment: number): number {
    for (let first = from; first + count <= end; ) {
      let run = 0;
      while (run < count && this.#isUsed[first + run] === 0) run++;
      if (run === count) return first;
      first = Math.ceil((first + run + 1) / alignment) * alignment;
    }
    return -1;
  }
}
