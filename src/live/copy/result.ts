import type { KernelMessage } from "../messages/kernel-log.ts";
import type { MemoryShape } from "./chunks.ts";
import type { Difference } from "./difference.ts";
import type { CopyFailure } from "./failures.ts";
import type { CopyPath } from "./path.ts";
import type { CopyPlan } from "./plan.ts";

/** How a copy went. */
export interface CopyResult {
  readonly plan: CopyPlan;
  readonly outcome: "copied" | "interrupted" | "failed" | "data-loss";
  /** What was used in the end, and how much of it. */
  readonly path: CopyPath;
  readonly shape: MemoryShape;
  /** Bytes of the range that earlier runs had copied. */
  readonly resumedFromBytes: number;
  /** Moved by this run through the transfer memory, and by the CPU (the part of a block at the end). */
  readonly memoryBytes: number;
  readonly cpuBytes: number;
  /** From the first read to the last flush. */
  readonly seconds: number;
  /** CPU time of this process during that, in seconds. */
  readonly cpuSeconds: number;
  /** Chunks, besides the first, that were read back and were right. */
  readonly sampledChunks: number;
  readonly verification: Verification;
  /** Where the data is wrong, and what found it. */
  readonly loss: Loss | null;
  /** Why it ended early. */
  readonly failure: CopyFailure | null;
  /** The journal to go on from; `null` where there is nothing to resume. */
  readonly journal: string | null;
  readonly journalledBytes: number;
  readonly warnings: readonly string[];
  /** What the kernel logged during the copy, where something went wrong. */
  readonly messages: readonly KernelMessage[];
}

/** Whether all was read back and compared. */
export interface Verification {
  readonly state: "not-asked" | "same" | "differs" | "not-finished";
  readonly seconds: number;
}

/** Data that did not arrive. */
export interface Loss {
  readonly difference: Difference;
  readonly foundBy: "first-chunk" | "sample" | "verification";
}
