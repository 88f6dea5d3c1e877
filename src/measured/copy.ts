import type { Machine } from "../host/machine.ts";
import type { Bdf } from "../pci/bdf.ts";
import type { Known } from "../pci/known.ts";
import type { MapType } from "../rules/verdict.ts";

/** As much of a disk as reports show. */
export interface CopyDiskView {
  readonly kind: "device";
  readonly name: string;
  readonly path: string;
  readonly sizeBytes: number;
  readonly logicalBlockBytes: number;
  readonly functions: readonly Bdf[];
  readonly identity: string | null;
}

/** As much of a file as reports show. */
export interface CopyFileView {
  readonly kind: "file";
  readonly path: string;
  readonly sizeBytes: number;
  readonly logicalBlockBytes: number;
  readonly device: { readonly name: string; readonly functions: readonly Bdf[] } | null;
}

/** One end of a copy. */
export type CopyEndView = CopyDiskView | CopyFileView;

/** Through which memory it goes. */
export type CopyPathView =
  | {
      readonly kind: "peer";
      readonly choice: {
        readonly pool: { readonly provider: Bdf };
        readonly distance: Known<number>;
        readonly ties: readonly Bdf[];
      };
      readonly clients: readonly { readonly client: Bdf; readonly mapType: MapType }[];
    }
  | { readonly kind: "dram"; readonly reason: string };

/** A copy before it runs; `src/live/copy` plans it. */
export interface CopyPlanView {
  readonly host: { readonly machine: Machine };
  readonly ends: { readonly source: CopyEndView; readonly target: CopyEndView; readonly isNew: boolean };
  readonly ranges: { readonly sourceStart: number; readonly targetStart: number; readonly lengthBytes: number };
  readonly path: CopyPathView;
  readonly chunkBytes: number;
  readonly depth: number;
  readonly journalPath: string;
  readonly resumed: { readonly completedBytes: number } | null;
  readonly warnings: readonly string[];
}

/** Whether all was read back and compared. */
export interface VerificationView {
  readonly state: "not-asked" | "same" | "differs" | "not-finished";
  readonly seconds: number;
}

/** Where two ranges first differ, and how the target looks there. */
export interface DifferenceView {
  /** Bytes from the start of the copied range. */
  readonly offset: number;
  readonly looks: "zeros" | "ones" | "never-read" | "never-written" | "other";
  /** A few bytes of each side from there, in hex. */
  readonly source: string;
  readonly target: string;
}

/** Data that did not arrive. */
export interface LossView {
  readonly difference: DifferenceView;
  readonly foundBy: "first-chunk" | "sample" | "verification";
  /** What else would make both ends differ: what is ruled out, and what stays open. Sentences. */
  readonly ruledOut: readonly string[];
  readonly open: readonly string[];
}

/** A copy after it ran. */
export interface CopyResultView {
  readonly plan: CopyPlanView;
  readonly outcome: "copied" | "interrupted" | "failed" | "data-loss";
  /** What was used in the end, and how much of it. */
  readonly path: CopyPathView;
  readonly shape: { readonly depth: number; readonly chunkBytes: number };
  /** Bytes of the range that earlier runs had copied. */
  readonly resumedFromBytes: number;
  /** Of these: what this run compared once more. */
  readonly comparedBytes: number;
  /** Moved by this run through the transfer memory, and by the CPU (the part of a block at the end). */
  readonly memoryBytes: number;
  readonly cpuBytes: number;
  /** From the first read to the last flush. */
  readonly seconds: number;
  /** CPU time of this process during that, in seconds. */
  readonly cpuSeconds: number;
  /** Chunks, besides the first, that were read back and were right. */
  readonly sampledChunks: number;
  readonly verification: VerificationView;
  /** Where the data is wrong, and what found it. */
  readonly loss: LossView | null;
  /** Why it ended early. */
  readonly failure: {
    readonly kind: string;
    readonly message: string;
    readonly remedy: string;
    readonly errno: string | null;
    readonly positionBytes: number | null;
  } | null;
  /** The journal to go on from; `null` where there is nothing to resume. */
  readonly journal: string | null;
  readonly journalledBytes: number;
  readonly warnings: readonly string[];
  /** What the kernel logged during the copy, where something went wrong. */
  readonly messages: readonly { readonly timeUs: number; readonly text: string }[];
}
