import type { Bdf } from "../pci/bdf.ts";
import type { TlpClass } from "./ordering.ts";

/** Room for TLPs of one class at a receiver: credits, of headers and of 16 bytes of data each (PCIe 6.0 sec 2.6.1). */
export interface Credits {
  readonly header: number;
  readonly data: number;
}

/** The memory of the host: one for the whole machine. */
export interface MemoryOptions {
  /** 10^9 bytes per second, of reads and writes together. */
  readonly gbps: number;
}

/** Translation of what passes the root complex; `WALKED_IOMMU` of the prediction is one as measured. Completions are not translated. */
export interface IommuOptions {
  /** Translations that it remembers: the last of as many pages, direct-mapped. */
  readonly entries: number;
  /** Nanoseconds of a walk through the page table. */
  readonly walkNs: number;
  /** Walks at once. */
  readonly walkers: number;
  readonly pageBytes: number;
}

/** What of a timed fabric no config space shows. */
export interface TimedOptions {
  /** Of every receiver; where it is not given, {@link BUFFERED_LOOPS} decides. */
  readonly credits?: Readonly<Record<TlpClass, Credits>>;
  readonly memory?: MemoryOptions;
  /** `null`, which is the default: nothing is translated. */
  readonly iommu?: IommuOptions | null;
  /** The part of TLPs that arrive damaged and are sent again, of all links or by the function at a link's lower end; 0 by default. */
  readonly errorRate?: number | ((below: Bdf) => number);
  /** True: requests carry Relaxed Ordering, and completions pass writes. */
  readonly relaxedOrdering?: boolean;
}

/**
 * A receiver has room for this many times what its link carries until credits come back: no register shows it, and
 * devices are built so that it does not hold their link back.
 */
export const BUFFERED_LOOPS = 2;

/** Eight channels of DDR5-4800 have 307 GB/s, of which such controllers reach about four fifths. */
export const ASSUMED_MEMORY: MemoryOptions = { gbps: 250 };

/** Bytes of one credit of data (PCIe 6.0 sec 2.6.1). */
export const CREDIT_BYTES = 16;
export const CREDIT_SHIFT = 4;
