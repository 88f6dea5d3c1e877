import { packetGBps } from "../link/rate.ts";
import type { Bdf } from "../pci/bdf.ts";
import { formatBdf } from "../pci/bdf.ts";
import { isUnknown, type Known, unknown } from "../pci/known.ts";
import { wrongArgument } from "../pci/wrong-argument.ts";
import { type DataPath, hostMemoryPath } from "../predict/crossings.ts";
import { askedPath } from "../predict/hops.ts";
import { LATENCY_NS } from "../predict/latency.ts";
import { type Prediction, predictionsOf, predictPath } from "../predict/predict.ts";
import type { PeerDirection } from "../routes/peer-routes.ts";
import type { VerdictTable } from "../rules/verdict-table.ts";
import { type Engine, paceOf } from "./engines.ts";
import { Layout, type PlannedFlow } from "./layout.ts";
import { ASSUMED_MEMORY, BUFFERED_LOOPS, type TimedOptions } from "./options.ts";
import { type RunOptions, runTimed, type TimedResult } from "./run.ts";
import type { Reach } from "./translation.ts";
import { requestsOf, wayOf } from "./ways.ts";

/** The memory of the host: of the socket of who reads or writes it, or of the other one. */
export type HostMemory = "host-memory" | "host-memory-of-other-socket";

/** One flow of reads or writes. */
export interface TimedFlow {
  /** Whose memory is read or written: a position in the table's providers, or the host's. */
  readonly provider: number | HostMemory;
  /** Who reads or writes it: a position in the table's clients. */
  readonly client: number;
  readonly operation: PeerDirection;
  /** Bytes of each read or write (of an NVMe drive, of each command), up to 1 GiB. */
  readonly sizeBytes: number;
  readonly engine?: Engine;
  /** When its first one may begin; 0 by default. */
  readonly startNs?: number;
  /** All of its bytes; without it, it goes on. */
  readonly bytes?: number;
  /** The flow, by its number, whose data this one passes on: no byte of this one begins before it arrived there. */
  readonly follows?: number;
  /** Where in memory it reads or writes, for an IOMMU that translates; 1 MiB in order by default. */
  readonly reach?: Reach;
}

const MOST_BYTES = 1 << 30;
const ASSUMED_REACH: Reach = { bytes: 1 << 20, order: "in-order" };

/**
 * Flows on a machine, to be run in time: TLPs over links, switches and root complex, event by event. Ways, packet sizes,
 * rates and hop latencies are those of the prediction; credits, ordering, arbitration, tags and queues are simulated.
 */
export class TimedFabric {
  readonly #table: VerdictTable;
  readonly #options: TimedOptions;
  readonly #flows: PlannedFlow[] = [];
  readonly #reach: Reach[] = [];
  readonly #assumptions = new Set<string>();

