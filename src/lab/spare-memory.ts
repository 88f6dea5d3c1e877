import type { Scatterlist } from "../dma/scatterlist.ts";
import type { ByteStore } from "../memory/bytes.ts";
import { PAGE_BYTES, type PhysAddr, type PhysRange } from "../pci/addresses.ts";
import type { Bdf } from "../pci/bdf.ts";
import { noEntry } from "../pci/entry-at.ts";
import { PeerlaneError } from "../pci/error.ts";

/** Where a physical address of the designs' kernel really is: bytes of DRAM or of a BAR. */
export interface OwnerPlace {
  readonly store: ByteStore;
  readonly at: number;
  /** Whose BAR, `null` for DRAM. */
  readonly owner: Bdf | null;
}

/** System memory that users take instead of a peer's, one run at a time. */
export class SpareMemory {
  /** Bytes of lists that lie in it, and how many of them were copied out of peer memory. */
  movedBytes = 0;
  copiedBytes = 0;
  readonly #range: PhysRange;
  readonly #placeOf: (phys: PhysAddr) => OwnerPlace;

  constructor(range: PhysRange, placeOf: (phys: PhysAddr) => OwnerPlace) {
    this.#range = range;
    this.#placeOf = placeOf;
  }

  /** A segment of a list lies in here from now on; with its bytes, if there are any, fetched by the CPU. */
  move(list: Scatterlist, index: number, withBytes: boolean): void {
    const length = list.lengths[index] ?? noEntry(index);
    if (this.movedBytes + length > this.#range.sizeBytes) {
      throw new PeerlaneError("operation-failed", "the lab has no more RAM to take instead of peer memory");
    }
    const to = (this.#range.start + this.movedBytes) as PhysAddr;
    if (withBytes) {
      const from = this.#placeOf((list.phys[index] ?? noEntry(index)) as PhysAddr);
      const target = this.#placeOf(to);
      const bytes = new Uint8Array(PAGE_BYTES);
      for (let done = 0; done < length; done += PAGE_BYTES) {
        from.store.read(from.at + done, bytes, 0, Math.min(PAGE_BYTES, length - done));
        target.store.write(target.at + done, bytes.subarray(0, Math.min(PAGE_BYTES, length - done)));
      }
      this.copiedBytes += length;
    }
    list.phys[index] = to;
    this.movedBytes += length;
  }

  /** All of it is free again. */
  release(): void {
    this.movedBytes = 0;
    this.copiedBytes = 0;
  }
}
