import type { Bdf } from "../pci/bdf.ts";
import { entryAt } from "../pci/entry-at.ts";
import type { LinkState } from "../pci/express.ts";
import { wrongArgument } from "../pci/wrong-argument.ts";
import { advance } from "./fast-forward.ts";
import { type Layout, PS_PER_NS } from "./layout.ts";
import type { TimedOptions } from "./options.ts";
import { NON_POSTED, TLP_CLASSES, type TlpClass } from "./ordering.ts";
import { Simulation } from "./simulation.ts";
import { type Reach, Translation } from "./translation.ts";
import { BUSY, BYTES, TLPS, USAGE_SHIFT } from "./usage.ts";

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
  /** Skips stretches in which all rates are steady: the results agree within 1 %. False by default. */
  readonly fastForward?: boolean;
  /** Called for every TLP that is sent, in the order of the events; costs nothing where it is not given. Of what is skipped, none. */
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
  /** Times that a station looked for what to send; of what is skipped, none. */
  readonly events: number;
  /** TLPs sent, counted on each link and at the memory. */
  readonly tlps: number;
  readonly peakTlps: number;
  /** TLPs sent again as they arrived damaged. */
  readonly replays: number;
  /** Walks of the IOMMU. */
  readonly walks: number;
  /** Nanoseconds of the run that were skipped, as all rates were steady. */
  readonly skippedNs: number;
}

const DEFAULT_BUCKETS = 100;
/** The first length of a bucket, where the end is not known. */
const SHORT_BUCKET_NS = 100;

/** Runs a layout. Throws a `PeerlaneError` where the end is not told and a flow has none. */
export function runTimed(
  layout: Layout,
  fabric: TimedOptions,
  reach: readonly Reach[],
  { untilNs, seed = 1, buckets = DEFAULT_BUCKETS, fastForward = false, observer }: RunOptions,
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
              startNs: (startPs + simulation.skippedPs) / PS_PER_NS,
              endNs: (endPs + simulation.skippedPs) / PS_PER_NS,
              kind: entryAt(TLP_CLASSES, kind),
              flow,
              bytes,
            }),
  });
  const endPs = hasEnd ? Math.round(untilNs * PS_PER_NS) : Number.POSITIVE_INFINITY;
  const goesOn = advance(simulation, layout, endPs, fastForward);
  if (!goesOn) throw new Error("the simulation stands still and flows are not done");
  const endNs = untilNs ?? Math.max(...layout.flows.map((_, flow) => simulation.sources.doneAt[flow] ?? 0)) / PS_PER_NS;
  return resultOf(layout, simulation, endNs);
}

/** The position of each station among the links, -1 for the memory. */
function linkNumbers({ stations }: Layout): readonly number[] {
  let links = 0;
  return stations.map(({ below }) => (below === null ? -1 : links++));
}

function resultOf(layout: Layout, simulation: Simulation, endNs: number): TimedResult {
  const { usage, sources } = simulation;
  const { latencies } = sources;
  const endPs = endNs * PS_PER_NS;
  const tlpsOf = (station: number, kind: number): number => usage.records[(station << USAGE_SHIFT) + TLPS + kind] ?? 0;
  const bytesOf = (station: number, kind: number): number =>
    usage.records[(station << USAGE_SHIFT) + BYTES + kind] ?? 0;
  const utilisationOf = (station: number): number =>
    Math.min(1, (usage.records[(station << USAGE_SHIFT) + BUSY] ?? 0) / endPs);
  const { memory } = layout;
  return {
    endNs,
    flows: layout.flows.map(({ startNs, bytes: all }, flow) => {
      const bytes = sources.delivered[flow] ?? 0;
      const doneNs = (sources.doneAt[flow] ?? 0) / PS_PER_NS;
      const lasted = (bytes >= all ? doneNs : endNs) - startNs;
      const percentile = (part: number): number => latencies.percentile(flow, part) ?? 0;
      return {
        bytes,
        operations: Math.round(sources.operations[flow] ?? 0),
        gbps: lasted > 0 ? bytes / lasted : 0,
        latencyNs:
          (sources.operations[flow] ?? 0) === 0
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
    tlps: layout.stations.reduce((sum, _, at) => sum + tlpsOf(at, 0) + tlpsOf(at, 1) + tlpsOf(at, 2), 0),
    peakTlps: simulation.queues.packets.peak,
    replays: simulation.replays,
    walks: simulation.walks,
    skippedNs: simulation.skippedPs / PS_PER_NS,
  };
}
