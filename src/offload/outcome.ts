import type { TransferFailure } from "../devices/bus-master.ts";
import type { DmaErrno } from "../dma/dma-error.ts";
import type { RouteOutcome } from "../fabric/route.ts";
import type { UserErrno } from "../memory/user-result.ts";
import type { Failure } from "../pci/errno.ts";
import type { TrafficReport } from "./traffic-report.ts";

/**
 * How a transfer ended. `done`: every byte is where it belongs, as far as the model holds both ends. `mapping-failed`: the DMA API refused, and nothing was
 * issued for that step. `device-error`: a device told its driver. `silent-loss`: every driver saw success, and the fabric
 * did not deliver. `wrong-bytes`: every driver saw success, the fabric delivered, and the bytes are not there.
 */
export const TRANSFER_OUTCOMES = ["done", "mapping-failed", "device-error", "silent-loss", "wrong-bytes"] as const;

/** One of {@link TRANSFER_OUTCOMES}. */
export type TransferOutcome = (typeof TRANSFER_OUTCOMES)[number];

/** What is known of a transfer, from each who saw a part of it. */
export interface TransferReport {
  readonly outcome: TransferOutcome;
  readonly lengthBytes: number;
  /** What the drivers saw: `success`, the status that a device gave, or the errno of the mapping. */
  readonly driverSaw: string;
  /** The fabric's view: `delivered`, or how the first request ended that was not. */
  readonly fabricSaw: RouteOutcome;
  /** Why mapping failed, `null` where it did not. */
  readonly mappingFailure: StepFailure | null;
  /** What the fabric did not deliver, whoever learned of it. */
  readonly failures: readonly TransferFailure[];
  /** Whether the owner of the target has the bytes of the source; `null` where the model does not hold both. */
  readonly bytesMatch: boolean | null;
  readonly traffic: TrafficReport;
}

/** Why memory could not be mapped for a device, or taken from a process. */
export type StepFailure = Failure<DmaErrno | UserErrno>;

/** One step of a transfer: a device's status, or why its memory could not be mapped. */
export type StepResult = { readonly status: string } | StepFailure;

/** True where a step went well, as its driver sees it. */
export function isSuccess(step: StepResult): boolean {
  return "status" in step && step.status === "success";
}

/** Puts the views together. */
export function conclude(
  step: StepResult,
  seen: Pick<TransferReport, "lengthBytes" | "failures" | "bytesMatch" | "traffic">,
): TransferReport {
  const [first] = seen.failures;
  const mappingFailure = "status" in step ? null : step;
  return {
    ...seen,
    outcome: outcomeOf(step, seen.failures, seen.bytesMatch),
    driverSaw: "status" in step ? step.status : step.errno,
    fabricSaw: first?.outcome ?? "delivered",
    mappingFailure,
  };
}

function outcomeOf(
  step: StepResult,
  failures: readonly TransferFailure[],
  bytesMatch: boolean | null,
): TransferOutcome {
  if (!("status" in step)) return "mapping-failed";
  if (step.status !== "success") return "device-error";
  if (failures.length > 0) return "silent-loss";
  return bytesMatch === false ? "wrong-bytes" : "done";
}

/** True where two runs of bytes are the same. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
