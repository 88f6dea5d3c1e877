import { topologyOf } from "../../host/machine.ts";
import type { TrafficReport } from "../../offload/traffic-report.ts";
import type { CountedMemory, RepeatedFailure, Simulation, StepRun } from "../../offload/workload/simulation.ts";
import type { Trace } from "../../offload/workload/trace.ts";
import { formatAddress } from "../../pci/addresses.ts";
import { type Bdf, formatBdf } from "../../pci/bdf.ts";
import { chooseRules } from "../../rules/kernels/choose-rules.ts";
import { askingWaysJson } from "../asked-by.ts";
import { pairJson } from "../json.ts";
import type {
  RequestFailureJson,
  SimulateJson,
  StepJson,
  StepRunJson,
  TraceJson,
  TrafficJson,
  UsedMemoryJson,
} from "../json-types.ts";
import { machineJson, notesJson } from "../machine-json.ts";
import { answersOfSteps } from "./answers.ts";

/** `peerlane.simulate/1`: the machine, what the model decided, each step with its outcome and traffic, and their sum. */
export function simulationJson(simulation: Simulation): SimulateJson {
  const { machine, workload, outcome, hidden, choices, steps, traffic, trace } = simulation;
  const topology = topologyOf(machine);
  const pairs = answersOfSteps(simulation);
  return {
    schema: "peerlane.simulate/1",
    machine: machineJson({ machine, rules: chooseRules(machine, workload.model.rules) }),
    workload: { file: workload.file, name: workload.name },
    outcome,
    hidden,
    choices,
    steps: steps.map(stepJson),
    pairs: pairs.map((answer) => pairJson(answer, topology)),
    asking: askingWaysJson(machine, pairs),
    traffic: traffic === null ? null : trafficJson(traffic),
    trace: trace === null ? null : traceJson(trace),
    notes: notesJson(machine),
  };
}

function stepJson(run: StepRun): StepJson {
  const { step, staged } = run;
  const { file, line = 1, column = 1 } = step.place;
  return {
    name: step.name,
    kind: step.kind,
    place: { file, line, column },
    ...runJson(run),
    expected: step.expected === null ? null : { ...step.expected, isMet: run.isAsExpected },
    throughRam: staged === null ? null : runJson(staged),
  };
}

function runJson(run: StepRun): StepRunJson {
  return {
    outcome: run.outcome,
    why: run.why,
    errors: run.errors,
    bytes: run.lengthBytes,
    transfers: run.transfers,
    memory: run.memory.map(memoryJson),
    usedPeerMemory: run.memory.some(({ source }) => source === "peer"),
    checked: {
      right: run.checked.rightBytes,
      wrong: run.checked.wrongBytes,
      failed: run.checked.failedBytes,
      notChecked: run.checked.uncheckedBytes,
    },
    failures: run.failures.map(failureJson),
    iommuFaults: run.iommuFaults,
    assumptions: run.assumptions,
    events: run.events,
    leftOpen: run.leftOpen,
    traffic: trafficJson(run.traffic),
  };
}

function memoryJson(memory: CountedMemory): UsedMemoryJson {
  const { source, transfers } = memory;
  if (memory.source === "peer") return { source, provider: formatBdf(memory.provider), why: null, transfers };
  return { source, provider: null, why: memory.why, transfers };
}

function failureJson({
  requester,
  kind,
  address,
  outcome,
  endedAt,
  reason,
  times,
  allBytes,
  isControl,
}: RepeatedFailure): RequestFailureJson {
  return {
    requester: formatBdf(requester),
    kind,
    address: formatAddress(address),
    outcome,
    endedAt: placeJson(endedAt),
    reason,
    times,
    control: isControl,
    bytes: { asked: allBytes.lengthBytes, sent: allBytes.sentBytes, arrived: allBytes.arrivedBytes },
  };
}

function trafficJson(traffic: TrafficReport): TrafficJson {
  return {
    dramRead: traffic.dramReadBytes,
    dramWritten: traffic.dramWrittenBytes,
    rootComplex: traffic.rootComplexBytes,
    rootPorts: traffic.rootPortBytes,
    links: traffic.links.map(({ fn, port, upBytes, downBytes }) => ({
      bdf: formatBdf(fn),
      port,
      up: upBytes,
      down: downBytes,
    })),
    switches: traffic.switches.map(({ fn, bytes }) => ({ bdf: formatBdf(fn), bytes })),
    requests: traffic.requests,
    control: { dram: traffic.control.dramBytes, requests: traffic.control.requests },
  };
}

function traceJson({ requests, droppedTlps }: Trace): TraceJson {
  return {
    requests: requests.map(({ step, transfer, requester, times, firstAddress, lastAddress, hops }) => ({
      step,
      transfer,
      requester: placeJson(requester),
      times,
      firstAddress: formatAddress(firstAddress),
      lastAddress: formatAddress(lastAddress),
      hops: hops.map(({ at, what, address, words }) => ({
        at: placeJson(at),
        what,
        address: formatAddress(address),
        words,
      })),
    })),
    dropped: droppedTlps,
  };
}

function placeJson(at: Bdf | "root-complex"): string {
  return at === "root-complex" ? at : formatBdf(at);
}
