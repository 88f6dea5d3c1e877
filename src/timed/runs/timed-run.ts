import type { Machine } from "../../host/machine.ts";
import type { Bdf } from "../../pci/bdf.ts";
import { entryAt } from "../../pci/entry-at.ts";
import { isUnknown, type Known, unknown } from "../../pci/known.ts";
import { present } from "../../pci/present.ts";
import type { Topology } from "../../pci/topology.ts";
import type { PeerDirection } from "../../routes/peer-routes.ts";
import { decideAll } from "../../rules/verdict-table.ts";
import type { Engine } from "../engines.ts";
import type { FlowResult, SentTlp, TimedResult } from "../run.ts";
import { TimedFabric } from "../timed-fabric.ts";

/** Whose memory a flow reads or writes: a device's, or the host's. */
export type FlowMemory = Bdf | "host-memory";

/** A flow by the addresses of its devices. */
export interface AskedFlow {
  readonly provider: FlowMemory;
  readonly client: Bdf;
  readonly operation: PeerDirection;
  /** Bytes of each read or write. */
  readonly sizeBytes: number;
  /** All of its bytes; not heeded where a run has a length of its own. */
  readonly bytes: number;
  readonly engine: Engine;
  /** The flow, by its position, whose data this one passes on; `null` for none. */
  readonly follows: number | null;
}

/** A flow after its run; unknown, with the reason, where it could not be run. */
export interface RanFlow {
  readonly flow: AskedFlow;
  readonly ran: Known<FlowResult>;
}

/** What flows used of the links between root ports and what is below: the lanes of a CPU. */
export interface RootLanes {
  readonly lanes: number;
  /** Data bytes, both directions. */
  readonly bytes: number;
}

/** Flows that ran at once. */
export interface TimedRun {
  readonly flows: readonly RanFlow[];
  /** `null` where none of them could be run. */
  readonly result: TimedResult | null;
  /** 10^9 bytes per second that came to the end of their way, in all: what one flow passes on to another counts once. */
  readonly gbps: number;
  readonly rootLanes: RootLanes;
  readonly assumptions: readonly string[];
}

export interface TimedRunOptions {
  /** The release whose rules decide; the machine's own by default. */
  readonly rules?: string | undefined;
  /** Nanoseconds that every flow goes on for; without it, until all bytes are there. */
  readonly lengthNs?: number | undefined;
  readonly observer?: ((tlp: SentTlp) => void) | undefined;
}

/** Runs flows at once on a machine as it is after its boot. One that cannot be run takes those with it that pass its data on. */
export function runInTime(machine: Machine, asked: readonly AskedFlow[], options: TimedRunOptions = {}): TimedRun {
  const { rules, lengthNs, observer } = options;
  const clients = [...new Set(asked.map(({ client }) => client))];
  const named = [...new Set(asked.flatMap(({ provider }) => (provider === "host-memory" ? [] : [provider])))];
  const table = decideAll(machine, { clients, providers: named.length === 0 ? clients : named, ...present({ rules }) });
  const fabric = new TimedFabric(table);
  const numbers: Known<number>[] = [];
  for (const { provider, client, follows, bytes, ...flow } of asked) {
    const leader = follows === null ? null : entryAt(numbers, follows);
    numbers.push(
      leader !== null && isUnknown(leader)
        ? unknown("the data that it passes on does not come")
        : fabric.addFlow({
            ...flow,
            provider: provider === "host-memory" ? provider : named.indexOf(provider),
            client: clients.indexOf(client),
            ...(lengthNs === undefined ? { bytes } : {}),
            ...(leader === null ? {} : { follows: leader }),
          }),
    );
  }
  const result = fabric.flowCount === 0 ? null : fabric.run(present({ untilNs: lengthNs, observer }));
  const flows = asked.map((flow, at): RanFlow => {
    const number = entryAt(numbers, at);
    return { flow, ran: isUnknown(number) ? number : entryAt(result?.flows ?? [], number) };
  });
  return {
    flows,
    result,
    gbps: result === null ? 0 : arrivedBytes(flows) / result.endNs,
    rootLanes: result === null ? { lanes: 0, bytes: 0 } : rootLanesOf(table.topology, result),
    assumptions: fabric.assumptions,
  };
}

function arrivedBytes(flows: readonly RanFlow[]): number {
  const passedOn = new Set(flows.map(({ flow }) => flow.follows));
  return flows.reduce((sum, { ran }, at) => sum + (isUnknown(ran) || passedOn.has(at) ? 0 : ran.bytes), 0);
}

/** True for a function whose link's upper end is a port of the root complex. */
function isBelowRootPort(topology: Topology, bdf: Bdf): boolean {
  const port = topology.parentOf(topology.indexOf(bdf));
  return port !== undefined && topology.isOnRootBus(port);
}

function rootLanesOf(topology: Topology, { links }: TimedResult): RootLanes {
  const used = links.filter(({ below }) => isBelowRootPort(topology, below));
  const widths = new Map(used.map(({ below, state }) => [below, state.width]));
  return {
    lanes: [...widths.values()].reduce((sum, width) => sum + width, 0),
    bytes: used.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}
