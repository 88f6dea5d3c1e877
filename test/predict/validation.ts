import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Machine } from "../../src/host/machine.ts";
import { readScenario } from "../../src/host/scenario/scenario-machine.ts";
import { findDevice } from "../../src/host/select.ts";
import { isUnknown } from "../../src/pci/known.ts";
import { hostMemoryPath } from "../../src/predict/crossings.ts";
import { shareOut } from "../../src/predict/flows.ts";
import { askedPath } from "../../src/predict/hops.ts";
import { LATENCY_NS, oneWayNs, readNs } from "../../src/predict/latency.ts";
import { LARGE_BYTES, type Prediction, predictionsOf, predictPath } from "../../src/predict/predict.ts";
import { decideAll } from "../../src/rules/verdict-table.ts";

/**
 * `score`: a prediction is held against it; `calibrate`: parameters were fitted to it, so it is not counted; `report`:
 * shown with what is known, and not counted: what the model says nothing about.
 */
export type Use = "score" | "calibrate" | "report";

/** One flow between peers, or between a device and host memory; and what is judged by a bound of its own. */
export const GROUPS = [
  "peers",
  "host memory",
  "gen-2 uplink",
  "across sockets",
  "contention",
  "IOMMU on",
  "latency",
] as const;
export type Group = (typeof GROUPS)[number];

/** One published measurement: a scenario file of this folder, with what was measured in its head. */
export interface Point {
  /** The file's name without `.yaml`. */
  readonly id: string;
  readonly what: string;
  readonly use: Use;
  readonly group: Group;
  readonly flows: readonly PointFlow[];
  /** In GB/s of all flows together, or nanoseconds; the middle of a published range. */
  readonly measured: number;
  /** As published. */
  readonly measuredText: string;
  readonly unit: "GB/s" | "ns";
  readonly sizeBytes: number;
  /** Bytes over which they go, at random; `null` where the source does not say. */
  readonly windowBytes: number | null;
  /** The program that measured, where the source says so. */
  readonly by: string | null;
  readonly source: string;
  /** What is known of why the model misses it, or does not speak of it. */
  readonly known: string | null;
  readonly machine: Machine;
}

/** `gpu0 writes gpu1`, `nfp reads host`. */
interface PointFlow {
  readonly client: string;
  readonly operation: "write" | "read";
  /** A device, or host memory, of the other socket where that was measured. */
  readonly target: string;
}

const folder = join(import.meta.dirname, "validation");

/** Every point, by file name, or those whose names begin so. */
export function validationPoints(begin = ""): readonly Point[] {
  return readdirSync(folder)
    .filter((name) => name.startsWith(begin))
    .sort()
    .map((name) => pointOf(name, readFileSync(join(folder, name), "utf8")));
}

/** Throws an `Error` where the head of the file lacks something. */
function pointOf(name: string, text: string): Point {
  const id = name.replace(/\.yaml$/, "");
  const entries = text.split("\n").flatMap((line) => {
    const match = /^#: (\w+): (.*)$/.exec(line);
    return match === null ? [] : [[match[1] ?? "", match[2] ?? ""] as const];
  });
  const head = new Map(entries);
  const required = (key: string): string => {
    const value = head.get(key);
    if (value === undefined) throw new Error(`${name} has no "#: ${key}:" line`);
    return value;
  };
  const [measuredText = "", unit] = required("measured").split(" ");
  if (unit !== "GB/s" && unit !== "ns") throw new Error(`${name}: measured in ${unit}`);
  const ends = measuredText.split("-").map(Number);
  return {
    id,
    what: /^# (.*)/.exec(text)?.[1] ?? "",
    use: oneOf(name, required("use"), ["score", "calibrate", "report"]),
    group: oneOf(name, required("group"), GROUPS),
    flows: required("flows")
      .split(/, (?!other)/)
      .map((flow) => flowOf(name, flow)),
    measured: ends.reduce((sum, end) => sum + end, 0) / ends.length,
    measuredText,
    unit,
    sizeBytes: Number(head.get("size") ?? LARGE_BYTES),
    windowBytes: head.has("window") ? Number(head.get("window")) : null,
    by: head.get("by") ?? null,
    source: required("source"),
    known: head.get("known") ?? null,
    machine: readScenario(text, name),
  };
}

function oneOf<T extends string>(name: string, value: string, allowed: readonly T[]): T {
  const found = allowed.find((each) => each === value);
  if (found === undefined) throw new Error(`${name}: ${value} is none of ${allowed.join(", ")}`);
  return found;
}

