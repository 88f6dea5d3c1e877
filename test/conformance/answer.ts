import type { PeerMapType } from "../../src/dma/dma-device.ts";
import type { Bdf } from "../../src/pci/bdf.ts";

/** A provider and a client. */
export interface Pair {
  readonly provider: Bdf;
  readonly client: Bdf;
}

/** How one direction of I/O with a page of peer memory went, as far as the one who answers can see it. */
export interface Transfer {
  /** Whether the system call of the I/O reported success. */
  readonly isReported: boolean;
  /** Whether an IOMMU fault was seen; `null` where nothing was seen and that proves nothing. */
  readonly isFaulted: boolean | null;
  /** Whether the bytes were right afterwards; `null` where nobody looked. */
  readonly isRight: boolean | null;
}

/** What somebody who decides on peer memory says of one pair. */
export interface Answer {
  readonly mapType: PeerMapType;
  /** Steps on the path; `null` for one who does not count them. */
  readonly hops: number | null;
  /** The client reads the provider's memory, and writes it; `null` for one who moves nothing. */
  readonly read: Transfer | null;
  readonly write: Transfer | null;
}

/** One of those who decide: the rules, the model, a kernel. */
export interface Subject {
  readonly name: string;
  answer(pair: Pair): Answer;
}
