import type { Bdf } from "../pci/bdf.ts";

/**
 * Whose memory a physical range is, all that mapping needs to know of it (`struct p2pdma_provider`, Linux 6.19 and
 * newer): the function that owns the BAR and what its bus adds. One object per BAR: identity is equality.
 */
export interface Provider {
  readonly owner: Bdf;
  /** Index of the BAR. */
  readonly bar: number;
  /** Bus address of the BAR − its CPU physical address, in bytes; of either sign. */
  readonly busOffset: number;
}
