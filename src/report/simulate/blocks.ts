import { topologyOf } from "../../host/machine.ts";
import type { TrafficReport } from "../../offload/traffic-report.ts";
import type { RepeatedFailure, Simulation, StepRun } from "../../offload/workload/simulation.ts";
import { formatSize } from "../../pci/size.ts";
import type { Topology } from "../../pci/topology.ts";
import { chooseRules } from "../../rules/kernels/choose-rules.ts";
import { askedSentences } from "../asked-by.ts";
import { fullName, roleOf } from "../device-names.ts";
import { type Block, heading, list, paragraph, type Rich, table } from "../document.ts";
import { machineLines } from "../facts.ts";
import { answersOfSteps } from "./answers.ts";
import { traceBlocks } from "./trace-lines.ts";
import { memoryText, outcomeMark, outcomeText, placeText } from "./words.ts";

/** A simulated workload: each step with its memory and traffic, the links, what the model decided, the trace. */
export function simulationBlocks(simulation: Simulation): readonly Block[] {
  const { machine, workload, hidden, steps, traffic, trace } = simulation;
  const topology = topologyOf(machine);
  const lines = machineLines(machine, chooseRules(machine, workload.model.rules), Number.MAX_SAFE_INTEGER);
  return [
    ...lines.map((text) => heading(text)),
    paragraph(`workload: ${workload.name}`),
    ...(hidden === null ? [] : [list([[{ text: "?", paint: "unknown" }, ` no model can be made: ${hidden}`]])]),
    ...steps.flatMap((run) => stepBlocks(topology, run)),
    ...mindBlocks(simulation),
    ...(traffic === null ? [] : linkBlocks(topology, traffic)),
    ...choiceBlocks(simulation),
    ...(trace === null ? [] : traceBlocks(simulation, topology, trace)),
  ];
}

/** What stands beside the verdicts of the pairs, as `explain` says it: the model knows no driver, a machine has some. */
function mindBlocks(simulation: Simulation): readonly Block[] {
  const answers = answersOfSteps(simulation);
  const gates = new Map(answers.flatMap(({ gates: list }) => list).map((gate) => [gate.message, gate]));
  const asked = askedSentences(simulation.machine, answers);
  return [
    ...(gates.size === 0
      ? []
      : [
          heading("Beside the verdicts"),
          list(
            [...gates.values()].map(
              ({ effect, message }): Rich => [
                effect === "blocks" ? { text: "blocked", paint: "no" } : { text: "mind", paint: "warn" },
                `: ${message}`,
              ],
            ),
          ),
        ]),
    ...(asked.length === 0 ? [] : [heading("Who asks the kernel"), list(asked)]),
  ];
}

function stepBlocks(topology: Topology, run: StepRun): readonly Block[] {
  const { step, staged } = run;
  const rows = [
    trafficRow("as asked", run.traffic),
    ...(staged === null ? [] : [trafficRow("through RAM", staged.traffic)]),
  ];
  return [
    heading([outcomeMark(run), ` ${step.name}`]),
    list([
      [outcomeText(run), ...(run.why === null ? [] : [`: ${run.why}`])],
      ...run.assumptions.map((text): Rich => [{ text: "assumed", paint: "unknown" }, `: ${text}`]),
      ...run.events,
      ...run.leftOpen.map((text): Rich => [{ text: "left open", paint: "warn" }, `: ${text}`]),
      ...(run.lengthBytes === 0 ? [] : [checkedText(run)]),
      ...run.memory.map((memory) => memoryText(topology, memory)),
      ...run.failures.map((failure) => failureText(topology, failure)),
      ...(run.iommuFaults === 0
        ? []
        : [`${run.iommuFaults} IOMMU ${run.iommuFaults === 1 ? "fault" : "faults"}, in the kernel's log only`]),
      ...(staged === null ? [] : [comparisonText(run, staged)]),
    ]),
    ...(run.lengthBytes === 0
      ? []
      : [table(["", "DRAM read", "DRAM written", "root complex", "root ports", "switches", "control"], rows)]),
  ];
}

