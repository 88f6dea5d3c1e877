import { type CostCounters, noCost } from "../memory/cost.ts";
import { formatAddress, type Iova, PAGE_BYTES, type PhysAddr } from "../pci/addresses.ts";
import { PeerlaneError } from "../pci/error.ts";
import { Iotlb } from "./iotlb.ts";
import { IovaAllocator, type IovaSpace } from "./iova-allocator.ts";
import { PageTable, PERMIT_READ, PERMIT_WRITE } from "./page-table.ts";

/** What {@link IommuDomain.resolve} gives for a refusal, below 0 so that no physical address is one. */
export const FAULT_NOT_PRESENT = -1;
export const FAULT_NO_WRITE = -2;
export const FAULT_NO_READ = -3;

/** When the IOTLB forgets what was unmapped: before the unmap returns, or in one go later. */
export type Invalidation = "strict" | "lazy";

/** Entries that the flush queue holds before it is flushed (`IOVA_DEFAULT_FQ_SIZE`, Linux 7.2). */
const FLUSH_QUEUE_ENTRIES = 256;

export interface DomainOptions {
  readonly space: IovaSpace;
  readonly invalidation: Invalidation;
  /** Ranges that a lazy domain queues before it flushes; 256 unless told. */
  readonly flushQueueEntries?: number;
  /** Counters to add to; new ones unless given. */
  readonly cost?: CostCounters;
}

/** What a domain's invalidations came to. */
export interface DomainCounters {
  /** Invalidations of a range that an unmap waited for. */
  rangeFlushes: number;
  /** Invalidations of a whole domain: flushes of the queue. */
  queueFlushes: number;
  /** Ranges that ever entered the queue. */
  queued: number;
}

/**
 * An address space of an IOMMU: IOVA space, page table and what the IOTLB remembers (`struct iommu_domain` with the
 * DMA API's cookie, Linux 7.2). Ranges that {@link release} takes back are free at once in a strict domain, after
 * {@link flush} in a lazy one.
 */
export class IommuDomain {
  readonly invalidation: Invalidation;
  readonly iovas: IovaAllocator;
  readonly cost: CostCounters;
  readonly counters: DomainCounters = { rangeFlushes: 0, queueFlushes: 0, queued: 0 };
  readonly #table = new PageTable();
  readonly #iotlb = new Iotlb();
  readonly #queueCapacity: number;
  /** Ranges unmapped whose IOVAs wait for the flush, by their start. */
  #queue = new Set<Iova>();

  constructor(options: DomainOptions) {
    const { flushQueueEntries = FLUSH_QUEUE_ENTRIES } = options;
    if (!Number.isInteger(flushQueueEntries) || flushQueueEntries < 1 || flushQueueEntries > 1 << 20) {
      throw new PeerlaneError(
        "bad-input",
        `a flush queue of ${flushQueueEntries} entries; 1 to ${1 << 20} are possible`,
      );
    }
    this.invalidation = options.invalidation;
    this.cost = options.cost ?? noCost();
    this.iovas = new IovaAllocator(options.space, this.cost);
    this.#queueCapacity = flushQueueEntries;
  }

  /** Bytes that the page table maps. */
  get mappedBytes(): number {
    return this.#table.mappedBytes;
  }

  /** Ranges unmapped whose IOVAs wait for the flush. */
  get queueLength(): number {
    return this.#queue.size;
  }

