import type { Topology } from "../../../pci/topology.ts";
import type { TimedResult } from "../../../timed/run.ts";
import type { RecordedRun, TlpRecord, TlpSlice } from "../../../timed/runs/tlp-record.ts";
import { nameIn } from "../../device-names.ts";
import { linkState } from "../../link-text.ts";
import { ProtoWriter } from "./protobuf.ts";
import { flowText, WAY_WORDS } from "./words.ts";

/** Fields of Perfetto's trace format (protos/perfetto/trace of github.com/google/perfetto), as far as they are written. */
const TRACE = { packet: 1 } as const;
const PACKET = { timestamp: 8, sequence: 10, trackEvent: 11, trackDescriptor: 60 } as const;
const TRACK = { uuid: 1, name: 2, process: 3, parent: 5, counter: 8 } as const;
const PROCESS = { pid: 1, name: 6 } as const;
const COUNTER = { unitName: 6 } as const;
const EVENT = { annotations: 4, type: 9, track: 11, category: 22, name: 23, doubleValue: 44 } as const;
const ANNOTATION = { uint: 3, name: 10 } as const;
const TYPE = { begin: 1, end: 2, counter: 4 } as const;
/** All packets are of one writer. */
const SEQUENCE = 1;

/**
 * A file for https://ui.perfetto.dev: each run is a process, each direction of a link a track with a slice for each TLP (or
 * for many that follow each other, where they are too many), and a counter of how much of it is used. Runs stand one behind
 * the other; times are nanoseconds.
 */
export function perfettoTrace(topology: Topology, record: TlpRecord): Uint8Array {
  const file = new PerfettoFile();
  let startNs = 0;
  for (const recorded of record.runs) {
    writeRun(file, topology, recorded, startNs);
    startNs += Math.ceil(recorded.run.result?.endNs ?? 0);
  }
  return file.finish();
}

function writeRun(
  file: PerfettoFile,
  topology: Topology,
  { name, way, tracks, run }: RecordedRun,
  startNs: number,
): void {
  const { result } = run;
  if (result === null) return;
  const process = file.process(`${name}: ${WAY_WORDS[way]}`);
  // Flows that were not run have no number in the simulation.
  const flows = run.flows.flatMap(({ flow, ran }) => ("unknown" in ran ? [] : [flowText(topology, flow)]));
  const labels = result.links.map(
    ({ below, towards, state }) => `link of ${nameIn(topology, below)} ${towards}, ${linkState(state)}`,
  );
  for (const [link, slices] of [...tracks].sort(([a], [b]) => a - b)) {
    const label = link < 0 ? "host memory" : (labels[link] ?? "");
    const track = file.track(process, label);
    for (const slice of slices) file.slice(track, startNs, slice, sliceName(slice, flows));
    const counter = file.counter(process, `${label}: used`);
    for (const [bucket, part] of overTimeOf(result, link).entries()) {
      file.count(counter, startNs + bucket * result.bucketNs, 100 * part);
    }
    file.count(counter, startNs + result.endNs, 0);
  }
}

function overTimeOf({ links, memory }: TimedResult, link: number): readonly number[] {
  return link < 0 ? memory.overTime : (links[link]?.overTime ?? []);
}

const KIND_WORDS = { posted: "write", "non-posted": "read request", completion: "completion" } as const;

function sliceName({ flow, kind, tlps }: TlpSlice, flows: readonly string[]): string {
  const what = kind === null ? "TLPs" : tlps === 1 ? KIND_WORDS[kind] : `${KIND_WORDS[kind]}s`;
  const of = flow === null ? "several flows" : (flows[flow] ?? "");
  return tlps === 1 ? `${what}: ${of}` : `${tlps} ${what}: ${of}`;
}

/** Packets, one behind the other. */
class PerfettoFile {
  readonly #file = new ProtoWriter();
  #uuids = 0;
  #processes = 0;

  process(name: string): number {
    const pid = ++this.#processes;
    return this.#descriptor((track) =>
      track.message(TRACK.process, (process) => process.uint(PROCESS.pid, pid).string(PROCESS.name, name)),
    );
  }

  track(parent: number, name: string): number {
    return this.#descriptor((track) => track.string(TRACK.name, name).uint(TRACK.parent, parent));
  }

  counter(parent: number, name: string): number {
    return this.#descriptor((track) =>
      track
        .string(TRACK.name, name)
        .uint(TRACK.parent, parent)
        .message(TRACK.counter, (counter) => counter.string(COUNTER.unitName, "%")),
    );
  }

  slice(track: number, fromNs: number, { startNs, endNs, tlps, bytes }: TlpSlice, name: string): void {
    const annotate = (event: ProtoWriter, key: string, value: number): ProtoWriter =>
      event.message(EVENT.annotations, (each) => each.uint(ANNOTATION.uint, value).string(ANNOTATION.name, key));
    this.#event(fromNs + startNs, (event) => {
      event
        .uint(EVENT.type, TYPE.begin)
        .uint(EVENT.track, track)
        .string(EVENT.category, "tlp")
        .string(EVENT.name, name);
      annotate(annotate(event, "bytes", bytes), "tlps", tlps);
    });
    this.#event(fromNs + endNs, (event) => event.uint(EVENT.type, TYPE.end).uint(EVENT.track, track));
  }

  count(track: number, ns: number, value: number): void {
    this.#event(ns, (event) =>
      event.uint(EVENT.type, TYPE.counter).uint(EVENT.track, track).double(EVENT.doubleValue, value),
    );
  }

  finish(): Uint8Array {
    return this.#file.finish();
  }

  #descriptor(write: (track: ProtoWriter) => unknown): number {
    const uuid = ++this.#uuids;
    this.#packet((packet) => packet.message(PACKET.trackDescriptor, (track) => write(track.uint(TRACK.uuid, uuid))));
    return uuid;
  }

  #event(ns: number, write: (event: ProtoWriter) => unknown): void {
    this.#packet((packet) => packet.uint(PACKET.timestamp, Math.round(ns)).message(PACKET.trackEvent, write));
  }

  #packet(write: (packet: ProtoWriter) => unknown): void {
    this.#file.message(TRACE.packet, (packet) => write(packet.uint(PACKET.sequence, SEQUENCE)));
  }
}