/**
 * `64 × write of nvme1 (0000:04:00.0), 256 KiB together: 0 B arrive, 256 KiB are lost at the root complex …`: what was sent,
 * what of it arrives and where the rest ends, so that it adds up, with the bytes that the links below have carried of it.
 */
function failureText(topology: Topology, failure: RepeatedFailure): string {
  const { times, kind, isControl, requester, outcome, endedAt, reason } = failure;
  const { lengthBytes, arrivedBytes, sentBytes } = failure.allBytes;
  const of = isControl ? `${kind} (of commands, lists or completions)` : kind;
  const lost = lengthBytes - arrivedBytes;
  const cut =
    sentBytes < lengthBytes
      ? `; after a packet that is lost the model sends no more of its request: ${formatSize(sentBytes)} of these ${formatSize(lengthBytes)} were ${kind === "write" ? "on the links" : "asked for"}`
      : "";
  return (
    `${times} × ${of} of ${fullName(topology, requester)}, ${formatSize(lengthBytes)} together: ` +
    `${formatSize(arrivedBytes)} ${kind === "write" ? "arrive" : "come back"}, ${formatSize(lost)} are lost at ` +
    `${placeText(topology, endedAt)} (${outcome}: ${reason})${cut}`
  );
}

function checkedText({ lengthBytes, checked: { rightBytes, wrongBytes, failedBytes, uncheckedBytes } }: StepRun): Rich {
  const right = `${formatSize(rightBytes)} of ${formatSize(lengthBytes)} right at the owner`;
  return [
    right,
    ...(wrongBytes === 0 ? [] : [", ", { text: `${formatSize(wrongBytes)} wrong`, paint: "no" as const }]),
    ...(failedBytes === 0 ? [] : [`, ${formatSize(failedBytes)} not transferred`]),
    ...(uncheckedBytes === 0 ? [] : [`, ${formatSize(uncheckedBytes)} not checked`]),
  ];
}

/** What the way through RAM takes in place of what this one took; a way that does not arrive saves nothing. */
function comparisonText({ outcome, traffic: own }: StepRun, throughRam: StepRun): string {
  const { outcome: ramOutcome, traffic: ram } = throughRam;
  const dram = (traffic: TrafficReport): string => formatSize(traffic.dramReadBytes + traffic.dramWrittenBytes);
  const rootPorts = (traffic: TrafficReport): string => formatSize(traffic.rootPortBytes);
  if (outcome !== "done" || ramOutcome !== "done") {
    return `the same through RAM: ${outcomeText(throughRam)}, with ${dram(ram)} of DRAM and ${rootPorts(ram)} at root ports`;
  }
  return (
    `against the same through RAM: DRAM ${dram(own)} instead of ${dram(ram)}, ` +
    `root ports ${rootPorts(own)} instead of ${rootPorts(ram)}`
  );
}

function trafficRow(name: string, traffic: TrafficReport): readonly Rich[] {
  const switches = traffic.switches.reduce((sum, { bytes }) => sum + bytes, 0);
  return [
    name,
    formatSize(traffic.dramReadBytes),
    formatSize(traffic.dramWrittenBytes),
    formatSize(traffic.rootComplexBytes),
    formatSize(traffic.rootPortBytes),
    formatSize(switches),
    formatSize(traffic.control.dramBytes),
  ];
}

function linkBlocks(topology: Topology, { links, requests, control }: TrafficReport): readonly Block[] {
  const rows = links.map(({ fn, upBytes, downBytes }): Rich[] => {
    const found = topology.find(fn);
    return [
      fullName(topology, fn),
      found === undefined ? "" : roleOf(found),
      formatSize(upBytes),
      formatSize(downBytes),
    ];
  });
  return [
    heading("Links, of all steps"),
    ...(rows.length === 0 ? [] : [table(["above", "what", "up", "down"], rows)]),
    paragraph(`${requests} requests with data, ${control.requests} with commands, lists and completions`),
  ];
}

function choiceBlocks({ choices }: Simulation): readonly Block[] {
  if (choices.length === 0) return [];
  return [
    heading("What the model decided"),
    list(choices.map(({ what, value, why }) => `${what.replaceAll("-", " ")}: ${value} (${why})`)),
  ];
}
