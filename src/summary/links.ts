import type { Bdf } from "../pci/bdf.ts";
import { deviceKind, isBridge } from "../pci/device-kind.ts";
import type { LinkState, PciExpress } from "../pci/express.ts";
import type { PciFunction } from "../pci/function.ts";
import { isUnknown, type Known } from "../pci/known.ts";
import type { Topology } from "../pci/topology.ts";
import { physicalOf } from "../pci/virtual-functions.ts";
import type { Verdict } from "../rules/verdict.ts";

/**
 * What a link is, held against what its two ends can do: `full`, all that both can; `slow`, less than both can;
 * `idle-gpu`, full width at less speed, and only a GPU below, as an idle GPU has it; `held-by-port`, all that both can, and
 * the function below can more; `below-own`, less than the function below can, and what the port above can is not known;
 * `open`, what the function below can is not known.
 */
export type LinkIs = "full" | "slow" | "idle-gpu" | "held-by-port" | "below-own" | "open";

/** A link, by the function at its lower end. */
export interface Link {
  readonly below: Bdf;
  /** The port at its upper end; `null` where the source does not show it, or it states another link. */
  readonly above: Bdf | null;
  readonly is: LinkIs;
  /** What was negotiated. */
  readonly status: LinkState;
  /** What the function below, the port above, and so both can do; `null` where that is not known. */
  readonly belowCan: LinkState | null;
  readonly aboveCan: LinkState | null;
  readonly bothCan: LinkState | null;
  /** It has all of its lanes at less speed than the function below can, and only a GPU is below, which lowers it while idle. */
  readonly mayBeIdle: boolean;
}

/** The link above a function; `null` where it has none, or the source does not show its state. A virtual one has its physical one's. */
export function linkAbove(topology: Topology, index: number): Link | null {
  const fn = topology.functionAt(index);
  const express = expressOf(fn);
  const status = express === null || isPortAbove(express) ? null : shown(express.linkStatus);
  if (express === null || status === null || status.width === 0) return null;
  const port = portAbove(topology, index, status);
  const belowCan = shown(express.linkCapable);
  const aboveCan = port === null ? null : shown(port.express.linkCapable);
  const bothCan = belowCan === null || aboveCan === null ? null : least(belowCan, aboveCan);
  const can = bothCan ?? belowCan;
  const mayBeIdle = can !== null && status.width >= can.width && isLess(status, can) && isGpuAlone(topology, index);
  const link = { below: fn.bdf, above: port?.fn.bdf ?? null, status, belowCan, aboveCan, bothCan, mayBeIdle };
  return { ...link, is: judge(link) };
}

/** Why the state of the link above a function is not known; `null` where it is, or there is none. */
export function hiddenLinkAbove(topology: Topology, index: number): string | null {
  const express = expressOf(topology.functionAt(index));
  return express !== null && !isPortAbove(express) && isUnknown(express.linkStatus) ? express.linkStatus.unknown : null;
}

/** The links of a machine, each once, in the order of the functions at their lower ends. */
export function linksOf(topology: Topology): readonly Link[] {
  return topology.functions.flatMap((fn, index) => {
    if (physicalOf(fn) !== undefined) return [];
    const link = linkAbove(topology, index);
    // Of the functions of one device the first stands for the link that they share.
    const isFirst = topology.slotMates(index).every((mate) => mate >= index || linkAbove(topology, mate) === null);
    return link === null || !isFirst ? [] : [link];
  });
}

/** The links that requests of a pair cross, in the order of the functions below them, and why others are not known. */
export function linksOfPair(
  topology: Topology,
  { provider, client, path, meeting, acsRedirect, mapType }: Verdict,
): { readonly links: readonly Link[]; readonly hidden: readonly string[] } {
  if (provider === client) return { links: [], hidden: [] };
  const turned = meeting === null ? [] : [meeting, ...bridgesAbove(topology, meeting)];
  const goesUp = mapType === "thru-host-bridge" || acsRedirect.length > 0;
  const crossed = new Set([...path.filter((bdf) => bdf !== meeting), ...(goesUp ? turned : [])]);
  const ends = [...crossed].sort((a, b) => a - b).map((bdf) => topology.indexOf(bdf));
  return {
    links: ends.flatMap((end) => linkAbove(topology, end) ?? []),
    hidden: ends.flatMap((end) => hiddenLinkAbove(topology, end) ?? []),
  };
}

function bridgesAbove(topology: Topology, bdf: Bdf): readonly Bdf[] {
  return topology.bridgesAbove(topology.indexOf(bdf)).map((index) => topology.functionAt(index).bdf);
}

/** True for the types whose link is the one below them. */
export function isPortAbove({ type }: PciExpress): boolean {
  return type === "root-port" || type === "downstream-port";
}

function judge({ status, belowCan, bothCan, mayBeIdle }: Omit<Link, "is">): LinkIs {
  if (belowCan === null) return "open";
  if (bothCan === null) return isLess(status, belowCan) ? "below-own" : "full";
  if (!isLess(status, bothCan)) return isLess(status, belowCan) ? "held-by-port" : "full";
  return mayBeIdle ? "idle-gpu" : "slow";
}

/** A speed that an encoding does not name is no less than another. */
function isLess(a: LinkState, b: LinkState): boolean {
  return a.width < b.width || (a.speedGTps > 0 && a.speedGTps < b.speedGTps);
}

function least(a: LinkState, b: LinkState): LinkState {
  return { width: Math.min(a.width, b.width), speedGTps: Math.min(a.speedGTps, b.speedGTps) };
}

/** The port at a link's upper end. One that states another link is not its end: an emulated port above a real device. */
function portAbove(
  topology: Topology,
  index: number,
  status: LinkState,
): { readonly fn: PciFunction; readonly express: PciExpress } | null {
  const parent = topology.parentOf(index);
  if (parent === undefined) return null;
  const fn = topology.functionAt(parent);
  const express = expressOf(fn);
  if (express === null || !isPortAbove(express)) return null;
  const stated = shown(express.linkStatus);
  if (stated !== null && (stated.width !== status.width || stated.speedGTps !== status.speedGTps)) return null;
  return { fn, express };
}

/** Functions below a link among which a GPU is looked for: cards have a few. */
const FEW = 32;

/**
 * Whether what is below a link is one GPU, with the bridges and other functions of its card, and nothing else. Above
 * several it is a switch's link, and no GPU lowers that.
 */
function isGpuAlone(topology: Topology, index: number): boolean {
  const below = topology.subtreeOf(index);
  if (below.length > FEW) return false;
  const isGpu = (at: number): boolean => deviceKind(topology.functionAt(at)) === "gpu";
  const devices = [...below].filter((at) => !isBridge(topology.functionAt(at)));
  const slots = new Set(devices.map((at) => topology.slotMates(at)));
  return slots.size === 1 && [...slots].every((mates) => mates.some(isGpu));
}

function expressOf({ express }: PciFunction): PciExpress | null {
  return isUnknown(express) ? null : express;
}

function shown(state: Known<LinkState | null>): LinkState | null {
  return isUnknown(state) ? null : state;
}
