import { linkGbps } from "../link/rate.ts";
import type { DataPath } from "./crossings.ts";
import type { Ranged } from "./platform-limits.ts";

/** Nanoseconds that a TLP takes, unloaded, beside the time in which its bytes pass. docs/time.md has the sources. */
const NS = {
  /** Issuing in a device and taking in the other one: its DMA engine, its memory. */
  ends: [280, 150, 480],
  /** A switch, cut-through. */
  switch: [120, 90, 200],
  /** A root complex, from port to port of one socket. */
  rootComplex: [150, 80, 350],
  /** The same to the other socket, beside it. */
  otherSocket: [95, 50, 250],
} as const satisfies Readonly<Record<string, readonly [value: number, low: number, high: number]>>;

/** Nanoseconds of one TLP with data, one way, from issue to arrival, with nothing else under way. */
export function oneWayNs(path: DataPath, sizeBytes: number): Ranged {
  const parts: (readonly [number, number, number])[] = [NS.ends];
  const links = path.crossings.flatMap((crossing) => (crossing.kind === "link" ? [crossing] : []));
  for (let at = 0; at < switchesOn(path); at++) parts.push(NS.switch);
  const root = path.crossings.find(({ kind }) => kind === "root-complex");
  if (root?.kind === "root-complex") {
    parts.push(NS.rootComplex);
    if (root.distance === "two-sockets") parts.push(NS.otherSocket);
  }
  const slowest = Math.min(...links.map(({ link }) => linkGbps(link.status)));
  const bytesNs = Number.isFinite(slowest) && slowest > 0 ? (sizeBytes * 8) / slowest : 0;
  const sum = (column: 0 | 1 | 2): number => parts.reduce((ns, part) => ns + part[column], bytesNs);
  const why =
    "ends, switches and root complex as measured elsewhere (docs/time.md), and the time in which the bytes pass";
  return { value: sum(0), low: sum(1), high: sum(2), why, sure: "assumption" };
}

/** Switches that the data passes: each has one link on its side of the root and one below. */
function switchesOn({ crossings, turn }: DataPath): number {
  const root = crossings.findIndex(({ kind }) => kind === "root-complex");
  const links = (from: number, to: number): number =>
    crossings.slice(from, to).filter(({ kind }) => kind !== "root-complex").length;
  if (turn === "inside-device") return 0;
  if (root < 0) return Math.max(0, links(0, crossings.length) - 1);
  return Math.max(0, links(0, root) - 1) + Math.max(0, links(root, crossings.length) - 1);
}