  /** Throws a `PeerlaneError` for options that no hardware has. */
  constructor(table: VerdictTable, options: TimedOptions = {}) {
    requireOptions(options);
    this.#table = table;
    this.#options = options;
    if (options.memory === undefined) {
      this.#assumptions.add(`the host's memory carries ${ASSUMED_MEMORY.gbps} GB/s, reads and writes together`);
    }
    if (options.credits === undefined) {
      this.#assumptions.add(
        `every receiver has room for ${BUFFERED_LOOPS} times what its link carries until credits come back`,
      );
    }
  }

  /** What was taken as the source does not show it, of the flows so far. */
  get assumptions(): readonly string[] {
    return [...this.#assumptions];
  }

  get flowCount(): number {
    return this.#flows.length;
  }

  /**
   * Adds a flow; yields its number, from 0 on. Unknown, with the reason, where nothing arrives or it is not known where it
   * goes, as in the prediction. Throws a `PeerlaneError` for a flow that no engine has.
   */
  addFlow(flow: TimedFlow): Known<number> {
    requireFlow(flow, this.#flows.length, this.#flows);
    const prediction = this.#predictionOf(flow);
    if (isUnknown(prediction)) return prediction;
    const { path, packets } = prediction;
    const { machine, topology } = this.#table;
    const payloadBytes = packets.payload.value;
    const isRead = flow.operation === "read";
    const data = wayOf(machine, topology, path, payloadBytes);
    const slow = data.links.find(({ state }) => !(packetGBps(state) > 0));
    if (slow !== undefined) return unknown(`the link of ${formatBdf(slow.below)} states no speed that is known`);
    const pace = paceOf(flow.engine ?? { kind: "stream" });
    const isRemote = flow.provider === "host-memory-of-other-socket";
    this.#flows.push({
      way: isRead ? wayOf(machine, topology, requestsOf(path), payloadBytes) : data,
      answers: isRead ? data : null,
      isToMemory: typeof flow.provider === "string",
      extraNs: isRemote ? LATENCY_NS.otherSocket[0] : 0,
      payloadBytes,
      reads:
        packets.reads === null
          ? null
          : {
              reader: this.#clientOf(flow),
              requestBytes: packets.reads.request.value,
              tags: packets.reads.tags.value,
            },
      sizeBytes: flow.sizeBytes,
      bytes: flow.bytes ?? Number.POSITIVE_INFINITY,
      startNs: flow.startNs ?? 0,
      pace,
      follows: flow.follows ?? -1,
    });
    this.#reach.push(flow.reach ?? ASSUMED_REACH);
    for (const each of [...prediction.assumptions, ...data.assumptions, ...pace.assumptions])
      this.#assumptions.add(each);
    return this.#flows.length - 1;
  }

  /** Runs the flows from time 0 on. Each run begins anew: the same options give the same result. */
  run(options: RunOptions): TimedResult {
    if (this.#flows.length === 0) throw new TypeError("no flow was added");
    return runTimed(this.layout(), this.#options, this.#reach, options);
  }

  /** The flows so far with their ways, as a simulation takes them. */
  layout(): Layout {
    return new Layout(this.#flows, this.#options);
  }

  #clientOf({ client }: TimedFlow): Bdf {
    const bdf = this.#table.clients[client];
    if (bdf === undefined) throw new RangeError(`no client ${client}: the table has ${this.#table.clients.length}`);
    return bdf;
  }

  #predictionOf(flow: TimedFlow): Known<Prediction> {
    const { machine, topology } = this.#table;
    const reader = this.#clientOf(flow);
    if (typeof flow.provider === "number") {
      return predictionsOf(this.#table).at(flow.provider, flow.client, flow.operation, flow.sizeBytes);
    }
    const path: DataPath = hostMemoryPath(topology, reader, flow.operation);
    if (!path.crossings.some(({ kind }) => kind === "link")) {
      const hidden = path.crossings.find((crossing) => crossing.kind === "hidden-link");
      return unknown(hidden?.why ?? `no link is between ${formatBdf(reader)} and the host's memory`);
    }
    const amount = { sizeBytes: flow.sizeBytes, windowBytes: null };
    return predictPath(askedPath(machine, topology, path, reader, amount));
  }
}

function requireOptions({ credits, memory, iommu, errorRate }: TimedOptions): void {
  const require = (argument: string, given: unknown, isRight: boolean, expected: string): void => {
    if (!isRight) throw wrongArgument({ call: "TimedFabric", argument, given, expected });
  };
  for (const [name, { header, data }] of Object.entries(credits ?? {})) {
    require(`credits.${name}.header`, header, isCount(header), "a whole number from 1 on");
    // A whole packet of the largest size has to fit in, else it is never sent.
    const least = name === "non-posted" ? 0 : 32;
    require(`credits.${name}.data`, data, isCount(data + 1) && data >= least, `a whole number from ${least} on`);
  }
  if (memory !== undefined) require("memory.gbps", memory.gbps, isRate(memory.gbps), "a number above 0");
  if (iommu !== undefined && iommu !== null) {
    for (const name of ["entries", "walkers", "pageBytes"] as const) {
      require(`iommu.${name}`, iommu[name], isCount(iommu[name]), "a whole number from 1 on");
    }
    require("iommu.walkNs", iommu.walkNs, iommu.walkNs >= 0 && Number.isFinite(iommu.walkNs), "a number from 0 on");
  }
  if (typeof errorRate === "number") {
    require("errorRate", errorRate, errorRate >= 0 && errorRate < 1, "a number from 0 to below 1");
  }
}

function requireFlow(flow: TimedFlow, number: number, flows: readonly PlannedFlow[]): void {
  const require = (argument: string, given: unknown, isRight: boolean, expected: string): void => {
    if (!isRight) throw wrongArgument({ call: "addFlow", argument, given, expected });
  };
  const { sizeBytes, bytes, startNs, follows, reach, engine } = flow;
  require("sizeBytes", sizeBytes, isCount(sizeBytes) && sizeBytes <= MOST_BYTES, "a whole number from 1 to 1 GiB");
  if (bytes !== undefined) require("bytes", bytes, isCount(bytes), "a whole number from 1 on");
  if (startNs !== undefined)
    require("startNs", startNs, startNs >= 0 && Number.isFinite(startNs), "a number from 0 on");
  if (follows !== undefined) {
    require("follows", follows, Number.isInteger(follows) && follows >= 0 && follows < number, "an earlier flow");
    const leads = flows[follows]?.bytes ?? 0;
    require("bytes", bytes, (bytes ?? Number.POSITIVE_INFINITY) <= leads, "no more than the flow has that it follows");
  }
  if (reach !== undefined) require("reach.bytes", reach.bytes, isCount(reach.bytes), "a whole number from 1 on");
  if (engine === undefined) return;
  const { commands, accessNs, gbps, inFlightBytes } = paceOf(engine);
  require("engine.queueDepth", commands, commands === Number.POSITIVE_INFINITY ||
    isCount(commands), "a whole number from 1 on");
  require("engine.accessNs", accessNs, accessNs >= 0 && Number.isFinite(accessNs), "a number from 0 on");
  require("the engine's rate", gbps, gbps > 0, "a number above 0");
  require("engine.inFlightBytes", inFlightBytes, inFlightBytes > 0, "a number above 0");
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 1;
}

function isRate(value: number): boolean {
  return Number.isFinite(value) && value > 0;
}