function flowOf(name: string, flow: string): PointFlow {
  const match = /^(\w+) (write|read)s (\w+(?:, other socket)?)$/.exec(flow);
  if (match === null) throw new Error(`${name}: ${flow} is no flow`);
  return { client: match[1] ?? "", operation: match[2] === "read" ? "read" : "write", target: match[3] ?? "" };
}

/**
 * What a GPU's ping takes beside the way: issuing the store, and seeing the answer by reading its own memory again and
 * again. Calibrated on the pairs of other host bridges of the same source, for the points of pings alone.
 */
export const PING_NS = 365;

/** What the model says of a point, in its unit. Throws an `Error` where it says nothing. */
export function predicted(point: Point): number {
  const predictions = predictionsOfPoint(point);
  if (point.unit === "GB/s") return total(point, predictions);
  const [first] = predictions;
  const [flow] = point.flows;
  if (first === undefined || flow === undefined) throw new Error(`${point.id} has no flow`);
  if (flow.operation === "write") {
    return oneWayNs(first.path, point.sizeBytes).value + (point.by === "GPU-resident ping" ? PING_NS : 0);
  }
  const isRemote = flow.target.endsWith("other socket");
  return readNs(first.path, point.sizeBytes).value + (isRemote ? 2 * LATENCY_NS.otherSocket[0] : 0);
}

/** GB/s of x16 by generation as NCCL's `topo.h` has them: each link at its constant, and nothing else. */
const NCCL_GBPS: Readonly<Record<number, number>> = { 2.5: 3, 5: 6, 8: 12, 16: 24, 32: 48 };

/** The same with NCCL's constants, shared out in the same way; `null` for latencies, which it has none for. */
export function predictedByNccl(point: Point): number | null {
  if (point.unit === "ns") return null;
  const byNccl = predictionsOfPoint(point).map((each) => ({
    ...each,
    hops: each.hops.flatMap((hop) =>
      hop.taken === null ? [] : [{ ...hop, value: ((NCCL_GBPS[hop.taken.speedGTps] ?? 0) * hop.taken.width) / 16 }],
    ),
  }));
  return total(point, byNccl);
}

function total({ machine, flows }: Point, predictions: readonly Prediction[]): number {
  const { topology } = decideAll(machine, { providers: [], clients: [] });
  if (predictions.length !== flows.length) throw new Error("a flow without a prediction");
  return shareOut(topology, predictions).reduce((sum, gbps) => sum + gbps, 0);
}

function predictionsOfPoint({ id, machine, flows, sizeBytes, windowBytes }: Point): readonly Prediction[] {
  return flows.map(({ client, operation, target }) => {
    const reader = findDevice(machine, client);
    if (target.startsWith("host")) {
      const { topology } = decideAll(machine, { providers: [], clients: [reader] });
      const path = hostMemoryPath(topology, reader, operation);
      return predictPath(askedPath(machine, topology, path, reader, { sizeBytes, windowBytes }));
    }
    const table = decideAll(machine, { providers: [findDevice(machine, target)], clients: [reader] });
    const prediction = predictionsOf(table).at(0, 0, operation, sizeBytes, windowBytes);
    if (isUnknown(prediction)) throw new Error(`${id}: ${client} and ${target}: ${prediction.unknown}`);
    return prediction;
  });
}

/** How far a prediction is from what was measured: a part of it, with its sign. */
export function errorOf(point: Point, value: number): number {
  return value / point.measured - 1;
}

/** A group's bounds, and what a single point may miss by before the page has to say what is known of it. */
export const BOUNDS: Readonly<Record<Group, { readonly median: number | null; readonly worst: number }>> = {
  peers: { median: 0.02, worst: 0.08 },
  "host memory": { median: 0.02, worst: 0.08 },
  "gen-2 uplink": { median: null, worst: 0.05 },
  "across sockets": { median: null, worst: 0.08 },
  contention: { median: 0.1, worst: 0.1 },
  "IOMMU on": { median: 0.02, worst: 0.08 },
  latency: { median: null, worst: 0.15 },
};

/** The middle of some errors, and the largest, without their signs. */
export interface Errors {
  readonly count: number;
  readonly median: number;
  readonly worst: number;
}

export function errorsOf(errors: readonly number[]): Errors {
  const sorted = errors.map(Math.abs).sort((a, b) => a - b);
  return { count: sorted.length, median: medianOf(sorted), worst: sorted.at(-1) ?? Number.NaN };
}

/** Of sorted numbers. */
export function medianOf(sorted: readonly number[]): number {
  const middle = sorted.length >> 1;
  const [low = Number.NaN, high = Number.NaN] = [sorted[middle - 1], sorted[middle]];
  return sorted.length % 2 === 1 ? high : (low + high) / 2;
}
