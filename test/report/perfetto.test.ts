import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { topologyOf } from "../../src/host/machine.ts";
import { parseWorkload } from "../../src/offload/workload/parse-workload.ts";
import { runWorkload } from "../../src/offload/workload/run-workload.ts";
import { perfettoTrace } from "../../src/report/simulate/time/perfetto.ts";
import { timeWorkload } from "../../src/timed/runs/time-workload.ts";
import { TlpRecord } from "../../src/timed/runs/tlp-record.ts";

/**
 * The part of Perfetto's published schema that a viewer needs for tracks, slices and counters, written down from its .proto
 * files (protos/perfetto/trace of github.com/google/perfetto) and not from the writer: number, name, type.
 */
const SCHEMA: Readonly<Record<string, Readonly<Record<number, readonly [name: string, type: string]>>>> = {
  Trace: { 1: ["packet", "TracePacket"] },
  TracePacket: {
    8: ["timestamp", "uint64"],
    10: ["trusted_packet_sequence_id", "uint32"],
    11: ["track_event", "TrackEvent"],
    60: ["track_descriptor", "TrackDescriptor"],
  },
  TrackDescriptor: {
    1: ["uuid", "uint64"],
    2: ["name", "string"],
    3: ["process", "ProcessDescriptor"],
    5: ["parent_uuid", "uint64"],
    8: ["counter", "CounterDescriptor"],
  },
  ProcessDescriptor: { 1: ["pid", "int32"], 6: ["process_name", "string"] },
  CounterDescriptor: { 3: ["unit", "enum"], 6: ["unit_name", "string"] },
  TrackEvent: {
    4: ["debug_annotations", "DebugAnnotation"],
    9: ["type", "enum"],
    11: ["track_uuid", "uint64"],
    22: ["categories", "string"],
    23: ["name", "string"],
    44: ["double_counter_value", "double"],
  },
  DebugAnnotation: { 3: ["uint_value", "uint64"], 10: ["name", "string"] },
};
const [SLICE_BEGIN, SLICE_END, COUNTER] = [1, 2, 4];

interface Message {
  readonly [field: string]: readonly (number | string | Message)[];
}

/** Decodes by the schema. Throws for a field that it does not have, or of another wire type. */
function decode(type: string, bytes: Uint8Array): Message {
  const message: Record<string, (number | string | Message)[]> = {};
  let at = 0;
  const varint = (): number => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++];
      if (byte === undefined) throw new Error(`${type} ends within a number`);
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return Number(value);
    }
  };
  while (at < bytes.length) {
    const key = varint();
    const field = SCHEMA[type]?.[key >>> 3];
    if (field === undefined) throw new Error(`${type} has no field ${key >>> 3}`);
    const [name, kind] = field;
    const wire = kind === "double" ? 1 : kind === "string" || kind in SCHEMA ? 2 : 0;
    if ((key & 7) !== wire) throw new Error(`${type}.${name} has wire type ${key & 7}`);
    const values = message[name] ?? [];
    message[name] = values;
    if (wire === 0) values.push(varint());
    else if (wire === 1) {
      values.push(new DataView(bytes.buffer, bytes.byteOffset + at, 8).getFloat64(0, true));
      at += 8;
    } else {
      const length = varint();
      const inner = bytes.subarray(at, at + length);
      if (inner.length !== length) throw new Error(`${type}.${name} is longer than what it is in`);
      at += length;
      values.push(kind === "string" ? new TextDecoder("utf-8", { fatal: true }).decode(inner) : decode(kind, inner));
    }
  }
  return message;
}

function message(value: Message[string][number] | undefined): Message {
  if (typeof value !== "object") throw new Error("no message");
  return value;
}

interface Slice {
  readonly name: string;
  readonly start: number;
  end: number;
  readonly bytes: number;
  readonly tlps: number;
}

