import { PeerlaneError } from "../../pci/error.ts";
import { TRANSFER_OUTCOMES, type TransferOutcome } from "../outcome.ts";
import { reportTraffic } from "../traffic-report.ts";
import { copyTransfers } from "./copy-transfers.ts";
import type { WorkloadDevices } from "./devices.ts";
import { gpuTransfers } from "./gpu-transfers.ts";
import { sizeOfStep } from "./limits.ts";
import { placed } from "./placed-error.ts";
import { sharingTransfers } from "./sharing-transfers.ts";
import type { StepOutcome, StepRun, Transfer } from "./simulation.ts";
import type { Expected } from "./step-base.ts";
import { StepEvents } from "./step-events.ts";
import { pairsOfStep } from "./step-pairs.ts";
import { StepTally } from "./step-tally.ts";
import { targetTransfers } from "./target-transfers.ts";
import type { WorkloadStep } from "./workload.ts";

/** What a run tells while it goes on. */
export interface StepHooks {
  /** Before a step brings its devices up (0), and before each of its transfers (from 1 on). */
  startTransfer(transfer: number): void;
  finishTransfer(): void;
}

/** Seeds of one step's transfers lie apart from those of another. */
const SEEDS_OF_STEP = 2 ** 20;

/**
 * Runs a step. Whatever happens to its transfers is in the result; throws, with the place, for what the file is to blame
 * for: sizes that are no whole blocks, places outside of a BAR.
 */
export function runStep(devices: WorkloadDevices, step: WorkloadStep, index: number, hooks: StepHooks): StepRun {
  const { system } = devices;
  const mark = system.traffic.mark();
  system.fabric.takeReached();
  const faults = faultsOf(devices);
  const tally = new StepTally();
  const events = new StepEvents();
  const ended = transferAll(devices, step, index * SEEDS_OF_STEP, { tally, events, hooks });
  if (ended !== null || tally.transfers["device-error"] > 0) devices.stopDrives();
  const reached = system.fabric.takeReached();
  const outcome = ended?.outcome ?? tally.outcome;
  const errors = ended?.errors ?? tally.errors;
  return {
    step,
    outcome,
    why: ended?.why ?? tally.why(step.expected === null ? null : wantedOf(step.expected)),
    errors,
    isAsExpected: isAsExpected(step.expected, { outcome, errors, transfers: tally.transfers }),
    transfers: tally.transfers,
    lengthBytes: sizeOfStep(step).lengthBytes,
    memory: tally.memory,
    checked: tally.checked,
    failures: tally.failures,
    iommuFaults: faultsOf(devices) - faults,
    assumptions: devices.assumptions.of(reached, tally.failures),
    traffic: reportTraffic(system, system.traffic.since(mark)),
    pairs: pairsOfStep(devices, step, tally.memory),
    events: events.happened,
    leftOpen: events.leftOpen,
    staged: null,
  };
}

/** Why a step ended before all of its transfers were tried; `null` where it did not. */
type Ended = { readonly outcome: StepOutcome; readonly why: string; readonly errors: readonly string[] } | null;

function transferAll(
  devices: WorkloadDevices,
  step: WorkloadStep,
  seed: number,
  { tally, events, hooks }: { readonly tally: StepTally; readonly events: StepEvents; readonly hooks: StepHooks },
): Ended {
  try {
    refusePartsOfBlocks(step);
    hooks.startTransfer(0);
    const transfers = transfersOf(devices, step, seed, events);
    for (let number = 1; ; number++) {
      hooks.startTransfer(number);
      const next = transfers.next();
      if (next.done === true) return null;
      tally.add(next.value);
      hooks.finishTransfer();
    }
  } catch (error) {
    if (error instanceof PeerlaneError && error.code === "unsupported")
      return { outcome: "unknown", why: error.message, errors: [] };
    if (error instanceof PeerlaneError && error.code === "operation-failed") {
      const { errno } = error.facts;
      return { outcome: "not-run", why: error.message, errors: errno === undefined ? [] : [errno] };
    }
    throw placed(error, step.place);
  }
}

/**
 * Whether a step ended as it was to, each of its transfers so: as expected, else with every byte right at its owner. What is
 * refused before anything is transferred is `not-run` by the name of an error.
 */
function isAsExpected(
  expected: Expected | null,
  { outcome, errors, transfers }: Pick<StepRun, "outcome" | "errors" | "transfers">,
): boolean {
  if (expected === null) return outcome === "done";
  const wanted = wantedOf(expected);
  const isRefused = expected.outcome === "refused" && outcome === "not-run" && errors.length > 0;
  if (outcome !== wanted && !isRefused) return false;
  const others = TRANSFER_OUTCOMES.filter((one) => one !== wanted && transfers[one] > 0);
  return others.length === 0 && (expected.error === null || errors.every((error) => error === expected.error));
}

/** How each transfer of a step is to end. */
function wantedOf({ outcome }: Expected): TransferOutcome {
  return outcome === "refused" ? "mapping-failed" : outcome;
}

function transfersOf(
  devices: WorkloadDevices,
  step: WorkloadStep,
  seed: number,
  events: StepEvents,
): Iterator<Transfer> {
  switch (step.kind) {
    case "copy":
      return copyTransfers(devices, step, seed);
    case "nvmeof":
      return targetTransfers(devices, step, seed);
    case "gpu-read":
      return gpuTransfers(devices, step, seed);
    default:
      return sharingTransfers(devices, step, seed, events);
  }
}

function refusePartsOfBlocks(step: WorkloadStep): void {
  for (const { sizeBytes, blockBytes } of blockTransfers(step)) {
    if (sizeBytes % blockBytes === 0) continue;
    throw new PeerlaneError("bad-input", `${sizeBytes} bytes are no whole blocks of ${blockBytes}`, {
      place: step.place,
      remedy: "take a multiple of the block size",
    });
  }
}

/** Sizes of what is read or written in blocks; a copy looks at its own. */
function blockTransfers(step: WorkloadStep): readonly { readonly sizeBytes: number; readonly blockBytes: number }[] {
  switch (step.kind) {
    case "nvmeof":
      return step.drives.flatMap(({ blockBytes }) => step.io.map(({ sizeBytes }) => ({ sizeBytes, blockBytes })));
    case "gpu-read":
    case "direct-io":
      return [{ sizeBytes: step.sizeBytes, blockBytes: step.drive.blockBytes }];
    case "reset":
    case "revoke":
    case "restore":
      return step.during?.way === "direct-io"
        ? [{ sizeBytes: step.during.sizeBytes, blockBytes: step.during.drive.blockBytes }]
        : [];
    default:
      return [];
  }
}

function faultsOf({ system: { units } }: WorkloadDevices): number {
  return units.faults.length + units.droppedFaults;
}