  /**
   * A range of at least `sizeBytes` (whole pages) below `2 ** maskBits`, `null` where there is no such space. Where only
   * ranges that wait for the flush are in the way, they are flushed first.
   *
   * MODEL: an allocation that finds no space flushes the queue and tries once more. The kernel's fails, until the timer of
   * the queue flushes it, 10 ms after its first entry (`IOVA_FQ_TIMEOUT`, Linux 7.2); there is no clock here.
   */
  allocate(sizeBytes: number, maskBits: number): Iova | null {
    const found = this.iovas.allocate(sizeBytes, maskBits);
    if (found !== null || this.#queue.size === 0) return found;
    this.flush();
    return this.iovas.allocate(sizeBytes, maskBits);
  }

  /** True where nothing of a range is mapped, so that {@link map} takes it. */
  isFree(address: Iova, sizeBytes: number): boolean {
    return this.#table.isEmpty(address, sizeBytes);
  }

  /**
   * Maps whole pages with permission bits (`PERMIT_READ`, `PERMIT_WRITE`); throws `bad-input`, with nothing mapped,
   * where a part is mapped already or lies beyond the domain's width.
   */
  map(address: Iova, phys: PhysAddr, sizeBytes: number, permission: number): void {
    if (address + sizeBytes > 2 ** this.iovas.space.addressBits) {
      throw new PeerlaneError(
        "bad-input",
        `IOVA ${formatAddress(address)} + ${sizeBytes} is beyond the domain's width`,
      );
    }
    this.#table.map(address, phys, sizeBytes, permission);
    this.cost.iommuMapCalls++;
  }

  /** Unmaps what is mapped of a range and waits until the IOTLB forgot it, in every domain; the bytes unmapped. */
  unmap(address: Iova, sizeBytes: number): number {
    const unmapped = this.#table.unmap(address, sizeBytes);
    this.#iotlb.invalidate(address, sizeBytes);
    this.counters.rangeFlushes++;
    this.cost.iommuUnmapCalls++;
    this.cost.iommuFlushes++;
    return unmapped;
  }

  /**
   * Unmaps a range that {@link iovas} handed out and frees it: now, or in a lazy domain when the queue is flushed.
   * `sizeBytes` may be less than what was handed out, nothing of the rest may be mapped. The flushes that it waited for.
   * Throws `bad-input` where no range starts that is handed out and not released yet.
   */
  release(address: Iova, sizeBytes: number): number {
    this.#requireLive(address);
    if (this.invalidation === "strict") {
      this.unmap(address, sizeBytes);
      this.iovas.free(address);
      return 1;
    }
    this.#table.unmap(address, sizeBytes);
    this.cost.iommuUnmapCalls++;
    // A full queue is flushed before the entry goes in: its own IOTLB entries are forgotten with the others, its IOVA waits.
    const isFull = this.#queue.size === this.#queueCapacity;
    if (isFull) this.flush();
    this.#queue.add(address);
    this.counters.queued++;
    return isFull ? 1 : 0;
  }

  /** {@link release} that waits for the IOTLB in every domain, and frees the IOVAs at once. */
  releaseNow(address: Iova, sizeBytes: number): void {
    this.#requireLive(address);
    this.unmap(address, sizeBytes);
    this.iovas.free(address);
  }

  #requireLive(address: Iova): void {
    // Before anything is unmapped: what is there may be another's by now.
    if (this.iovas.isLive(address) && !this.#queue.has(address)) return;
    throw new PeerlaneError("bad-input", `no IOVA range starts at ${formatAddress(address)}: unmapped twice, or never`);
  }

  /**
   * Makes the IOTLB forget everything and frees the IOVAs that waited for it.
   *
   * MODEL: the kernel also flushes 10 ms after the first entry; who has a clock calls this.
   */
  flush(): void {
    const queued = this.#queue;
    if (queued.size === 0) return;
    this.#queue = new Set();
    this.#iotlb.invalidateAll();
    this.counters.queueFlushes++;
    this.cost.iommuFlushes++;
    for (const address of queued) this.iovas.free(address);
  }

  /**
   * What a device's access at an address comes to: the physical address, or `FAULT_…` below 0. Answers from the IOTLB
   * first and remembers what it found, as the hardware does. Allocates nothing.
   */
  resolve(address: Iova, isWrite: boolean): number {
    const page = Math.floor(address / PAGE_BYTES);
    const slot = this.#iotlb.find(page);
    let phys: number;
    let permission: number;
    if (slot >= 0) {
      phys = this.#iotlb.physIn(slot);
      permission = this.#iotlb.permissionIn(slot);
    } else {
      permission = this.#table.permissionAt(address);
      if (permission === 0) return FAULT_NOT_PRESENT;
      phys = this.#table.pageAt(address);
      this.#iotlb.remember(page, phys, permission);
    }
    if ((permission & (isWrite ? PERMIT_WRITE : PERMIT_READ)) === 0) return isWrite ? FAULT_NO_WRITE : FAULT_NO_READ;
    return phys + (address & (PAGE_BYTES - 1));
  }

  /** What the page table says of an address, whatever the IOTLB remembers; `null` where nothing is mapped. */
  lookUp(address: Iova): { readonly phys: PhysAddr; readonly permission: number } | null {
    const permission = this.#table.permissionAt(address);
    if (permission === 0) return null;
    return { phys: (this.#table.pageAt(address) + (address & (PAGE_BYTES - 1))) as PhysAddr, permission };
  }
}
