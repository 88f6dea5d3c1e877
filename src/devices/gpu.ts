import type { Device } from "../host/select.ts";
import type { ByteStore } from "../memory/bytes.ts";
import { PageAllocator } from "../memory/page-allocator.ts";
import { type DmaSpan, holds, PAGE_BYTES, type PhysAddr, type PhysRange } from "../pci/addresses.ts";
import { type Bdf, formatBdf } from "../pci/bdf.ts";
import { PeerlaneError } from "../pci/error.ts";
import type { BusMaster } from "./bus-master.ts";
import { DmaEngine, type EngineStatus } from "./dma-engine.ts";
import { functionIn, type System } from "./system.ts";

/** Which BAR shows the memory. */
export interface GpuOptions {
  /** The largest memory BAR unless told. */
  readonly bar?: number;
}

/**
 * A GPU: memory that a BAR shows, an allocator of its driver, and a copy engine that reaches its own memory inside and
 * everything else through the fabric.
 *
 * MODEL: there is no memory beyond the BAR; nothing is computed.
 */
export class Gpu {
  readonly fn: Bdf;
  readonly bus: BusMaster;
  /** Index of the BAR. */
  readonly bar: number;
  /** Its memory by offset in the BAR: for putting data there and looking at it without counting. */
  readonly memory: ByteStore;
  /** The CPU physical range of the BAR. */
  readonly range: PhysRange;
  readonly #system: System;
  readonly #allocator: PageAllocator;
  readonly #engine: DmaEngine;

  /** Throws `unsupported` where the function has no such memory BAR with an address. */
  constructor(system: System, device: Device, options: GpuOptions = {}) {
    const fn = functionIn(system, device, "Gpu");
    const { bar, range } = memoryBar(system, fn, options.bar);
    this.#engine = new DmaEngine(system, fn);
    this.bus = this.#engine.bus;
    this.#system = system;
    this.fn = fn;
    this.bar = bar;
    this.range = range;
    this.memory = system.fabric.barBytes(fn, bar);
    this.#allocator = new PageAllocator(0, Math.max(1, Math.floor(range.sizeBytes / PAGE_BYTES)));
  }

  /**
   * Takes whole pages of its memory, as CPU physical addresses; `null` where there is no run as long. No page is taken that
   * somebody else has: where the BAR is p2pmem, its pool hands out what the driver hands out.
   */
  alloc(sizeBytes: number): PhysRange | null {
    const pages = Math.ceil(sizeBytes / PAGE_BYTES);
    for (let from = 0; ; ) {
      const page = this.#allocator.alloc(pages, from);
      if (page < 0) return this.#allocFromPool(sizeBytes);
      const start = (this.range.start + page * PAGE_BYTES) as PhysAddr;
      const range: PhysRange = { start, sizeBytes: pages * PAGE_BYTES };
      const takenUntil = this.#system.maps.takenUntil(range);
      if (takenUntil === null && this.#system.maps.hold(range)) return range;
      this.#allocator.free(page, pages);
      from = Math.ceil(((takenUntil ?? 0) - this.range.start) / PAGE_BYTES);
    }
  }

  /** Gives back what {@link alloc} gave. */
  free(range: PhysRange): void {
    const { maps, pools } = this.#system;
    const pool = maps.pagemapAt(range.start) === null ? undefined : pools.get(this.fn);
    if (pool !== undefined) {
      pool.free(range);
      return;
    }
    maps.letGo(range);
    this.#allocator.free((range.start - this.range.start) / PAGE_BYTES, range.sizeBytes / PAGE_BYTES);
  }

  #allocFromPool(sizeBytes: number): PhysRange | null {
    const pool = this.#system.pools.get(this.fn);
    const range = pool?.alloc(sizeBytes) ?? null;
    if (pool === undefined || range === null || holds(this.range, range.start)) return range;
    pool.free(range);
    return null;
  }

  /** Reads memory of others into its own at an offset. */
  copyIn(from: readonly DmaSpan[], offset: number): EngineStatus {
    return this.#engine.pull(from, this.memory, offset);
  }

  /** Writes its own memory from an offset on to memory of others. */
  copyOut(offset: number, to: readonly DmaSpan[]): EngineStatus {
    return this.#engine.push(this.memory, offset, to);
  }
}

function memoryBar(
  system: System,
  fn: Bdf,
  bar: number | undefined,
): { readonly bar: number; readonly range: PhysRange } {
  const bars = system.physical.regions
    .flatMap((region) => (region.kind === "bar" && region.owner === fn ? [region] : []))
    .filter((region) => bar === undefined || region.bar === bar)
    .sort((a, b) => b.range.sizeBytes - a.range.sizeBytes);
  const [largest] = bars;
  if (largest !== undefined) return largest;
  throw new PeerlaneError("unsupported", `${formatBdf(fn)} has no memory BAR with an address`, {
    place: { file: system.machine.source.name },
    remedy: "'peerlane explain' says which BARs a function has",
  });
}
