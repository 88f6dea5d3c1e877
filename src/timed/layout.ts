import { acknowledgeLimit } from "../link/acknowledge.ts";
import { completionOverhead, readRequestBytes, writeOverhead } from "../link/packet.ts";
import { codingOf, linkGbps, packetGBps } from "../link/rate.ts";
import { acknowledgeShare, USUAL_PACKETS } from "../link/stream.ts";
import type { Bdf } from "../pci/bdf.ts";
import type { LinkState } from "../pci/express.ts";
import { LATENCY_NS } from "../predict/latency.ts";
import { LINK_EFFICIENCY } from "../predict/platform-limits.ts";
import type { Pace } from "./engines.ts";
import { ASSUMED_MEMORY, BUFFERED_LOOPS, CREDIT_BYTES, type TimedOptions } from "./options.ts";
import { CLASS_COUNT, COMPLETION, NON_POSTED, POSTED, TLP_CLASSES } from "./ordering.ts";
import type { Way, WayLink } from "./ways.ts";

/** Times in the simulation are whole picoseconds: exact up to 2^53, two and a half hours. */
export const PS_PER_NS = 1000;

/** What carries TLPs, one at a time: one direction of a link, or the memory of the host (`below` and `state` are `null`). */
export interface Station {
  readonly below: Bdf | null;
  readonly towards: "up" | "down" | null;
  readonly state: LinkState | null;
}

/** A flow with its ways, as a simulation wants it. */
export interface PlannedFlow {
  /** Of the writes, or of the requests of reads. */
  readonly way: Way;
  /** Of the completions of reads; `null` for writes. */
  readonly answers: Way | null;
  readonly isToMemory: boolean;
  /** Nanoseconds that the memory of the other socket is further, one way. */
  readonly extraNs: number;
  readonly payloadBytes: number;
  readonly reads: { readonly reader: Bdf; readonly requestBytes: number; readonly tags: number } | null;
  readonly sizeBytes: number;
  /** All bytes of the flow; `Infinity` for one that goes on. */
  readonly bytes: number;
  readonly startNs: number;
  readonly pace: Pace;
  /** The flow whose data this one passes on, by its position: no byte before it arrived there; -1 for none. */
  readonly follows: number;
}

/** One station on the way of a flow's TLPs, in the order of each way; the ways lie one behind the other. */
interface Step {
  readonly station: number;
  readonly slot: number;
  readonly afterPs: number;
  readonly cut: number;
  readonly pair: number;
  readonly share: number;
  /** Picoseconds from the last byte here to where it is taken in, of the last one of a way; else -1. */
  readonly endPs: number;
  readonly isTranslated: boolean;
}

/**
 * The same in flat arrays, by number of station (times three plus class where it is by class), step, slot, input or flow.
 * A slot is an input of a station: what waits there for it. An input is the buffer at the end of a link, or a source.
 */
export class Layout {
  readonly stations: readonly Station[];
  /** The station of the host's memory, -1 where no flow uses it. */
  readonly memory: number;
  readonly flows: readonly PlannedFlow[];
  /** 1 for a link, which has credits; 0 for memory. */
  readonly isLink: Uint8Array;
  readonly psPerByte: Float64Array;
  /** 1 where a TLP of a class carries its bytes over the station. */
  readonly carries: Uint8Array;
  readonly overhead: Int32Array;
  /** Until credits come back, and until a damaged TLP is sent again. */
  readonly returnPs: Float64Array;
  /** The other direction of a link; -1 for none. */
  readonly opposite: Int32Array;
  readonly headers: Int32Array;
  readonly data: Int32Array;
  readonly stepStation: Int32Array;
  readonly stepSlot: Int32Array;
  readonly stepAfterPs: Float64Array;
  readonly stepCut: Int32Array;
  readonly stepPair: Int32Array;
  readonly stepShare: Float64Array;
  readonly stepEndPs: Float64Array;
  readonly stepTranslated: Uint8Array;
  readonly slotStation: Int32Array;
  readonly slotInput: Int32Array;
  /** The station whose receiver an input is; -1 for a source. */
  readonly inputStation: Int32Array;
  readonly pairPsPerByte: Float64Array;
  readonly poolTags: Int32Array;
  /** The stations that each pool's requests go out by: one, where the link of who reads is shown. */
  readonly poolStations: readonly (readonly number[])[];
  readonly flowStep: Int32Array;
  readonly flowInput: Int32Array;
  readonly flowAnswerStep: Int32Array;
  readonly flowAnswerInput: Int32Array;
  /** From a request's arrival to its first completion. */
  readonly flowAnswerPs: Float64Array;
  /** Between a completion's arrival and the read being done. */
  readonly flowIntoPs: Float64Array;
  readonly flowPool: Int32Array;

