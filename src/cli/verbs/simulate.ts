import { existsSync } from "node:fs";
import { dirname, isAbsolute, join } from "node:path";
import { type Command, InvalidArgumentError, Option } from "commander";
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
import { PATTERNS } from "../../timed/runs/pattern-names.ts";
import { EXIT } from "../exit-codes.ts";
import { addChangeOptions, addNamingOptions, addOutputOptions, type ChangeOptions, listed } from "../options.ts";
import { ProgressLine } from "../print.ts";
import { readInputFile } from "../read-input-file.ts";
import { readSource, readUnchanged } from "../read-source.ts";
import { askedMachine, shownMachine, shownPath } from "../sent-on.ts";
import { show } from "../show.ts";
import type { SimulateTimeOptions } from "../simulate-in-time.ts";
import type { Finish } from "../verb.ts";
import { writeOutput } from "../write-output.ts";

/** Options of `simulate`. */
export interface SimulateOptions extends SimulateTimeOptions, ChangeOptions {
  readonly trace?: boolean;
}

/** Milliseconds between two drawings of the progress. */
const PROGRESS_INTERVAL = 100;

/** Longest time that flows may be told to go on: eight GPUs at full rate are simulated in about a minute. */
const MOST_NS = 10e6;

/** Nanoseconds of `200us`, `2ms`, `50000ns`. */
function parseDuration(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*(ns|us|µs|ms)$/.exec(text.trim());
  const unit = { ns: 1, us: 1e3, µs: 1e3, ms: 1e6 }[match?.[2] ?? ""];
  const ns = Number(match?.[1]) * (unit ?? Number.NaN);
  if (!(ns >= 1 && ns <= MOST_NS)) throw new InvalidArgumentError("a time is 1ns to 10ms, as 200us");
  return ns;
}

/** Its arguments, options and help. */
export function declareSimulate(command: Command, finish: Finish): void {
  command
    .argument("<scenario>", "a workload file (YAML); examples/workloads has some; with --pattern, a machine")
    .option("--trace", "show the way of every request, hop by hop")
    .option(
      "--trace-file <file>",
      "write the same for Perfetto and chrome://tracing (replaces what is there); as FILE.pftrace, every TLP in time",
    )
    .option("--time", "how long it takes: GB/s, latency, links, DRAM; TLP by TLP")
    .option(
      "--for <time>",
      "let every flow go on for so long, as 200us; without it, the bytes of the file",
      parseDuration,
    )
    .addOption(new Option("--compare <ways>", "in time, as asked and through RAM, side by side").choices(["p2p,dram"]))
    .addOption(
      new Option("--pattern <name>", "devices of a machine with each other, in time, as p2pmark has them").choices([
        ...PATTERNS,
      ]),
    )
    .addOption(new Option("--devices <names>", "of a pattern, as gpu0,gpu1; without it, all GPUs").argParser(listed))
    .addOption(
      new Option("--operation <what>", "of a pattern: what each does with the memory of its peer").choices([
        "read",
        "write",
      ]),
    );
  addOutputOptions(addNamingOptions(addChangeOptions(command)))
    .addHelpText(
      "after",
      `
In time, the steps of a workload run one after the other, all flows of a step at once; docs/simulate-time.md says how. The
patterns: sequential (each pair alone), stagger (all at once, each with the one that is 1, 2 … further on), single-reader (one
with all others), all-at-once.

Exits with 0 where all is delivered and every byte is right at its owner, or ends as its step expects, 1 where something is
refused, lost, faulted or wrong, 3 where the source of the machine hides what decides or an outcome depends on what the model assumes, 4 where a file
cannot be written. A pattern exits with 0 where each pair has a figure, 3 where one has none.

Examples:
  peerlane simulate examples/workloads/nvmeof-one-switch.yaml
  peerlane simulate examples/workloads/silent-loss.yaml --trace
  peerlane simulate examples/workloads/silent-loss.yaml --iommu passthrough
  peerlane simulate my-target.yaml --trace-file trace.json      then open it in https://ui.perfetto.dev
  peerlane simulate examples/workloads/nvmeof-one-switch.yaml --compare p2p,dram
  peerlane simulate my-target.yaml --time --for 200us --trace-file run.pftrace
  peerlane simulate server.tar.gz --pattern all-at-once --devices gpu0,gpu1,gpu2`,
    )
    .action(async (file: string, options: SimulateOptions) => {
      finish(await runSimulate(file, options));
    });
}

/** `peerlane simulate SCENARIO`: runs a workload file on the model. */
export async function runSimulate(file: string, options: SimulateOptions): Promise<number> {
  refuseMixed(options);
  const { traceFile: tracePath, pattern } = options;
  const isTlpTrace = tracePath?.endsWith(".pftrace") === true;
  if (pattern !== undefined) {
    const { after } = await readSource(file, options);
    const { patternInTime } = await import("../simulate-in-time.ts");
    return patternInTime(after, pattern, options);
  }
  const text = readInputFile(file, "workload", "examples/workloads");
  const workload = parseWorkload(text, shownPath(file, options));
  const read = await machineOf(file, workload, options);
  const machine = shownMachine(read, options);
  if (options.time === true || options.compare !== undefined || options.for !== undefined || isTlpTrace) {
    const steps = workload.steps.map((step) => ({
      ...step,
      isCompared: step.isCompared || options.compare !== undefined,
    }));
    const timed = { ...simulate({ ...workload, steps }, askedMachine(read, options), false), machine };
    const { workloadInTime } = await import("../simulate-in-time.ts");
    workloadInTime(timed, options);
    return exitOf(timed);
  }
  const isTraced = options.trace === true || tracePath !== undefined;
  const simulation = { ...simulate(workload, askedMachine(read, options), isTraced), machine };
  if (tracePath !== undefined) {
    const sent = shownMachine(read, { ...options, json: true });
    writeOutput(tracePath, printableJson(traceFile({ ...simulation, machine: sent })));
  }
  const shown = options.trace === true ? simulation : { ...simulation, trace: null };
  show(options, { machine, json: () => simulationJson(shown), blocks: () => simulationBlocks(shown) });
  return exitOf(simulation);
}

function exitOf({ outcome }: Simulation): number {
  return { delivered: EXIT.yes, failed: EXIT.no, unknown: EXIT.unknown }[outcome];
}

/** What goes with a pattern alone, and what with none. */
function refuseMixed({
  pattern,
  devices,
  operation,
  compare,
  trace,
  traceFile: path,
  time,
  for: length,
}: SimulateOptions): void {
  const refuse = (message: string, remedy: string): never => {
    throw new PeerlaneError("usage", message, { remedy });
  };
  if (pattern === undefined && (devices !== undefined || operation !== undefined)) {
    refuse("--devices and --operation are of a pattern", `name one: --pattern ${PATTERNS.join(", ")}`);
  }
  if (pattern !== undefined && compare !== undefined) {
    refuse("a pattern goes from device to device: it has no way through RAM", "compare the steps of a workload file");
  }
  const isTimed = time === true || compare !== undefined || pattern !== undefined || length !== undefined;
  if (isTimed && trace === true) {
    refuse("--trace shows requests without time", "write a run in time with --trace-file FILE.pftrace");
  }
  if (isTimed && path !== undefined && !path.endsWith(".pftrace")) {
    refuse(`${path} would not be the trace of a run in time`, "name a file that ends with .pftrace");
  }
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
