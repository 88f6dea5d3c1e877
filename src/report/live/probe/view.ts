import type { PeerRouting } from "../../../fabric/index.ts";
import type { MapType, Verdict } from "../../../p2pdma/verdict.ts";
import type { VerdictTable } from "../../../p2pdma/verdict-table.ts";
import type { Bdf } from "../../../pci/bdf.ts";

/** As much of one measured I/O as reports show; `src/live/probe` makes it. */
export interface TrialView {
  readonly sizeBytes: number;
  readonly position: number;
  readonly bufferOffset: number;
  readonly io: { readonly bytes: number; readonly errno: string | null } | null;
  /** `kind`, and what belongs to it. */
  readonly state: { readonly kind: string };
  readonly isDistinct: boolean;
}

/** One direction of a pair. */
export interface DirectionView {
  readonly direction: "into" | "out";
  readonly kernel: { readonly kind: "accepted" | "refused" | "failed" | "short" | "not-tested" };
  readonly kernelText: string;
  readonly data: {
    readonly kind: "right" | "lost" | "unknown" | "none" | "not-tested";
    readonly text: string;
    readonly rightCount: number;
    readonly judgedCount: number;
    readonly alikeCount: number;
  };
  readonly trials: readonly TrialView[];
}

/** A fault of an IOMMU. */
export interface FaultView {
  readonly iommu: string;
  readonly requester: Bdf | null;
  readonly access: "read" | "write" | null;
  readonly address: number | null;
  readonly reason: string | null;
  readonly providerBar: number | null;
}

/** A provider with a disk: what the rules say, what the kernel did, what became of the data. */
export interface ProbedPairView {
  readonly provider: Bdf;
  readonly device: { readonly name: string; readonly identity: string | null; readonly sizeBytes: number };
  readonly isNamed: boolean;
  readonly clients: readonly { readonly verdict: Verdict; readonly routing: PeerRouting | null }[];
  readonly mapType: MapType;
  readonly isOwnMemory: boolean;
  readonly into: DirectionView;
  readonly out: DirectionView;
  readonly messages: readonly { readonly timeUs: number; readonly text: string }[];
  readonly faults: readonly FaultView[];
  readonly class: "disagreement" | "loss" | "failure" | "unknown" | "fine";
  readonly findings: readonly { readonly kind: string; readonly text: string; readonly advice: readonly string[] }[];
}

/** A whole run of probe. */
export interface ProbeView {
  readonly table: VerdictTable;
  readonly sizes: readonly number[];
  readonly nonce: string;
  readonly pairs: readonly ProbedPairView[];
  readonly exhausted: readonly {
    readonly provider: Bdf;
    readonly users: readonly { readonly pid: number; readonly command: string; readonly sizeBytes: number }[];
  }[];
  readonly untried: readonly { readonly provider: Bdf; readonly sizes: readonly number[] }[];
  readonly kernelLog: string | null;
  readonly leftRescues: readonly {
    readonly path: string;
    readonly rescue: { readonly target: { readonly name: string }; readonly position: number };
  }[];
  readonly answer: "yes" | "no" | "unknown" | "nothing";
}
