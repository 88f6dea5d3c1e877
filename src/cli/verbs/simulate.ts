import { existsSync } from "node:fs";
import { dirname, isAbsolute, join } from "node:path";
import type { Command } from "commander";
import { askWhatIf } from "../../advice/what-if/what-if.ts";
import type { Machine } from "../../host/machine.ts";
import { parseWorkload } from "../../offload/workload/parse-workload.ts";
import { runWorkload } from "../../offload/workload/run-workload.ts";
import type { Simulation } from "../../offload/workload/simulation.ts";
import type { Workload, WorkloadMachine } from "../../offload/workload/workload.ts";
import { PeerlaneError } from "../../pci/error.ts";
import { printableJson } from "../../report/printable.ts";
import { simulationBlocks } from "../../report/simulate/blocks.ts";
import { simulationJson } from "../../report/simulate/json.ts";
import { traceFile } from "../../report/simulate/trace-events.ts";
import { EXIT } from "../exit-codes.ts";
import {
  addChangeOptions,
  addNamingOptions,
  addOutputOptions,
  type ChangeOptions,
  type OutputOptions,
} from "../options.ts";
import { ProgressLine } from "../print.ts";
import { readInputFile } from "../read-input-file.ts";
import { readUnchanged } from "../read-source.ts";
import { askedMachine, type NamingOptions, shownMachine, shownPath } from "../sent-on.ts";
import { show } from "../show.ts";
import type { Finish } from "../verb.ts";
import { writeOutput } from "../write-output.ts";

/** Options of `simulate`. */
export interface SimulateOptions extends OutputOptions, ChangeOptions, NamingOptions {
  readonly trace?: boolean;
  readonly traceFile?: string;
}

/** Milliseconds between two drawings of the progress. */
const PROGRESS_INTERVAL = 100;

/** Its arguments, options and help. */
export function declareSimulate(command: Command, finish: Finish): void {
  command
    .argument("<scenario>", "a workload file (YAML); examples/workloads has some")
    .option("--trace", "show the way of every request, hop by hop")
    .option("--trace-file <file>", "write the same for Perfetto and chrome://tracing (replaces what is there)");
  addOutputOptions(addNamingOptions(addChangeOptions(command)))
    .addHelpText(
      "after",
      `
Exits with 0 where all is delivered and every byte is right at its owner, or ends as its step expects, 1 where something is
refused, lost, faulted or wrong, 3 where the source of the machine hides what decides or an outcome depends on what the model assumes, 4 where a file
cannot be written.

Examples:
  peerlane simulate examples/workloads/nvmeof-one-switch.yaml
  peerlane simulate examples/workloads/silent-loss.yaml --trace
  peerlane simulate examples/workloads/silent-loss.yaml --iommu passthrough
  peerlane simulate my-target.yaml --trace-file trace.json      then open it in https://ui.perfetto.dev`,
    )
    .action(async (file: string, options: SimulateOptions) => {
      finish(await runSimulate(file, options));
    });
}

/** `peerlane simulate SCENARIO`: runs a workload file on the model. */
export async function runSimulate(file: string, options: SimulateOptions): Promise<number> {
  const text = readInputFile(file, "workload", "examples/workloads");
  const workload = parseWorkload(text, shownPath(file, options));
  const read = await machineOf(file, workload, options);
  const machine = shownMachine(read, options);
  const isTraced = options.trace === true || options.traceFile !== undefined;
  const simulation = { ...simulate(workload, askedMachine(read, options), isTraced), machine };
  if (options.traceFile !== undefined) {
    const sent = shownMachine(read, { ...options, json: true });
    writeOutput(options.traceFile, printableJson(traceFile({ ...simulation, machine: sent })));
  }
  const shown = options.trace === true ? simulation : { ...simulation, trace: null };
  show(options, { machine, json: () => simulationJson(shown), blocks: () => simulationBlocks(shown) });
  return { delivered: EXIT.yes, failed: EXIT.no, unknown: EXIT.unknown }[simulation.outcome];
}

function simulate(workload: Workload, machine: Machine, trace: boolean): Simulation {
  const line = new ProgressLine();
  let shownAt = performance.now();
  const progress = (done: number, total: number): void => {
    const now = performance.now();
    if (now - shownAt < PROGRESS_INTERVAL) return;
    shownAt = now;
    line.show(`simulating ${workload.name}: transfer ${done} of ${total}`);
  };
  try {
    return runWorkload(workload, machine, { trace, progress });
  } finally {
    line.clear();
  }
}

/** The machine of a workload after its kernel's boot, as it would be with what is asked. */
async function machineOf(file: string, { machine }: Workload, changes: ChangeOptions): Promise<Machine> {
  const read =
    machine.kind === "inline"
      ? { machine: machine.machine, isBooted: false }
      : await readUnchanged(pathOf(file, machine), undefined);
  return askWhatIf(read.machine, changes, read.isBooted).after;
}

/** Paths in a workload are from where the workload is. */
function pathOf(file: string, { path, place }: Extract<WorkloadMachine, { kind: "source" }>): string {
  const whole = isAbsolute(path) ? path : join(dirname(file), path);
  if (existsSync(whole)) return whole;
  throw new PeerlaneError("not-found", `there is no machine at ${path}`, {
    place,
    remedy: "give the path from this file to a dump, an archive, a snapshot or a scenario, or write the machine here",
  });
}