  constructor(flows: readonly PlannedFlow[], options: TimedOptions) {
    const draft = new Draft();
    const ways = flows.map((flow, at) => {
      const { way, answers, reads } = flow;
      const isRead = reads !== null;
      const source = draft.source(`flow ${at}`);
      const step = draft.addWay(way, flow, source, isRead ? "requests" : "writes");
      const answerLink = answers === null ? null : draft.firstStation(answers);
      const answerInput = answerLink === null ? -1 : draft.source(`answers at ${answerLink}`);
      const answerStep = answers === null ? -1 : draft.addWay(answers, flow, answerInput, "answers");
      return { step, input: source, answerStep, answerInput, pool: reads === null ? -1 : draft.pool(reads) };
    });
    const { steps, stations, slots, inputs } = draft;
    this.flows = flows;
    this.stations = stations;
    this.memory = stations.findIndex(({ below }) => below === null);
    this.stepStation = Int32Array.from(steps, ({ station }) => station);
    this.stepSlot = Int32Array.from(steps, ({ slot }) => slot);
    this.stepAfterPs = Float64Array.from(steps, ({ afterPs }) => afterPs);
    this.stepCut = Int32Array.from(steps, ({ cut }) => cut);
    this.stepPair = Int32Array.from(steps, ({ pair }) => pair);
    this.stepShare = Float64Array.from(steps, ({ share }) => share);
    this.stepEndPs = Float64Array.from(steps, ({ endPs }) => endPs);
    this.stepTranslated = Uint8Array.from(steps, ({ isTranslated }) => (isTranslated ? 1 : 0));
    this.slotStation = Int32Array.from(slots, ({ station }) => station);
    this.slotInput = Int32Array.from(slots, ({ input }) => input);
    this.inputStation = Int32Array.from(inputs);
    this.pairPsPerByte = Float64Array.from(draft.pairs, (gbps) => PS_PER_NS / gbps);
    this.poolTags = Int32Array.from(draft.poolTags);
    this.poolStations = draft.poolTags.map((_, pool) => [
      ...new Set(ways.flatMap((way) => (way.pool === pool ? (this.stepStation[way.step] ?? []) : []))),
    ]);
    this.flowStep = Int32Array.from(ways, ({ step }) => step);
    this.flowInput = Int32Array.from(ways, ({ input }) => input);
    this.flowAnswerStep = Int32Array.from(ways, ({ answerStep }) => answerStep);
    this.flowAnswerInput = Int32Array.from(ways, ({ answerInput }) => answerInput);
    this.flowPool = Int32Array.from(ways, ({ pool }) => pool);
    this.flowAnswerPs = Float64Array.from(flows, ({ isToMemory }) =>
      isToMemory ? LATENCY_NS.hostMemory[0] * PS_PER_NS : 0,
    );
    this.flowIntoPs = Float64Array.from(flows, intoPs);
    const memoryGBps = options.memory?.gbps ?? ASSUMED_MEMORY.gbps;
    this.isLink = Uint8Array.from(stations, ({ state }) => (state === null ? 0 : 1));
    this.psPerByte = Float64Array.from(stations, ({ state }) =>
      state === null ? PS_PER_NS / memoryGBps : PS_PER_NS / (packetGBps(state) * LINK_EFFICIENCY.value),
    );
    this.overhead = Int32Array.from(stations.flatMap(overheadsOf));
    this.carries = Uint8Array.from(
      stations.flatMap(({ state }) => TLP_CLASSES.map((_, kind) => (state !== null && kind === NON_POSTED ? 0 : 1))),
    );
    this.opposite = Int32Array.from(stations, ({ below, towards }) =>
      stations.findIndex((other) => below !== null && other.below === below && other.towards !== towards),
    );
    const payload = Math.max(...flows.map(({ payloadBytes }) => payloadBytes));
    this.returnPs = Float64Array.from(stations, ({ state }) => returnPsOf(state, payload));
    this.headers = new Int32Array(stations.length * CLASS_COUNT);
    this.data = new Int32Array(stations.length * CLASS_COUNT);
    this.#setCredits(options, payload);
  }

  #setCredits({ credits }: TimedOptions, payload: number): void {
    for (const [station, { state }] of this.stations.entries()) {
      // What leaves it is on its way to the next station of every way until it may be sent there.
      let heldPs = 0;
      for (const [step, on] of this.stepStation.entries()) {
        if (on !== station || (this.stepEndPs[step] ?? -1) >= 0) continue;
        heldPs = Math.max(heldPs, this.stepAfterPs[step + 1] ?? 0);
      }
      const psPerByte = this.psPerByte[station] ?? 1;
      const loop = (BUFFERED_LOOPS * (heldPs + (this.returnPs[station] ?? 0))) / psPerByte;
      const room = loop + BUFFERED_LOOPS * payload;
      for (const [kind, name] of TLP_CLASSES.entries()) {
        const at = station * CLASS_COUNT + kind;
        // Memory takes what its rate allows: nothing waits for credits of it.
        const isBounded = state !== null;
        const given = credits?.[name];
        this.headers[at] = isBounded ? (given?.header ?? Math.ceil(room / SMALL_PACKET_BYTES)) : UNBOUNDED;
        this.data[at] = isBounded ? (given?.data ?? Math.ceil(room / CREDIT_BYTES)) : UNBOUNDED;
      }
    }
  }
}

