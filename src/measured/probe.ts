import type { RoutedAnswer } from "../answers/answer.ts";
import type { Bdf } from "../pci/bdf.ts";
import type { MapType } from "../rules/verdict.ts";
import type { VerdictTable } from "../rules/verdict-table.ts";
import type { LeftAlone, PoolUserView } from "./pools.ts";

/** What is in the place of the bytes that did not arrive. */
export type Filling = "before" | "ones" | "zeros";

/** What became of data that should have arrived in a buffer; offsets are bytes from its start. */
export type Damage =
  /** Every byte is as it should be. */
  | { readonly kind: "right" }
  /** What was there before is still there: the data never arrived. */
  | { readonly kind: "untouched" }
  | { readonly kind: "all-ones" }
  | { readonly kind: "all-zeros" }
  /** The beginning arrived, and nothing of the rest. */
  | { readonly kind: "torn"; readonly bytes: number; readonly rest: Filling }
  /** Whole blocks were left out: what was there before is still in their place. */
  | { readonly kind: "holes"; readonly firstOffset: number; readonly blocks: number }
  /** Blocks hold data that belongs elsewhere; `from` is where the first of them belongs. */
  | { readonly kind: "reordered"; readonly firstOffset: number; readonly from: number; readonly blocks: number }
  /** Something else; the first 16 bytes that differ, in hex. */
  | {
      readonly kind: "corrupted";
      readonly firstOffset: number;
      readonly blocks: number;
      readonly expected: string;
      readonly actual: string;
    };

/** How one read or write ended: bytes moved, and the error's name where it failed. */
export interface MeasuredIo {
  readonly bytes: number;
  readonly errno: string | null;
}

/** What the data of a trial was found to be. */
export type DataState =
  | Damage
  /** The disk's own data changed between two reads through DRAM: nothing can be said. */
  | { readonly kind: "changing" }
  /** The same I/O through DRAM does not work: the fault is not in the peer path. */
  | { readonly kind: "control-failed"; readonly io: MeasuredIo; readonly damage: Damage | null }
  /** The CPU does not read back from peer memory what it stored there. */
  | { readonly kind: "memory-fails"; readonly damage: Damage }
  /** The data arrived, and something was written beside it. */
  | { readonly kind: "spilled"; readonly side: "before" | "behind" }
  /** The I/O moved nothing. */
  | { readonly kind: "not-tested" };

/** What the kernel did with I/O of one direction. */
export type KernelOutcome =
  /** It took all that was tried. */
  | { readonly kind: "accepted"; readonly bytes: number; readonly count: number }
  /** It refuses this memory for this disk. */
  | { readonly kind: "refused"; readonly errno: string }
  /** It took the I/O, and an error came back. */
  | { readonly kind: "failed"; readonly errno: string; readonly count: number; readonly of: number }
  | { readonly kind: "short"; readonly bytes: number; readonly of: number; readonly count: number }
  | { readonly kind: "not-tested"; readonly why: string; readonly isAsked: boolean };

/** As much of one measured I/O as reports show; `src/live/probe` makes it. */
export interface TrialView {
  readonly sizeBytes: number;
  readonly position: number;
  readonly bufferOffset: number;
  readonly io: MeasuredIo | null;
  readonly state: DataState;
  readonly isDistinct: boolean;
}

/** What became of the data. */
export interface DataOutcome {
  /** `none`: there was no data to judge, since the kernel took no I/O; `unknown`: it could not be judged. */
  readonly kind: "right" | "lost" | "unknown" | "none" | "not-tested";
  /** How, in words. */
  readonly text: string;
  /** I/Os whose data was right, and those whose data could be judged. */
  readonly rightCount: number;
  readonly judgedCount: number;
  /** Right data of blocks that are alike: it does not show that none was moved. */
  readonly alikeCount: number;
}

/** One direction of a pair: `into` peer memory (the client writes), or `out` of it (the client reads). */
export interface DirectionView {
  readonly direction: "into" | "out";
  readonly kernel: KernelOutcome;
  /** The kernel's outcome in words. */
  readonly kernelText: string;
  readonly data: DataOutcome;
  readonly trials: readonly TrialView[];
}

/** A fault of an IOMMU. */
export interface FaultView {
  readonly iommu: "intel" | "amd" | "arm-smmu-v3" | "arm-smmu" | "virtio";
  readonly requester: Bdf | null;
  readonly access: "read" | "write" | null;
  readonly address: number | null;
  readonly reason: string | null;
  readonly providerBar: number | null;
}

/** How a pair stands, in the order in which pairs are shown. */
export type PairClass = "disagreement" | "loss" | "failure" | "unknown" | "fine";

/** A provider with a disk: what the rules say, what the kernel did, what became of the data. */
export interface ProbedPairView {
  readonly provider: Bdf;
  readonly device: { readonly name: string; readonly identity: string | null; readonly sizeBytes: number };
  readonly isNamed: boolean;
  /** What is said of each function of the disk, which move its data. */
  readonly clients: readonly RoutedAnswer[];
  /** The map type of all of them, `unknown` where they differ. */
  readonly mapType: MapType;
  /** The disk's own controller is the provider. */
  readonly isOwnMemory: boolean;
  readonly into: DirectionView;
  readonly out: DirectionView;
  readonly messages: readonly { readonly timeUs: number; readonly text: string }[];
  readonly faults: readonly FaultView[];
  readonly class: PairClass;
  readonly findings: readonly { readonly kind: string; readonly text: string; readonly advice: readonly string[] }[];
}

/** A provider of which no memory could be had. */
export interface ExhaustedPool {
  readonly provider: Bdf;
  readonly users: readonly PoolUserView[];
}

/** Sizes of I/O for which a provider's pool had no room. */
export interface UntriedSizes {
  readonly provider: Bdf;
  readonly sizes: readonly number[];
}

/** A whole run of probe. */
export interface ProbeView {
  readonly table: VerdictTable;
  readonly sizes: readonly number[];
  /** Tells the stamps of this run, in hex. */
  readonly nonce: string;
  /** Disagreements first, then losses, then the rest. */
  readonly pairs: readonly ProbedPairView[];
  readonly exhausted: readonly ExhaustedPool[];
  readonly untried: readonly UntriedSizes[];
  /** Pools that were not tried since they are in use or not published; none where providers were named. */
  readonly leftAlone: readonly LeftAlone[];
  /** Why the kernel's log could not be read, `null` where it was. */
  readonly kernelLog: string | null;
  /** Ranges that earlier runs did not put back. */
  readonly leftRescues: readonly {
    readonly path: string;
    readonly rescue: { readonly target: { readonly name: string }; readonly position: number };
  }[];
  /** All that was asked works; something is wrong; something could not be told; nothing could be tested. */
  readonly answer: "yes" | "no" | "unknown" | "nothing";
}
