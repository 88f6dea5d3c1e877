import type { BackendName } from "../../devices/system-options.ts";
import type { Machine } from "../../host/machine.ts";
import { PeerlaneError } from "../../pci/error.ts";
import { afterBoot } from "../../rules/boot-acs.ts";
import { reportTraffic } from "../traffic-report.ts";
import { isAssumedFailure } from "./assumptions.ts";
import { WorkloadDevices } from "./devices.ts";
import { sizeOfStep } from "./limits.ts";
import { systemOptions } from "./model-options.ts";
import { runStep } from "./run-step.ts";
import type { Simulation, SimulationOutcome, StepRun } from "./simulation.ts";
import { TraceRecorder } from "./trace.ts";
import type { Workload, WorkloadStep } from "./workload.ts";

/** How a workload is run. */
export interface RunOptions {
  /** Gather what goes over the fabric; false unless told, as it slows everything down. */
  readonly trace?: boolean;
  /** Told after each transfer: how many are done, of how many. */
  readonly progress?: (done: number, total: number) => void;
}

/**
 * Runs a workload on the model of a machine as it is after its kernel's boot; its own machine unless told, which is booted
 * then. What the machine hides makes outcomes `unknown`; throws `usage` where the workload has no machine of its own, `bad-input`, `unknown-device` or `too-large`, with the place, for steps that do not fit the machine,
 * before anything is run where that can be told before.
 */
export function runWorkload(
  workload: Workload,
  machine: Machine = ownMachine(workload),
  options: RunOptions = {},
): Simulation {
  const recorder = options.trace === true ? new TraceRecorder() : null;
  const runner = new Runner(workload, machine, options.progress);
  const devices = runner.devices(recorder);
  if (typeof devices === "string") return hiddenMachine(workload, machine, devices);
  for (const step of workload.steps) devices.check(step);
  const mark = devices.system.traffic.mark();
  const steps = workload.steps.map((step, index) => runner.run(devices, step, index, recorder));
  return {
    workload,
    machine,
    outcome: outcomeOf(steps),
    hidden: null,
    choices: devices.system.choices,
    steps,
    traffic: reportTraffic(devices.system, devices.system.traffic.since(mark)),
    trace: recorder?.finish() ?? null,
  };
}

function ownMachine({ machine, file }: Workload): Machine {
  if (machine.kind === "inline") return afterBoot(machine.machine);
  throw new PeerlaneError("usage", `${file} names a machine that is elsewhere: ${machine.path}`, {
    place: machine.place,
    remedy: "read it, and give it as the second argument",
  });
}

/** Runs steps one by one, and counts transfers. */
class Runner {
  readonly #workload: Workload;
  readonly #machine: Machine;
  readonly #progress: (done: number, total: number) => void;
  readonly #total: number;
  #done = 0;

  constructor(workload: Workload, machine: Machine, progress: RunOptions["progress"]) {
    this.#workload = workload;
    this.#machine = machine;
    this.#progress = progress ?? ((): void => {});
    this.#total = workload.steps.reduce((sum, step) => sum + sizeOfStep(step).transfers * (step.isCompared ? 2 : 1), 0);
  }

  /** A model of the machine, or why there is none. */
  devices(recorder: TraceRecorder | null, backend?: BackendName): WorkloadDevices | string {
    const { model } = this.#workload;
    const options = systemOptions(this.#machine, model, recorder?.hop);
    try {
      return new WorkloadDevices(this.#machine, backend === undefined ? options : { ...options, backend });
    } catch (error) {
      if (error instanceof PeerlaneError && error.code === "unsupported") return error.message;
      throw error;
    }
  }

  run(devices: WorkloadDevices, step: WorkloadStep, index: number, recorder: TraceRecorder | null): StepRun {
    const run = runStep(devices, step, index, {
      startTransfer: (transfer) => recorder?.startTransfer(index, transfer),
      finishTransfer: () => this.#progress(++this.#done, this.#total),
    });
    return step.isCompared ? { ...run, staged: this.#runStaged(step, index) } : run;
  }

  /** The same on a model of its own, on which nobody maps peer memory where the step itself cannot say so. */
  #runStaged(step: WorkloadStep, index: number): StepRun | null {
    const staged = stagedStep(step);
    const devices = this.devices(null, staged.kind === "copy" ? "refusing" : undefined);
    return typeof devices === "string" ? null : this.run(devices, staged, index, null);
  }
}

function stagedStep(step: WorkloadStep): WorkloadStep {
  const same = { isCompared: false, expected: null };
  switch (step.kind) {
    case "copy":
      return { ...step, ...same, provider: "off", fallBackToRam: true };
    case "nvmeof":
      return { ...step, ...same, provider: "off" };
    case "gpu-read":
      return { ...step, ...same, way: "through-ram" };
    default:
      return { ...step, ...same };
  }
}

function outcomeOf(steps: readonly StepRun[]): SimulationOutcome {
  if (steps.some((step) => isFailed(step) && !isFailedByAssumption(step))) return "failed";
  const isOpen = (step: StepRun): boolean => !step.isAsExpected || step.assumptions.length > 0;
  return steps.some(isOpen) ? "unknown" : "delivered";
}

function isFailed({ isAsExpected, outcome }: StepRun): boolean {
  return !isAsExpected && outcome !== "unknown";
}

/** What was refused, or should have been, no hardware decides. */
function isFailedByAssumption({ assumptions, failures, outcome, step: { expected } }: StepRun): boolean {
  if (failures.length > 0) return failures.every(isAssumedFailure);
  return outcome === "done" && assumptions.length > 0 && expected?.outcome !== "refused";
}

function hiddenMachine(workload: Workload, machine: Machine, hidden: string): Simulation {
  return { workload, machine, outcome: "unknown", hidden, choices: [], steps: [], traffic: null, trace: null };
}
