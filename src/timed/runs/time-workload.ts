import type { Simulation, StepOutcome, StepRun } from "../../offload/workload/simulation.ts";
import { isUnknown } from "../../pci/known.ts";
import type { SentTlp } from "../run.ts";
import { flowsOfStep } from "./step-flows.ts";
import { runInTime, type TimedRun } from "./timed-run.ts";

/** Which way the data of a step takes: as the workload asks for it, or through the host's memory. */
export type TimedWay = "as-asked" | "through-ram";

/** A step, or a part of a pattern, run in time. */
export interface NamedRun {
  readonly name: string;
  readonly way: TimedWay;
  /** What became of its data on the model without time; `null` for a pattern, which moves none. */
  readonly outcome: StepOutcome | null;
  /** Why there is no time; `null` where there is a run. */
  readonly why: string | null;
  readonly run: TimedRun | null;
}

/** Told of the TLPs of a run. */
export interface RunObserver {
  readonly start: (name: string, way: TimedWay) => (tlp: SentTlp) => void;
  readonly end: (run: TimedRun) => void;
}

export interface TimeOptions {
  readonly lengthNs?: number | undefined;
  readonly observer?: RunObserver | undefined;
}

/**
 * The steps of a workload that was run, one after the other, in time; those that were compared also through the host's
 * memory. Steps that move no data are left out.
 */
export function timeWorkload(simulation: Simulation, options: TimeOptions = {}): readonly NamedRun[] {
  return simulation.steps
    .filter(({ lengthBytes }) => lengthBytes > 0)
    .flatMap((run) => [
      timeStep(simulation, run, "as-asked", options),
      ...(run.staged === null ? [] : [timeStep(simulation, run.staged, "through-ram", options)]),
    ]);
}

function timeStep(simulation: Simulation, step: StepRun, way: TimedWay, { lengthNs, observer }: TimeOptions): NamedRun {
  const { name } = step.step;
  const { outcome } = step;
  const planned = flowsOfStep(simulation, step);
  const none = (why: string): NamedRun => ({ name, way, outcome, why, run: null });
  if (isUnknown(planned)) return none(planned.unknown);
  if (planned.flows.length === 0) return none("its data crosses no link");
  const ran = runInTime(simulation.machine, planned.flows, {
    rules: simulation.workload.model.rules,
    lengthNs,
    observer: observer?.start(name, way),
  });
  const run = { ...ran, assumptions: [...planned.assumptions, ...ran.assumptions] };
  observer?.end(run);
  return { name, way, outcome, why: run.result === null ? firstReason(run) : null, run };
}

/** Why none of the flows of a run could be run. */
export function firstReason({ flows }: TimedRun): string {
  const hidden = flows.map(({ ran }) => ran).find(isUnknown);
  return hidden === undefined ? "it has no flow" : hidden.unknown;
}
