import type { DmaErrno } from "../dma/dma-error.ts";
import type { DmaEntry } from "../dma/scatterlist.ts";
import type { RouteHop, RouteOutcome } from "../fabric/route.ts";
import type { CostCounters } from "../memory/cost.ts";
import type { Preparation } from "./design.ts";
import type { SegmentKind } from "./list-kinds.ts";

/**
 * How a run ended, best first. `refused`: somebody said no, by name; `fault`: a request was answered with an error;
 * `lost`: a request was taken and its bytes are nowhere; `wrong-address`: other bytes were reached than those of the list.
 */
export const LAB_OUTCOMES = ["right", "refused", "fault", "lost", "wrong-address"] as const;

/** One of {@link LAB_OUTCOMES}. */
export type LabOutcome = (typeof LAB_OUTCOMES)[number];

/** The worse of two. */
export function worse(a: LabOutcome, b: LabOutcome): LabOutcome {
  return LAB_OUTCOMES.indexOf(a) >= LAB_OUTCOMES.indexOf(b) ? a : b;
}

/** Who said no, and why. */
export interface Refusal {
  readonly phase: Preparation | "mapping";
  readonly errno: DmaErrno;
  readonly reason: string;
}

/** The first request that did not do what it should. */
export interface Mishap {
  readonly direction: "read" | "write";
  readonly segment: number;
  readonly kind: SegmentKind;
  /** What the device put into its request. */
  readonly dmaAddress: number;
  readonly routeOutcome: RouteOutcome;
  /** The place that the segment has, and the one that was reached, in words; `null` where none was. */
  readonly expected: string;
  readonly reached: string | null;
  readonly hops: readonly RouteHop[];
}

/** Operations of a run by its parts. `unmap` has those of releasing what was prepared. */
export interface RunCost {
  readonly prepare: CostCounters;
  readonly map: CostCounters;
  readonly unmap: CostCounters;
}

/** What a run came to. */
export interface RunResult {
  /** Reads and writes of the device apart: a root complex may take only one of them. */
  readonly read: LabOutcome;
  readonly write: LabOutcome;
  readonly refusal: Refusal | null;
  readonly mishap: Mishap | null;
  readonly cost: RunCost;
  /** DMA entries, of which the first few are kept. */
  readonly entryCount: number;
  readonly entries: readonly DmaEntry[];
  /** Payload that passed through the root complex from port to port, as a part of the list's peer bytes: 0 to 1. */
  readonly throughRoot: number;
  /** The part of the list's peer bytes that the design moved to system memory without a word: 0 to 1. */
  readonly inHostMemory: number;
  readonly structPageBytes: number;
  /** Whether everything was as before once the list was unmapped. */
  readonly isRestored: boolean;
  /** Whether nothing but the list's bytes was written to. */
  readonly isContained: boolean;
}

/** Both directions in one. */
export function outcomeOf({ read, write }: Pick<RunResult, "read" | "write">): LabOutcome {
  return worse(read, write);
}
