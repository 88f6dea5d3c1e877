import type { Machine } from "../host/machine.ts";
import type { Bdf } from "../pci/bdf.ts";
import type { LinkState } from "../pci/express.ts";
import type { Topology } from "../pci/topology.ts";
import { awakeLink, type Crossing, type DataPath } from "../predict/crossings.ts";
import { linkOf } from "../predict/flows.ts";
import { LATENCY_NS } from "../predict/latency.ts";
import { rootComplexLimit } from "../predict/platform-limits.ts";

/** One link, one way, that TLPs cross. */
export interface WayLink {
  /** The function that stands for its lower end, whichever of a device's crosses it. */
  readonly below: Bdf;
  readonly towards: "up" | "down";
  readonly state: LinkState;
  /** Nanoseconds from where the TLP's first byte is sent over the link before to where this one may send it. */
  readonly afterNs: number;
  /** Data bytes of a packet of writes here, at most: less than before where a root complex has cut them. */
  readonly cutBytes: number;
  /** 10^9 data bytes per second of the pair, where a root complex before this link passes no more; else `null`. */
  readonly pairGBps: number | null;
  /** True for what comes out of a root complex. */
  readonly isFromRoot: boolean;
}

/** The way of TLPs, in their order. */
export interface Way {
  readonly links: readonly WayLink[];
  /** Nanoseconds from the last byte on the last link to where it is taken in; what nothing shown is before is in it too. */
  readonly endNs: number;
  /** What was taken of links that the source does not show. */
  readonly assumptions: readonly string[];
}

/** The way of the data of a path, cut into packets of `payloadBytes`. */
export function wayOf(machine: Machine, topology: Topology, path: DataPath, payloadBytes: number): Way {
  const links: WayLink[] = [];
  const assumptions: string[] = [];
  let afterNs = 0;
  let cutBytes = payloadBytes;
  let pairGBps: number | null = null;
  let before: Crossing["kind"] | null = null;
  let firstNs = 0;
  let isFromRoot = false;
  for (const crossing of path.crossings) {
    // From one link to the next is a switch, where no root complex is between.
    if (crossing.kind !== "root-complex" && before !== null && before !== "root-complex")
      afterNs += LATENCY_NS.switch[0];
    before = crossing.kind;
    if (crossing.kind === "hidden-link" || crossing.kind === "on-card") {
      assumptions.push(`${crossing.why}: taken as no limit`);
      continue;
    }
    if (crossing.kind === "root-complex") {
      const { payload, gbps, why } = rootComplexLimit(machine, crossing.distance, Number.POSITIVE_INFINITY);
      if (payload !== null && path.operation === "write") cutBytes = Math.min(cutBytes, payload.value);
      if (gbps !== null && Number.isFinite(gbps.value)) pairGBps = gbps.value;
      afterNs += LATENCY_NS.rootComplex[0] + (crossing.distance === "two-sockets" ? LATENCY_NS.otherSocket[0] : 0);
      assumptions.push(why);
      isFromRoot = true;
      continue;
    }
    const below = linkOf(topology, crossing.below);
    const state = awakeLink(crossing.link) ?? crossing.link.status;
    if (links.length === 0) firstNs = afterNs;
    links.push({ below, towards: crossing.towards, state, afterNs, cutBytes, pairGBps, isFromRoot });
    afterNs = 0;
    pairGBps = null;
    isFromRoot = false;
  }
  return { links, endNs: firstNs + afterNs + LATENCY_NS.ends[0], assumptions };
}

/** The path of the requests of a read: that of its data the other way. */
export function requestsOf(path: DataPath): DataPath {
  const back = path.crossings.toReversed().map((crossing): Crossing => {
    if (crossing.kind === "root-complex") return crossing;
    return { ...crossing, towards: crossing.towards === "up" ? "down" : "up" };
  });
  return { ...path, crossings: back };
}
