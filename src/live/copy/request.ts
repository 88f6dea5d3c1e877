/** What the user asks of a copy, with sizes in bytes and defaults filled in. */
export interface CopyRequest {
  /** Words that name disks or files, as `findDataFile` takes them. */
  readonly source: string;
  readonly target: string;
  /** The provider to use, by any name of the device; without it the one that the kernel would choose. */
  readonly via: string | null;
  /** Whether memory may be used that its driver did not publish. */
  readonly allowUnpublished?: boolean;
  readonly sourceOffsetBytes: number;
  readonly targetOffsetBytes: number;
  /** Without it, up to the end of the source. */
  readonly lengthBytes: number | null;
  readonly chunkBytes: number;
  /** Chunks in flight. */
  readonly depth: number;
  readonly verify: boolean;
  readonly resume: boolean;
  /** Where the journal lies; without it in the user's folder of state. */
  readonly journal: string | null;
  /** The target is flushed and the journal written after so much (and after a second in any case). */
  readonly syncEveryBytes: number;
  /** Whether DRAM may take the place of peer memory. */
  readonly fallback: boolean;
}

/** Threads of libuv's pool bound what can be in flight. */
export const MAX_DEPTH = 64;
/** What the kernel splits into requests of its own anyway; more only takes memory. */
export const MAX_CHUNK: number = 64 * 2 ** 20;
/** Below this the calls cost more than the transfers. */
export const LEAST_CHUNK: number = 64 * 2 ** 10;
/** What is used where the user asks for nothing else. */
export const DEFAULT_CHUNK: number = 2 ** 20;
export const DEFAULT_DEPTH = 4;
export const DEFAULT_SYNC_EVERY: number = 256 * 2 ** 20;
