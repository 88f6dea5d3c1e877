import type { PhysRange } from "../pci/addresses.ts";
import type { Bdf } from "../pci/bdf.ts";

/**
 * Whose memory a physical range is, all that mapping needs to know of it (`struct p2pdma_provider`, Linux 6.19 and
 * newer): the function that owns the BAR, where the BAR is and what its bus adds. One object per BAR: identity is equality.
 */
export interface Provider {
  readonly owner: Bdf;
  /** Index of the BAR. */
  readonly bar: number;
  /** Bus address of the BAR − its CPU physical address, in bytes; of either sign. */
  readonly busOffset: number;
  /** The BAR in CPU physical addresses: nothing outside of it is this provider's. */
  readonly range: PhysRange;
}
