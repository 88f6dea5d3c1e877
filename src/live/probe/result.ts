import type { PeerRouting } from "../../fabric/index.ts";
import type { MapType, Verdict, VerdictTable } from "../../p2pdma/index.ts";
import type { Bdf } from "../../pci/bdf.ts";
import type { BlockDevice } from "../block/block-device.ts";
import type { PoolUser } from "../pools/memory-pool.ts";
import type { DirectionResult } from "./direction.ts";
import type { PairMessages } from "./evidence.ts";
import type { LeftRescue } from "./rescue-store.ts";

/** What the rules say of one function that moves the disk's data, and where the fabric's model leads its requests. */
export interface ClientVerdict {
  readonly verdict: Verdict;
  readonly routing: PeerRouting | null;
}

/** What was measured of a provider with a disk. */
export interface MeasuredPair extends PairMessages {
  readonly provider: Bdf;
  readonly device: BlockDevice;
  readonly isNamed: boolean;
  /** One for each function of the disk. */
  readonly clients: readonly ClientVerdict[];
  /** The map type of all of them, `unknown` where they differ. */
  readonly mapType: MapType;
  /** The disk's own controller is the provider. */
  readonly isOwnMemory: boolean;
  readonly into: DirectionResult;
  readonly out: DirectionResult;
}

/** How a pair stands, in the order in which pairs are shown. */
export type PairClass = "disagreement" | "loss" | "failure" | "unknown" | "fine";

/** One thing to know of a pair, and what to do. */
export interface Finding {
  readonly kind:
    | "loss"
    | "refused"
    | "allowed"
    | "failed"
    | "short"
    | "unsupported"
    | "untested"
    | "changing"
    | "control-failed"
    | "went-to-iommu"
    | "prediction-differs"
    | "alike"
    | "own-memory";
  readonly text: string;
  readonly advice: readonly string[];
}

/** A pair with what follows. */
export interface ProbedPair extends MeasuredPair {
  readonly class: PairClass;
  readonly findings: readonly Finding[];
}

/** A provider of which no memory could be had. */
export interface ExhaustedPool {
  readonly provider: Bdf;
  readonly users: readonly PoolUser[];
}

/** Sizes of I/O for which a provider's pool had no room. */
export interface UntriedSizes {
  readonly provider: Bdf;
  readonly sizes: readonly number[];
}

/** What a run of probe found. */
export interface ProbeResult {
  readonly table: VerdictTable;
  readonly sizes: readonly number[];
  /** Tells the stamps of this run, in hex. */
  readonly nonce: string;
  /** Disagreements first, then losses, then the rest. */
  readonly pairs: readonly ProbedPair[];
  readonly exhausted: readonly ExhaustedPool[];
  readonly untried: readonly UntriedSizes[];
  /** Why the kernel's log could not be read, `null` where it was. */
  readonly kernelLog: string | null;
  /** Ranges that earlier runs did not put back. */
  readonly leftRescues: readonly LeftRescue[];
  /** All that was asked works; something is wrong; something could not be told; nothing could be tested. */
  readonly answer: "yes" | "no" | "unknown" | "nothing";
}
