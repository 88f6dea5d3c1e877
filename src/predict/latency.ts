import { linkGbps } from "../link/rate.ts";
import { awakeLink, type DataPath } from "./crossings.ts";
import type { Ranged } from "./platform-limits.ts";

type Column = readonly [value: number, low: number, high: number];

/**
 * Nanoseconds that a TLP takes, unloaded, beside the time in which its bytes pass; docs/time.md has what each was
 * calibrated on. MODEL: the same of every device, switch and root complex. Data sheets of switches say 100 to 140 ns from
 * port to port; reads through one took 160 ns more each way, its second link included.
 */
export const LATENCY_NS: Readonly<Record<"ends" | "switch" | "rootComplex" | "otherSocket" | "hostMemory", Column>> = {
  /** Issuing in a device and taking in in the other one: half of what a read takes beside its way. */
  ends: [200, 120, 400],
  switch: [160, 100, 220],
  /** From port to port of one socket. */
  rootComplex: [200, 80, 350],
  /** To the other socket, beside it. */
  otherSocket: [50, 15, 125],
  /** Of a read of host memory, the memory: beside what a device's own takes. */
  hostMemory: [120, 60, 250],
};

const WHY =
  "ends, switches and root complex as measured elsewhere (docs/time.md), and the time in which the bytes pass";

/** Nanoseconds of one TLP with data, one way, from issue to arrival, with nothing else under way. */
export function oneWayNs(path: DataPath, sizeBytes: number): Ranged {
  const passing = bytesNs(path, sizeBytes);
  const sum = (column: 0 | 1 | 2): number => wayNs(path, column) + passing;
  return { value: sum(0), low: sum(1), high: sum(2), why: WHY, sure: "assumption" };
}

/**
 * Nanoseconds of one read, from its request to its last byte, with nothing else under way: the way there and back.
 * MODEL: its bytes pass twice, over the slowest link and then into the memory of who asked; a NIC's did.
 */
export function readNs(path: DataPath, sizeBytes: number): Ranged {
  const passing = 2 * bytesNs(path, sizeBytes);
  const memory = isToHostMemory(path) ? LATENCY_NS.hostMemory : ([0, 0, 0] as const);
  const sum = (column: 0 | 1 | 2): number => 2 * wayNs(path, column) + memory[column] + passing;
  return { value: sum(0), low: sum(1), high: sum(2), why: WHY, sure: "assumption" };
}

function wayNs(path: DataPath, column: 0 | 1 | 2): number {
  const root = path.crossings.find(({ kind }) => kind === "root-complex");
  const isAcross = root?.kind === "root-complex" && root.distance === "two-sockets";
  return (
    LATENCY_NS.ends[column] +
    switchesOn(path) * LATENCY_NS.switch[column] +
    (root === undefined ? 0 : LATENCY_NS.rootComplex[column]) +
    (isAcross ? LATENCY_NS.otherSocket[column] : 0)
  );
}

function bytesNs({ crossings }: DataPath, sizeBytes: number): number {
  const rates = crossings.flatMap((each) =>
    each.kind === "link" ? [linkGbps(awakeLink(each.link) ?? each.link.status)] : [],
  );
  const slowest = Math.min(...rates);
  return Number.isFinite(slowest) && slowest > 0 ? (sizeBytes * 8) / slowest : 0;
}

/** Of a path that ends at the root complex and does not cross it. */
function isToHostMemory({ turn, crossings }: DataPath): boolean {
  return turn === "root-complex" && !crossings.some(({ kind }) => kind === "root-complex");
}

/** Switches that the data passes: each has one link on its side of the root and one below. */
function switchesOn({ crossings, turn }: DataPath): number {
  const root = crossings.findIndex(({ kind }) => kind === "root-complex");
  // What is hidden above a function and that function's own link are one way on.
  const links = (from: number, to: number): number =>
    new Set(crossings.slice(from, to).flatMap((each) => (each.kind === "root-complex" ? [] : [each.below]))).size;
  if (turn === "inside-device") return 0;
  if (root < 0) return Math.max(0, links(0, crossings.length) - 1);
  return Math.max(0, links(0, root) - 1) + Math.max(0, links(root, crossings.length) - 1);
}
