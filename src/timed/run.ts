import type { Bdf } from "../pci/bdf.ts";
import { entryAt } from "../pci/entry-at.ts";
import type { LinkState } from "../pci/express.ts";
import { wrongArgument } from "../pci/wrong-argument.ts";
import { type Layout, PS_PER_NS } from "./layout.ts";
import type { TimedOptions } from "./options.ts";
import { CLASS_COUNT, NON_POSTED, TLP_CLASSES, type TlpClass } from "./ordering.ts";
import { Simulation } from "./simulation.ts";
import { type Reach, Translation } from "./translation.ts";

/** A TLP that a link or the memory carries; links by their position in {@link TimedResult.links}. */
export interface SentTlp {
  /** -1 for the host's memory. */
  readonly link: number;
  readonly startNs: number;
  readonly endNs: number;
  readonly kind: TlpClass;
  readonly flow: number;
  /** Data bytes; of a read request those that it asks for. */
  readonly bytes: number;
}

export interface RunOptions {
  /** Nanoseconds of the run; without it, until every flow is done, which then all need an end. */
  readonly untilNs?: number;
  /** Decides which TLPs arrive damaged; 1 by default. */
  readonly seed?: number;
  /** Parts of time in which utilisation is told; 100 by default. */
  readonly buckets?: number;
  /** Called for every TLP that is sent, in the order of the events; costs nothing where it is not given. */
  readonly observer?: (tlp: SentTlp) => void;
}

