import type { TransferFailure } from "../../devices/bus-master.ts";
import type { SystemChoice } from "../../devices/system-options.ts";
import type { Machine } from "../../host/machine.ts";
import type { Bdf } from "../../pci/bdf.ts";
import type { TransferOutcome, TransferReport } from "../outcome.ts";
import type { TrafficReport } from "../traffic-report.ts";
import type { Trace } from "./trace.ts";
import type { Workload, WorkloadStep } from "./workload.ts";

/** Whose memory a transfer went through, or to. `none`: it did not come to that. */
export type MemoryUse =
  | { readonly source: "peer"; readonly provider: Bdf }
  | { readonly source: "ram" | "none"; readonly why: string };

/** One transfer of a step. */
export interface Transfer {
  readonly report: TransferReport;
  readonly memory: MemoryUse;
}

/**
 * How a step ended: as the worst of its transfers did. `not-run`: a device could not be brought up, a target or a copy was
 * refused the provider that it named, or the model had no memory left. `unknown`: the source hides what decides.
 */
export type StepOutcome = TransferOutcome | "not-run" | "unknown";

/** Requests that the same thing happened to. */
export interface RepeatedFailure extends TransferFailure {
  /** The first one is described; how many there were, and their bytes together. */
  readonly times: number;
  readonly allBytes: Pick<TransferFailure, "lengthBytes" | "arrivedBytes" | "sentBytes">;
}

/** A kind of memory with the transfers that used it. */
export type CountedMemory = MemoryUse & { readonly transfers: number };

/** Bytes of transfers, compared at the owner of the target. */
export interface CheckedBytes {
  readonly rightBytes: number;
  /** Every driver saw success, and the owner does not have what the source had. */
  readonly wrongBytes: number;
  /** A driver knows that the transfer did not work. */
  readonly failedBytes: number;
  /** The model does not hold both ends. */
  readonly uncheckedBytes: number;
}

/** Whose memory a step's device reads or writes past RAM. */
export interface StepPair {
  readonly provider: Bdf;
  readonly client: Bdf;
}

/** A step after its run. */
export interface StepRun {
  readonly step: WorkloadStep;
  readonly outcome: StepOutcome;
  /** The first thing that went wrong, in words; `null` where nothing did. */
  readonly why: string | null;
  /** Names of errors, each once: errnos of refusals, statuses of devices, how requests ended that nobody was told of. */
  readonly errors: readonly string[];
  /** Whether it ended as it was to: as its step expects, else with every byte right at its owner. */
  readonly isAsExpected: boolean;
  readonly transfers: Readonly<Record<TransferOutcome, number>>;
  readonly lengthBytes: number;
  /** Most used first. */
  readonly memory: readonly CountedMemory[];
  readonly checked: CheckedBytes;
  /** The first few kinds. */
  readonly failures: readonly RepeatedFailure[];
  readonly iommuFaults: number;
  /** Whose memory whom reached past RAM. */
  readonly pairs: readonly StepPair[];
  /**
   * What the outcome rests on where nobody shows, documents or specifies what really happens; empty where all is known.
   * With any of it, `done` is no promise.
   */
  readonly assumptions: readonly string[];
  readonly traffic: TrafficReport;
  /** What it did beside its transfers, as sentences: what was exported, who waits for whom, what is done. */
  readonly events: readonly string[];
  /** What devices that do not stop can still reach of memory that was taken back, as sentences. */
  readonly leftOpen: readonly string[];
  /** The same by way of RAM; `null` where it was not asked for. */
  readonly staged: StepRun | null;
}

/** What became of a workload as a whole; `unknown` too where an outcome rests on assumptions. */
export type SimulationOutcome = "delivered" | "failed" | "unknown";

/** A workload after its run. */
export interface Simulation {
  readonly workload: Workload;
  readonly machine: Machine;
  readonly outcome: SimulationOutcome;
  /** Why no model could be made of the machine; `null` where there is one. */
  readonly hidden: string | null;
  /** What the model decided where the machine's description is silent. */
  readonly choices: readonly SystemChoice[];
  readonly steps: readonly StepRun[];
  /** All steps together, without the runs that they were compared with; `null` without a model. */
  readonly traffic: TrafficReport | null;
  /** `null` unless asked for. */
  readonly trace: Trace | null;
}
