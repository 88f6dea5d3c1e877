import type { System } from "../devices/system.ts";
import type { SplitTraffic, Traffic } from "../devices/traffic.ts";
import type { Bdf } from "../pci/bdf.ts";
import { entryAt } from "../pci/entry-at.ts";
import type { PciExpress } from "../pci/express.ts";
import { isUnknown, type Unknown } from "../pci/known.ts";
import type { Topology } from "../pci/topology.ts";

/** What went over the link (or onto the bus) above a function. */
export interface LinkTraffic {
  readonly fn: Bdf;
  /** What the function is on its link; `null` for a conventional one, or where the source does not show it. */
  readonly port: Exclude<PciExpress["type"], Unknown> | null;
  /** Payload bytes towards the root. */
  readonly upBytes: number;
  readonly downBytes: number;
}

/** What passed through a switch, named by its upstream port. */
export interface SwitchTraffic {
  readonly fn: Bdf;
  /** Payload bytes that entered it at any port; what it sends up and gets back passes twice. */
  readonly bytes: number;
}

/** Where the payload of a transfer went; control traffic (queue entries, doorbells, lists) is only in `control`. */
export interface TrafficReport {
  readonly dramReadBytes: number;
  readonly dramWrittenBytes: number;
  /** What the root complex passed from port to port. */
  readonly rootComplexBytes: number;
  /** What went over the links of the root bus, in both directions: root ports and endpoints beside them. */
  readonly rootPortBytes: number;
  /** Every link with traffic, in order of the functions. */
  readonly links: readonly LinkTraffic[];
  readonly switches: readonly SwitchTraffic[];
  /** Requests, as TLPs. */
  readonly requests: number;
  readonly control: { readonly dramBytes: number; readonly requests: number };
}

/** Names the traffic of a system. */
export function reportTraffic({ topology }: System, { data, control }: SplitTraffic): TrafficReport {
  const links = topology.functions.flatMap((fn, index): LinkTraffic[] => {
    const upBytes = entryAt(data.up, index);
    const downBytes = entryAt(data.down, index);
    return upBytes === 0 && downBytes === 0 ? [] : [{ fn: fn.bdf, port: portAt(topology, index), upBytes, downBytes }];
  });
  return {
    dramReadBytes: data.dramReadBytes,
    dramWrittenBytes: data.dramWrittenBytes,
    rootComplexBytes: data.rootComplexBytes,
    rootPortBytes: rootPortBytes(topology, data),
    links,
    switches: switchesOf(topology, data),
    requests: data.requests,
    control: { dramBytes: control.dramReadBytes + control.dramWrittenBytes, requests: control.requests },
  };
}

function rootPortBytes(topology: Topology, { up, down }: Traffic): number {
  const tops = [...topology.preorder].filter((index) => topology.isOnRootBus(index));
  return tops.reduce((sum, top) => sum + entryAt(up, top) + entryAt(down, top), 0);
}

function switchesOf(topology: Topology, { up, down }: Traffic): readonly SwitchTraffic[] {
  return topology.functions.flatMap((fn, index): SwitchTraffic[] => {
    if (portAt(topology, index) !== "upstream-port") return [];
    const fromBelow = topology.children(index).reduce((sum, child) => sum + entryAt(up, child), 0);
    const bytes = fromBelow + entryAt(down, index);
    return bytes === 0 ? [] : [{ fn: fn.bdf, bytes }];
  });
}

function portAt(topology: Topology, index: number): LinkTraffic["port"] {
  const { express } = topology.functionAt(index);
  if (express === null || isUnknown(express) || isUnknown(express.type)) return null;
  return express.type;
}