/** Nanoseconds below which a part of all operations stayed, to 1 %. */
export interface Percentiles {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

export interface FlowResult {
  readonly bytes: number;
  readonly operations: number;
  /** 10^9 data bytes per second between its start and its end, or that of the run. */
  readonly gbps: number;
  /** From when an operation may begin to its last byte; `null` where none was done. */
  readonly latencyNs: Percentiles | null;
  /** When its last operation was done. */
  readonly doneNs: number;
}

/** One direction of a link. */
export interface LinkUse {
  /** The function at its lower end. */
  readonly below: Bdf;
  readonly towards: "up" | "down";
  readonly state: LinkState;
  /** Data bytes, without those that requests only ask for. */
  readonly bytes: number;
  readonly tlps: Readonly<Record<TlpClass, number>>;
  /** The part of the time that TLPs, and what acknowledges those of the other direction, took. */
  readonly utilisation: number;
  /** The same of each part of the run. */
  readonly overTime: readonly number[];
}

/** The memory of the host, what flows did with it. */
export interface MemoryUse {
  readonly readBytes: number;
  readonly writtenBytes: number;
  readonly utilisation: number;
  readonly overTime: readonly number[];
}

export interface TimedResult {
  /** Nanoseconds that were simulated. */
  readonly endNs: number;
  readonly flows: readonly FlowResult[];
  /** Those that a flow crosses. */
  readonly links: readonly LinkUse[];
  readonly memory: MemoryUse;
  /** Nanoseconds of each part of `overTime`; the last one ends with the run. */
  readonly bucketNs: number;
  /** Times that a station looked for what to send. */
  readonly events: number;
  /** TLPs sent, counted on each link and at the memory. */
  readonly tlps: number;
  readonly peakTlps: number;
  /** TLPs sent again as they arrived damaged. */
  readonly replays: number;
  /** Walks of the IOMMU. */
  readonly walks: number;
}

const DEFAULT_BUCKETS = 100;
/** The first length of a bucket, where the end is not known. */
const SHORT_BUCKET_NS = 100;

/** Runs a layout. Throws a `PeerlaneError` where the end is not told and a flow has none. */
export function runTimed(
  layout: Layout,
  fabric: TimedOptions,
  reach: readonly Reach[],
  { untilNs, seed = 1, buckets = DEFAULT_BUCKETS, observer }: RunOptions,
): TimedResult {
  const hasEnd = untilNs !== undefined;
  if (hasEnd ? !(untilNs > 0 && Number.isFinite(untilNs)) : layout.flows.some(({ bytes }) => !Number.isFinite(bytes))) {
    const expected = hasEnd ? "a number above 0" : "a time, as a flow has no end";
    throw wrongArgument({ call: "run", argument: "untilNs", given: untilNs, expected });
  }
  const bucketNs = hasEnd ? Math.max(1, untilNs / buckets) : SHORT_BUCKET_NS;
  const { iommu = null, errorRate = 0 } = fabric;
  const translation =
    iommu === null
      ? null
      : new Translation(
          iommu,
          reach,
          layout.flows.map(({ sizeBytes }) => sizeBytes),
        );
  const linkOf = linkNumbers(layout);
  const simulation = new Simulation(layout, {
    relaxedOrdering: fabric.relaxedOrdering ?? false,
    seed,
    errorRates: layout.stations.map(({ below }) =>
      below === null ? 0 : typeof errorRate === "number" ? errorRate : errorRate(below),
    ),
    translation,
    bucketPs: bucketNs * PS_PER_NS,
    buckets,
    observer:
      observer === undefined
        ? null
        : (station, startPs, endPs, kind, flow, bytes) =>
            observer({
              link: linkOf[station] ?? -1,
              startNs: startPs / PS_PER_NS,
              endNs: endPs / PS_PER_NS,
              kind: entryAt(TLP_CLASSES, kind),
              flow,
              bytes,
            }),
  });
  const goesOn = hasEnd ? simulation.runUntil(untilNs * PS_PER_NS) : simulation.runUntilDone(Number.POSITIVE_INFINITY);
  if (!goesOn && simulation.unfinished > 0) throw new Error("the simulation stands still and flows are not done");
  const endNs = untilNs ?? Math.max(...layout.flows.map((_, flow) => simulation.lastDoneOf(flow))) / PS_PER_NS;
  return resultOf(layout, simulation, endNs, translation?.walks ?? 0);
}

/** The position of each station among the links, -1 for the memory. */
function linkNumbers({ stations }: Layout): readonly number[] {
  let links = 0;
  return stations.map(({ below }) => (below === null ? -1 : links++));
}

function resultOf(layout: Layout, simulation: Simulation, endNs: number, walks: number): TimedResult {
  const { usage, latencies } = simulation;
  const endPs = endNs * PS_PER_NS;
  const tlpsOf = (station: number, kind: number): number => usage.tlps[station * CLASS_COUNT + kind] ?? 0;
  const bytesOf = (station: number, kind: number): number => usage.bytesBy[station * CLASS_COUNT + kind] ?? 0;
  const utilisationOf = (station: number): number => Math.min(1, (usage.busyPs[station] ?? 0) / endPs);
  const { memory } = layout;
  return {
    endNs,
    flows: layout.flows.map(({ startNs, bytes: all }, flow) => {
      const bytes = simulation.deliveredOf(flow);
      const doneNs = simulation.lastDoneOf(flow) / PS_PER_NS;
      const lasted = (bytes >= all ? doneNs : endNs) - startNs;
      const percentile = (part: number): number => latencies.percentile(flow, part) ?? 0;
      return {
        bytes,
        operations: simulation.operationsOf(flow),
        gbps: lasted > 0 ? bytes / lasted : 0,
        latencyNs:
          simulation.operationsOf(flow) === 0
            ? null
            : { p50: percentile(0.5), p95: percentile(0.95), p99: percentile(0.99) },
        doneNs,
      };
    }),
    links: layout.stations.flatMap(({ below, towards, state }, station) =>
      below === null || towards === null || state === null
        ? []
        : [
            {
              below,
              towards,
              state,
              bytes: TLP_CLASSES.reduce((sum, _, kind) => sum + (kind === NON_POSTED ? 0 : bytesOf(station, kind)), 0),
              tlps: {
                posted: tlpsOf(station, 0),
                "non-posted": tlpsOf(station, 1),
                completion: tlpsOf(station, 2),
              },
              utilisation: utilisationOf(station),
              overTime: usage.overTime(station, endPs),
            },
          ],
    ),
    memory: {
      readBytes: memory < 0 ? 0 : bytesOf(memory, NON_POSTED),
      writtenBytes: memory < 0 ? 0 : bytesOf(memory, 0),
      utilisation: memory < 0 ? 0 : utilisationOf(memory),
      overTime: memory < 0 ? [] : usage.overTime(memory, endPs),
    },
    bucketNs: usage.bucketPs / PS_PER_NS,
    events: simulation.events,
    tlps: usage.tlps.reduce((sum, count) => sum + count, 0),
    peakTlps: simulation.packetsPeak,
    replays: simulation.replays,
    walks,
  };
}
