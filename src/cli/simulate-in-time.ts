import { type Machine, topologyOf } from "../host/machine.ts";
import { findDevices } from "../host/select.ts";
import type { Simulation } from "../offload/workload/simulation.ts";
import { deviceKind } from "../pci/device-kind.ts";
import { PeerlaneError } from "../pci/error.ts";
import { isUnknown } from "../pci/known.ts";
import { nameIn } from "../report/device-names.ts";
import { timeBlocks } from "../report/simulate/time/blocks.ts";
import { timedJson } from "../report/simulate/time/json.ts";
import { perfettoTrace } from "../report/simulate/time/perfetto.ts";
import type { TimeView } from "../report/simulate/time/time-view.ts";
import type { PeerDirection } from "../routes/peer-routes.ts";
import type { Pattern } from "../timed/runs/pattern-names.ts";
import { MOST_PATTERN_DEVICES, PATTERN_NS, runPattern } from "../timed/runs/patterns.ts";
import { timeWorkload } from "../timed/runs/time-workload.ts";
import { TlpRecord } from "../timed/runs/tlp-record.ts";
import { EXIT } from "./exit-codes.ts";
import type { OutputOptions } from "./options.ts";
import { ProgressLine, sayNote } from "./print.ts";
import { type NamingOptions, shownMachine } from "./sent-on.ts";
import { show } from "./show.ts";
import { writeOutput } from "./write-output.ts";

/** Options of `simulate` that are about time, or hold for it too. */
export interface SimulateTimeOptions extends OutputOptions, NamingOptions {
  readonly traceFile?: string;
  readonly time?: boolean;
  /** Nanoseconds. */
  readonly for?: number;
  readonly compare?: string;
  readonly pattern?: Pattern;
  readonly devices?: readonly string[];
  readonly operation?: PeerDirection;
}

/** Runs the steps of a simulation in time, and prints that. */
export function workloadInTime(simulation: Simulation, options: SimulateTimeOptions): void {
  const record = recordFor(options);
  const lengthNs = options.for;
  const runs = timeWorkload(simulation, { lengthNs, observer: record });
  const { machine, workload } = simulation;
  const rules = workload.model.rules;
  finish({ machine, rules, of: { simulation }, lengthNs: lengthNs ?? null, runs }, options, record);
}

/** Runs a pattern over devices of a machine, and prints that; yields the exit code. */
export function patternInTime(read: Machine, pattern: Pattern, options: SimulateTimeOptions): number {
  const machine = shownMachine(read, options);
  const devices = options.devices?.flatMap((name) => [...findDevices(machine, name)]) ?? gpusOf(machine);
  const chosen = [...new Set(devices)];
  if (chosen.length < 2 || chosen.length > MOST_PATTERN_DEVICES) {
    throw new PeerlaneError(
      "usage",
      `a pattern is of 2 to ${MOST_PATTERN_DEVICES} devices, and these are ${chosen.length}`,
      {
        remedy: "name some: --devices gpu0,gpu1 ('peerlane tree' lists what there is)",
      },
    );
  }
  const topology = topologyOf(machine);
  const record = recordFor(options);
  const line = new ProgressLine();
  const operation = options.operation ?? "read";
  const lengthNs = options.for ?? PATTERN_NS;
  try {
    const names = chosen.map((bdf) => nameIn(topology, bdf));
    const progress = (done: number, total: number): void => line.show(`simulating ${pattern}: ${done} of ${total}`);
    const runs = runPattern(machine, pattern, chosen, names, { operation, lengthNs, observer: record, progress });
    line.clear();
    finish({ machine, rules: undefined, of: { pattern, operation }, lengthNs, runs }, options, record);
    const all = runs.flatMap(({ run }) => run?.flows ?? []);
    return all.some(({ ran }) => isUnknown(ran)) ? EXIT.unknown : EXIT.yes;
  } finally {
    line.clear();
  }
}

function gpusOf(machine: Machine): readonly Machine["functions"][number]["bdf"][] {
  return machine.functions.filter((fn) => deviceKind(fn) === "gpu").map(({ bdf }) => bdf);
}

function recordFor({ traceFile }: SimulateTimeOptions): TlpRecord | undefined {
  return traceFile === undefined ? undefined : new TlpRecord();
}

function finish(view: TimeView, options: SimulateTimeOptions, record: TlpRecord | undefined): void {
  if (record !== undefined) {
    const sent = shownMachine(view.machine, { ...options, json: true });
    writeOutput(options.traceFile, perfettoTrace(topologyOf(sent), record));
    if (record.gapNs !== null) sayNote(`${options.traceFile}: TLPs less than ${record.gapNs} ns apart are one slice`);
  }
  show(options, { machine: view.machine, json: () => timedJson(view), blocks: () => timeBlocks(view) });
}
