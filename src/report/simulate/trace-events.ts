import { topologyOf } from "../../host/machine.ts";
import type { Simulation } from "../../offload/workload/simulation.ts";
import type { TracedRequests } from "../../offload/workload/trace.ts";
import { formatAddress } from "../../pci/addresses.ts";
import { entryAt } from "../../pci/entry-at.ts";
import type { Topology } from "../../pci/topology.ts";
import { issuerText } from "./trace-lines.ts";
import { outcomeText, placeText } from "./words.ts";

/** An event of the Trace Event Format: a name for a process or thread, a complete event, or a counter. */
export interface TraceEvent {
  readonly name: string;
  readonly ph: "M" | "X" | "C";
  readonly pid: number;
  readonly tid: number;
  /** Microseconds; here a hop is one, as the model has no time. */
  readonly ts: number;
  readonly dur?: number;
  readonly cat?: string;
  readonly args: Readonly<Record<string, string | number>>;
}

/** A file that Perfetto and chrome://tracing open: the JSON object form of the Trace Event Format. */
export interface TraceFile {
  readonly traceEvents: readonly TraceEvent[];
  readonly displayTimeUnit: "ns";
  readonly otherData: Readonly<Record<string, string | number>>;
}

const [WORKLOAD, REQUESTS, HOPS] = [1, 2, 3] as const;

/**
 * A traced simulation as a file for trace viewers: steps and transfers, requests by who issued them, hops by where they
 * were made. Requests that took the same way in a row are one event, as long as they are many.
 */
export function traceFile(simulation: Simulation): TraceFile {
  const { workload, machine, steps, trace } = simulation;
  const topology = topologyOf(machine);
  const writer = new EventWriter(topology);
  let dram = { read: 0, written: 0 };
  for (const [index, run] of steps.entries()) {
    const { step, traffic } = run;
    const requests = (trace?.requests ?? []).filter((each) => each.step === index);
    writer.writeStep(step.name, outcomeText(run), requests);
    dram = { read: dram.read + traffic.dramReadBytes, written: dram.written + traffic.dramWrittenBytes };
    writer.count("DRAM bytes", dram);
  }
  return {
    traceEvents: writer.finish(),
    displayTimeUnit: "ns",
    otherData: {
      workload: workload.name,
      machine: machine.source.name,
      time: "one hop of one request is one microsecond: the model has no time",
      droppedRequests: trace?.droppedTlps ?? 0,
    },
  };
}

/** Lays requests out one behind the other, and names processes and threads. */
class EventWriter {
  readonly #topology: Topology;
  readonly #events: TraceEvent[] = [];
  readonly #threads = new Map<string, number>();
  #now = 0;

  constructor(topology: Topology) {
    this.#topology = topology;
    this.#name("process_name", WORKLOAD, 0, "workload");
    this.#name("process_name", REQUESTS, 0, "requests");
    this.#name("process_name", HOPS, 0, "hops");
    this.#name("thread_name", WORKLOAD, 1, "steps");
    this.#name("thread_name", WORKLOAD, 2, "transfers");
  }

  writeStep(name: string, outcome: string, requests: readonly TracedRequests[]): void {
    const start = this.#now;
    for (let first = 0; first < requests.length; ) {
      const { transfer } = entryAt(requests, first);
      const end = requests.findIndex((each, index) => index > first && each.transfer !== transfer);
      const own = requests.slice(first, end < 0 ? requests.length : end);
      const began = this.#now;
      for (const each of own) this.#writeRequests(each);
      this.#complete(WORKLOAD, 2, transfer === 0 ? "setup" : `transfer ${transfer}`, "transfer", began, { step: name });
      first += own.length;
    }
    this.#complete(WORKLOAD, 1, name, "step", start, { outcome });
  }

  count(name: string, values: Readonly<Record<string, number>>): void {
    this.#events.push({ name, ph: "C", pid: WORKLOAD, tid: 0, ts: this.#now, args: values });
  }

  finish(): readonly TraceEvent[] {
    return this.#events;
  }

  #writeRequests(requests: TracedRequests): void {
    const { requester, times, hops, firstAddress, lastAddress } = requests;
    const start = this.#now;
    for (const hop of hops) {
      const began = this.#now;
      this.#now += times;
      const args = { address: formatAddress(hop.address), decision: hop.words, requests: times };
      this.#complete(HOPS, this.#thread(HOPS, placeText(this.#topology, hop.at)), hop.what, "hop", began, args);
    }
    const who = requester === "root-complex" ? "CPU" : placeText(this.#topology, requester);
    const end = hops.at(-1);
    this.#complete(REQUESTS, this.#thread(REQUESTS, who), issuerText(this.#topology, requests), "request", start, {
      requests: times,
      firstAddress: formatAddress(firstAddress),
      lastAddress: formatAddress(lastAddress),
      end: end === undefined ? "" : `${placeText(this.#topology, end.at)}: ${end.words}`,
    });
  }

  #complete(pid: number, tid: number, name: string, cat: string, ts: number, args: TraceEvent["args"]): void {
    this.#events.push({ name, ph: "X", pid, tid, ts, dur: this.#now - ts, cat, args });
  }

  #thread(pid: number, name: string): number {
    const key = `${pid} ${name}`;
    const known = this.#threads.get(key);
    if (known !== undefined) return known;
    const tid = this.#threads.size + 1;
    this.#threads.set(key, tid);
    this.#name("thread_name", pid, tid, name);
    return tid;
  }

  #name(what: "process_name" | "thread_name", pid: number, tid: number, name: string): void {
    this.#events.push({ name: what, ph: "M", pid, tid, ts: 0, args: { name } });
  }
}