/** Packets of data that root complexes cut are about the smallest; requests are smaller, and far between. */
const SMALL_PACKET_BYTES = 64;
const UNBOUNDED = 0x3fff_ffff;

function overheadsOf({ state }: Station): readonly number[] {
  if (state === null) return [0, 0, 0];
  const form = { ...USUAL_PACKETS, coding: codingOf(state.speedGTps) };
  const bytes: number[] = [];
  bytes[POSTED] = writeOverhead(form);
  bytes[NON_POSTED] = readRequestBytes(form);
  bytes[COMPLETION] = completionOverhead(form);
  return bytes;
}

/** Symbol times of one lane, each a byte, to picoseconds. */
function returnPsOf(state: LinkState | null, payloadBytes: number): number {
  if (state === null) return 0;
  const nsPerSymbol = 8 / (linkGbps(state) / state.width);
  return Math.round(acknowledgeLimit(state.speedGTps, state.width, payloadBytes) * nsPerSymbol * PS_PER_NS);
}

/** As {@link readNs} has it: the bytes of a read pass into the memory of who asked at the rate of the slowest link. */
function intoPs({ reads, answers, sizeBytes }: PlannedFlow): number {
  if (reads === null || answers === null) return 0;
  const slowest = Math.min(...answers.links.map(({ state }) => linkGbps(state)));
  return Math.round(((Math.min(reads.requestBytes, sizeBytes) * 8) / slowest) * PS_PER_NS);
}

/** What a layout is made of, each thing once. */
class Draft {
  readonly stations: Station[] = [];
  readonly steps: Step[] = [];
  readonly slots: { readonly station: number; readonly input: number }[] = [];
  readonly inputs: number[] = [];
  readonly pairs: number[] = [];
  readonly poolTags: number[] = [];
  readonly #numbers = new Map<string, number>();

  /** The number of a thing by its name; `make` adds it where it is new. */
  #numbered(name: string, make: () => number): number {
    const known = this.#numbers.get(name);
    if (known !== undefined) return known;
    const number = make();
    this.#numbers.set(name, number);
    return number;
  }

  source(name: string): number {
    return this.#numbered(`source ${name}`, () => this.inputs.push(-1) - 1);
  }

  pool({ reader, tags }: { readonly reader: Bdf; readonly tags: number }): number {
    return this.#numbered(`pool ${reader}`, () => this.poolTags.push(tags) - 1);
  }

  firstStation({ links: [first] }: Way): number | null {
    return first === undefined ? null : this.#station(first);
  }

  #station({ below, towards, state }: WayLink): number {
    return this.#numbered(`link ${below} ${towards}`, () => this.stations.push({ below, towards, state }) - 1);
  }

  #memory(): number {
    return this.#numbered("memory", () => this.stations.push({ below: null, towards: null, state: null }) - 1);
  }

  #buffer(station: number): number {
    return this.#numbered(`buffer ${station}`, () => this.inputs.push(station) - 1);
  }

  #slot(station: number, input: number): number {
    return this.#numbered(`slot ${station} ${input}`, () => this.slots.push({ station, input }) - 1);
  }

  /** Adds the steps of a way; yields the first one's number. */
  addWay(way: Way, flow: PlannedFlow, source: number, kind: "writes" | "requests" | "answers"): number {
    const first = this.steps.length;
    const endPs = (way.endNs + flow.extraNs) * PS_PER_NS;
    const isIntoMemory = flow.isToMemory && kind !== "answers";
    let input = source;
    way.links.forEach((link, at) => {
      const station = this.#station(link);
      const isLast = at === way.links.length - 1 && !isIntoMemory;
      this.steps.push({
        station,
        slot: this.#slot(station, input),
        afterPs: link.afterNs * PS_PER_NS,
        cut: kind === "requests" ? (flow.reads?.requestBytes ?? link.cutBytes) : link.cutBytes,
        pair: link.pairGBps === null || kind === "requests" ? -1 : this.pairs.push(link.pairGBps) - 1,
        share: acknowledgeShare(link.state, flow.payloadBytes),
        endPs: isLast ? endPs : -1,
        isTranslated: link.isFromRoot && kind !== "answers",
      });
      input = this.#buffer(station);
    });
    if (isIntoMemory) {
      const station = this.#memory();
      this.steps.push({
        station,
        slot: this.#slot(station, input),
        afterPs: 0,
        cut: flow.reads?.requestBytes ?? flow.payloadBytes,
        pair: -1,
        share: 0,
        endPs,
        isTranslated: true,
      });
    }
    return first;
  }
}
