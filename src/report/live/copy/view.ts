import type { Machine } from "../../../host/machine.ts";
import type { MapType } from "../../../p2pdma/verdict.ts";
import type { Bdf } from "../../../pci/bdf.ts";
import type { Known } from "../../../pci/known.ts";

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

/** A copy after it ran. */
export interface CopyResultView {
  readonly plan: CopyPlanView;
  readonly outcome: "copied" | "interrupted" | "failed" | "data-loss";
  readonly path: CopyPathView;
  readonly shape: { readonly depth: number; readonly chunkBytes: number };
  readonly resumedFromBytes: number;
  readonly memoryBytes: number;
  readonly cpuBytes: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly sampledChunks: number;
  readonly verification: {
    readonly state: "not-asked" | "same" | "differs" | "not-finished";
    readonly seconds: number;
  };
  readonly loss: {
    readonly foundBy: "first-chunk" | "sample" | "verification";
    readonly difference: {
      readonly offset: number;
      readonly looks: "zeros" | "ones" | "never-read" | "never-written" | "other";
      readonly source: string;
      readonly target: string;
    };
  } | null;
  readonly failure: {
    readonly kind: string;
    readonly message: string;
    readonly remedy: string;
    readonly errno: string | null;
    readonly positionBytes: number | null;
  } | null;
  readonly journal: string | null;
  readonly journalledBytes: number;
  readonly warnings: readonly string[];
  readonly messages: readonly { readonly timeUs: number; readonly text: string }[];
}