/** Tracks as a viewer puts them together; throws where a slice ends that was not begun, or begins within another. */
function tracksOf(trace: Message): {
  slices: Map<string, Slice[]>;
  counters: Map<string, [number, number][]>;
  processes: string[];
} {
  const names = new Map<number, string>();
  const processes: string[] = [];
  const slices = new Map<string, Slice[]>();
  const counters = new Map<string, [number, number][]>();
  const clock = new Map<string, number>();
  for (const packet of (trace["packet"] ?? []).map(message)) {
    expect(packet["trusted_packet_sequence_id"]).toEqual([1]);
    const [described] = packet["track_descriptor"] ?? [];
    if (described !== undefined) {
      const track = message(described);
      const [process] = track["process"] ?? [];
      const uuid = Number(track["uuid"]?.[0]);
      expect(names.has(uuid)).toBe(false);
      if (process !== undefined) {
        processes.push(String(message(process)["process_name"]?.[0]));
        names.set(uuid, processes.at(-1) ?? "");
        continue;
      }
      const parent = names.get(Number(track["parent_uuid"]?.[0]));
      expect(parent).toBeDefined();
      names.set(uuid, `${parent} / ${track["name"]?.[0]}`);
      continue;
    }
    const event = message(packet["track_event"]?.[0]);
    const time = Number(packet["timestamp"]?.[0]);
    const track = names.get(Number(event["track_uuid"]?.[0]));
    if (track === undefined) throw new Error("an event of no track");
    if (time < (clock.get(track) ?? 0)) throw new Error(`time runs back on ${track}`);
    clock.set(track, time);
    const type = event["type"]?.[0];
    const own = slices.get(track) ?? [];
    const last = own.at(-1);
    if (type === COUNTER) {
      const list = counters.get(track) ?? [];
      counters.set(track, list);
      list.push([time, Number(event["double_counter_value"]?.[0])]);
    } else if (type === SLICE_BEGIN) {
      if (last !== undefined && Number.isNaN(last.end)) throw new Error(`slices lap over each other on ${track}`);
      const values = new Map(
        (event["debug_annotations"] ?? [])
          .map(message)
          .map((each) => [each["name"]?.[0], Number(each["uint_value"]?.[0])]),
      );
      slices.set(track, own);
      own.push({
        name: String(event["name"]?.[0]),
        start: time,
        end: Number.NaN,
        bytes: values.get("bytes") ?? Number.NaN,
        tlps: values.get("tlps") ?? Number.NaN,
      });
    } else {
      expect(type).toBe(SLICE_END);
      if (last === undefined || !Number.isNaN(last.end)) throw new Error(`a slice ends on ${track} that was not begun`);
      last.end = time;
    }
  }
  for (const own of slices.values()) expect(own.every(({ end }) => !Number.isNaN(end))).toBe(true);
  return { slices, counters, processes };
}

const FILE = join(import.meta.dirname, "../../examples/workloads/ssd-to-gpu.yaml");

describe.each([
  ["a slice for each TLP", 200_000, true],
  ["TLPs together where they would be too many", 500, false],
])("A trace of a run in time: %s", (_, most, isEach) => {
  const record = new TlpRecord(most);
  let file: Uint8Array;
  let found: ReturnType<typeof tracksOf>;

  beforeAll(() => {
    const simulation = runWorkload(parseWorkload(readFileSync(FILE, "utf8"), "w.yaml"));
    timeWorkload(simulation, { observer: record });
    file = perfettoTrace(topologyOf(simulation.machine), record);
    found = tracksOf(decode("Trace", file));
  });

  test("has a process for each run", () => {
    expect(found.processes).toEqual(["blocks to the GPU: as asked", "blocks to the GPU: through RAM"]);
    expect(record.gapNs === null).toBe(isEach);
  });

  test("its slices have the TLPs and bytes of each link and of the memory, in the time of the run", () => {
    let from = 0;
    for (const { run, name, way } of record.runs) {
      const { result } = run;
      if (result === null) throw new Error("it was not run");
      const process = `${name}: ${way === "as-asked" ? "as asked" : "through RAM"} / `;
      const tracks = [...found.slices].filter(([track]) => track.startsWith(process));
      const sums = tracks
        .map(([track, own]) => {
          expect(own[0]?.start).toBeGreaterThanOrEqual(from);
          const [tlps, bytes] = (["tlps", "bytes"] as const).map((key) =>
            own.reduce((sum, each) => sum + each[key], 0),
          );
          if (isEach) expect(own.every((each) => each.tlps === 1)).toBe(true);
          return `${track.includes("host memory") ? "memory" : /(up|down),/.exec(track)?.[1]} ${tlps} ${bytes}`;
        })
        .sort();
      const expected = result.links.map(
        ({ towards, tlps, bytes }) => `${towards} ${tlps.posted + tlps["non-posted"] + tlps.completion} ${bytes}`,
      );
      const { readBytes, writtenBytes } = result.memory;
      const inMemory = sums.filter((each) => each.startsWith("memory"));
      expect(sums.filter((each) => !each.startsWith("memory"))).toEqual(expected.sort());
      expect(inMemory.map((each) => Number(each.split(" ")[2]))).toEqual(
        way === "as-asked" ? [] : [readBytes + writtenBytes],
      );
      from += Math.ceil(result.endNs);
    }
  });

  test("its counters are percent, and end at 0", () => {
    expect(found.counters.size).toBe(found.slices.size);
    for (const values of found.counters.values()) {
      expect(values.every(([, percent]) => percent >= 0 && percent <= 100)).toBe(true);
      expect(values.at(-1)?.[1]).toBe(0);
      expect(values.some(([, percent]) => percent > 0)).toBe(true);
    }
  });

  test("its slices say what they are", () => {
    const names = [...found.slices.values()].flat().map(({ name }) => name);
    const form = /^(\d+ )?(write|read request|completion|TLP)s?: (several flows|\w+ (writes into|reads from) \w+)$/;
    expect(names.filter((name) => !form.test(name))).toEqual([]);
  });

  test("is as long as it may be", () => {
    const slices = [...found.slices.values()].reduce((sum, own) => sum + own.length, 0);
    expect(slices).toBeLessThanOrEqual(most);
    expect(file.length).toBeLessThan(200 * slices + 50_000);
  });
});
