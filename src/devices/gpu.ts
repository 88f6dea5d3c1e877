import type { Device } from "../host/select.ts";
import type { ByteStore } from "../memory/bytes.ts";
import { PageAllocator } from "../memory/page-allocator.ts";
import { type DmaSpan, PAGE_BYTES, type PhysAddr, type PhysRange } from "../pci/addresses.ts";
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
  readonly #allocator: PageAllocator;
  readonly #engine: DmaEngine;

  /** Throws `unsupported` where the function has no such memory BAR with an address. */
  constructor(system: System, device: Device, options: GpuOptions = {}) {
    const fn = functionIn(system, device, "Gpu");
    const { bar, range } = memoryBar(system, fn, options.bar);
    this.#engine = new DmaEngine(system, fn);
    this.bus = this.#engine.bus;
    this.fn = fn;
    this.bar = bar;
    this.range = range;
    this.memory = system.fabric.barBytes(fn, bar);
    this.#allocator = new PageAllocator(0, Math.max(1, Math.floor(range.sizeBytes / PAGE_BYTES)));
  }

  /** Takes whole pages of its memory, as CPU physical addresses; `null` where there is no run as long. */
  alloc(sizeBytes: number): PhysRange | null {
    const pages = Math.ceil(sizeBytes / PAGE_BYTES);
    const page = this.#allocator.alloc(pages);
    if (page < 0) return null;
    return { start: (this.range.start + page * PAGE_BYTES) as PhysAddr, sizeBytes: pages * PAGE_BYTES };
  }

  /** Gives back what {@link alloc} gave. */
  free(range: PhysRange): void {
    this.#allocator.free((range.start - this.range.start) / PAGE_BYTES, range.sizeBytes / PAGE_BYTES);
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
