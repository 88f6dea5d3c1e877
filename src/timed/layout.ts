import { acknowledgeLimit } from "../link/acknowledge.ts";
import { completionOverhead, readRequestBytes, writeOverhead } from "../link/packet.ts";
import { codingOf, linkGbps, packetGBps } from "../link/rate.ts";
import { acknowledgeShare, USUAL_PACKETS } from "../link/stream.ts";
import type { Bdf } from "../pci/bdf.ts";
import { noEntry } from "../pci/entry-at.ts";
import type { LinkState } from "../pci/express.ts";
import { LATENCY_NS } from "../predict/latency.ts";
import { LINK_EFFICIENCY } from "../predict/platform-limits.ts";
import type { Pace } from "./engines.ts";
import { ASSUMED_MEMORY, BUFFERED_LOOPS, CREDIT_BYTES, type TimedOptions } from "./options.ts";
import { COMPLETION, NON_POSTED, POSTED, TLP_CLASSES } from "./ordering.ts";
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
  readonly input: number;
  readonly afterPs: number;
  readonly cut: number;
  readonly pair: number;
  readonly share: number;
  /** Picoseconds from the last byte here to where it is taken in, of the last one of a way; else -1. */
  readonly endPs: number;
  readonly isTranslated: boolean;
  readonly isLimited: boolean;
  /** The class of what takes it. */
  readonly kind: number;
}

/** What `steps` has of a step, from 16 times its number on. */
export const STEP_SHIFT = 4;
export const STATION = 0;
export const SLOT = 1;
/** The input that it waits in. */
export const INPUT = 2;
/** Data bytes of a packet here, at most. */
export const CUT = 3;
/** The pair whose rate a root complex limits here; -1 for none. */
export const PAIR = 4;
/** 1 for the last of a way; where an IOMMU translates before it; where tags or bytes under way limit what is sent. */
export const IS_LAST = 5;
export const IS_TRANSLATED = 6;
export const IS_LIMITED = 7;

/** What `stepTimes` has of it, from eight times its number on; a whole packet has {@link CUT} bytes. */
export const STEP_TIME_SHIFT = 3;
/** From the first byte on the step before to where this one may send it. */
export const AFTER = 0;
/** The part of the time on it that acknowledging takes of the other direction. */
export const SHARE = 1;
/** From the last byte of the last step to where it is taken in. */
export const END = 2;
/** In which a whole packet passes. */
export const PASSING = 3;
/** From the first byte of a whole packet to where the next step may begin. */
export const DELAY = 4;
/** What acknowledging a whole packet takes of the other direction. */
export const OWES = 5;

/** What `stationInts` has of a station, from 16 times its number on; by class where it says so. */
export const STATION_SHIFT = 4;
/** The slots in which something waits for it, in turn: the first and the last; -1 for none. */
export const FIRST = 0;
export const FINAL = 1;
/** The other direction of a link; -1 for none. */
export const OPPOSITE = 2;
/** 1 for a link, which has credits; 0 for memory. */
export const IS_LINK = 3;
/** Credits that it has, by class. */
export const HEADERS = 4;
export const DATA = 7;
/** Bytes of a TLP beside its data, and 1 where it carries data, by class. */
export const OVERHEAD = 10;
export const CARRIES = 13;

/** What `stationTimes` has of it, from four times its number on. */
export const STATION_TIME_SHIFT = 2;
export const BUSY_UNTIL = 0;
/** Picoseconds that acknowledgements of the other direction still take of it. */
export const OWED = 1;
export const PS_PER_BYTE = 2;
/** Until credits come back, and until a damaged TLP is sent again. */
export const RETURN = 3;

/**
 * The same in flat arrays, as it is before anything moves, by number of station, step, input, slot or flow. An input is the
 * buffer at the end of a link, or a source. A slot is an input of a station: what waits there for it.
 */
export class Layout {
  readonly flows: readonly PlannedFlow[];
  readonly stations: readonly Station[];
  /** The station of the host's memory, -1 where no flow uses it. */
  readonly memory: number;
  readonly steps: Int32Array;
  readonly stepTimes: Float64Array;
  readonly stationInts: Int32Array;
  readonly stationTimes: Float64Array;
  readonly slotInput: Int32Array;
  /** The station whose receiver an input is; -1 for a source. */
  readonly inputStation: Int32Array;
  readonly pairPsPerByte: Float64Array;
  readonly poolTags: Int32Array;
  /** The stations that each pool's requests go out by: one, where the link of who reads is shown. */
  readonly poolStations: readonly (readonly number[])[];
  readonly flowStep: Int32Array;
  /** Of reads; else -1. */
  readonly flowAnswerStep: Int32Array;
  readonly flowPool: Int32Array;
  /** From a request's arrival to its first completion. */
  readonly flowAnswerPs: Float64Array;
  /** Between a completion's arrival and the read being done. */
  readonly flowIntoPs: Float64Array;

  constructor(flows: readonly PlannedFlow[], options: TimedOptions) {
    const draft = new Draft();
    const ways = flows.map((flow, at) => {
      const { way, answers, reads } = flow;
      const step = draft.addWay(way, flow, draft.source(`flow ${at}`), reads === null ? "writes" : "requests");
      if (answers === null || reads === null) return { step, answerStep: -1, pool: -1 };
      const completer = draft.source(`answers at ${draft.firstStation(answers)}`);
      return { step, answerStep: draft.addWay(answers, flow, completer, "answers"), pool: draft.pool(reads) };
    });
    const { steps, stations } = draft;
    this.flows = flows;
    this.stations = stations;
    this.memory = stations.findIndex(({ below }) => below === null);
    this.slotInput = Int32Array.from(draft.slotInputs);
    this.inputStation = Int32Array.from(draft.inputs);
    this.pairPsPerByte = Float64Array.from(draft.pairs, (gbps) => PS_PER_NS / gbps);
    this.poolTags = Int32Array.from(draft.poolTags);
    this.poolStations = draft.poolTags.map((_, pool) => [
      ...new Set(ways.flatMap((way) => (way.pool === pool ? (steps[way.step]?.station ?? []) : []))),
    ]);
    this.flowStep = Int32Array.from(ways, ({ step }) => step);
    this.flowAnswerStep = Int32Array.from(ways, ({ answerStep }) => answerStep);
    this.flowPool = Int32Array.from(ways, ({ pool }) => pool);
    this.flowAnswerPs = Float64Array.from(flows, ({ isToMemory }) =>
      isToMemory ? LATENCY_NS.hostMemory[0] * PS_PER_NS : 0,
    );
    this.flowIntoPs = Float64Array.from(flows, intoPs);
    this.stationInts = new Int32Array(stations.length << STATION_SHIFT);
    this.stationTimes = new Float64Array(stations.length << STATION_TIME_SHIFT);
    for (const [at, station] of stations.entries()) this.#setStation(at, station, steps, options);
    this.steps = new Int32Array(steps.length << STEP_SHIFT);
    this.stepTimes = new Float64Array(steps.length << STEP_TIME_SHIFT);
    for (const [at, step] of steps.entries()) this.#setStep(at, step);
    for (const [at, { endPs, kind, cut }] of steps.entries()) {
      if (endPs < 0) this.stepTimes[(at << STEP_TIME_SHIFT) + DELAY] = this.delayPs(at, kind, cut);
    }
  }

  /** Picoseconds in which a TLP of a class with so many data bytes passes a station. */
  passingPs(station: number, kind: number, bytes: number): number {
    const at = (station << STATION_SHIFT) + kind;
    const carried =
      (this.stationInts[at + CARRIES] ?? noEntry(at)) * bytes + (this.stationInts[at + OVERHEAD] ?? noEntry(at));
    const time = (station << STATION_TIME_SHIFT) + PS_PER_BYTE;
    return Math.round(carried * (this.stationTimes[time] ?? noEntry(time)));
  }

  /**
   * Picoseconds from the first byte of a TLP on a step to where the next one may begin. Cut-through: as soon as it does not
   * run dry; memory, when all of a request is there.
   */
  delayPs(step: number, kind: number, bytes: number): number {
    const at = step << STEP_SHIFT;
    const station = this.steps[at + STATION] ?? noEntry(step);
    const next = this.steps[at + (1 << STEP_SHIFT) + STATION] ?? noEntry(step);
    const isLink = this.stationInts[(next << STATION_SHIFT) + IS_LINK] === 1;
    const onNext = kind === NON_POSTED && !isLink ? 0 : this.passingPs(next, kind, bytes);
    const lag = this.passingPs(station, kind, bytes) - onNext;
    return (this.stepTimes[((step + 1) << STEP_TIME_SHIFT) + AFTER] ?? noEntry(step)) + Math.max(lag, 0);
  }

  #setStep(at: number, { kind, ...step }: Step): void {
    const ints: number[] = [];
    ints[STATION] = step.station;
    ints[SLOT] = step.slot;
    ints[INPUT] = step.input;
    ints[CUT] = step.cut;
    ints[PAIR] = step.pair;
    ints[IS_LAST] = step.endPs >= 0 ? 1 : 0;
    ints[IS_TRANSLATED] = step.isTranslated ? 1 : 0;
    ints[IS_LIMITED] = step.isLimited ? 1 : 0;
    this.steps.set(ints, at << STEP_SHIFT);
    const passing = this.passingPs(step.station, kind, step.cut);
    const times: number[] = [];
    times[AFTER] = step.afterPs;
    times[SHARE] = step.share;
    times[END] = step.endPs;
    times[PASSING] = passing;
    times[DELAY] = 0;
    times[OWES] = passing * step.share;
    this.stepTimes.set(times, at << STEP_TIME_SHIFT);
  }

  #setStation(at: number, station: Station, steps: readonly Step[], options: TimedOptions): void {
    const { below, towards, state } = station;
    const payload = Math.max(...this.flows.map(({ payloadBytes }) => payloadBytes));
    const times: number[] = [];
    times[BUSY_UNTIL] = 0;
    times[OWED] = 0;
    times[PS_PER_BYTE] =
      PS_PER_NS /
      (state === null ? (options.memory ?? ASSUMED_MEMORY).gbps : packetGBps(state) * LINK_EFFICIENCY.value);
    times[RETURN] = state === null ? 0 : returnPsOf(state, payload);
    this.stationTimes.set(times, at << STATION_TIME_SHIFT);
    // What leaves it is on its way to the next station of every way until it may be sent there.
    const heldPs = steps.flatMap((step, i) =>
      step.station === at && step.endPs < 0 ? [steps[i + 1]?.afterPs ?? 0] : [],
    );
    const loopPs = Math.max(0, ...heldPs) + times[RETURN];
    const room = BUFFERED_LOOPS * (loopPs / times[PS_PER_BYTE] + payload);
    const ints: number[] = [];
    ints[FIRST] = -1;
    ints[FINAL] = -1;
    ints[OPPOSITE] = this.stations.findIndex(
      (other) => below !== null && other.below === below && other.towards !== towards,
    );
    ints[IS_LINK] = state === null ? 0 : 1;
    for (const [kind, name] of TLP_CLASSES.entries()) {
      const given = options.credits?.[name];
      // Memory takes what its rate allows: nothing waits for credits of it.
      ints[HEADERS + kind] = state === null ? 1 : (given?.header ?? Math.ceil(room / SMALL_PACKET_BYTES));
      ints[DATA + kind] = state === null ? UNBOUNDED : (given?.data ?? Math.ceil(room / CREDIT_BYTES));
      ints[OVERHEAD + kind] = state === null ? 0 : overheadOf(state, kind);
      ints[CARRIES + kind] = state !== null && kind === NON_POSTED ? 0 : 1;
    }
    this.stationInts.set(ints, at << STATION_SHIFT);
  }
}

/** Packets of data that root complexes cut are about the smallest; requests are smaller, and far between. */
const SMALL_PACKET_BYTES = 64;
const UNBOUNDED = 0x3fff_ffff;

function overheadOf(state: LinkState, kind: number): number {
  const form = { ...USUAL_PACKETS, coding: codingOf(state.speedGTps) };
  if (kind === POSTED) return writeOverhead(form);
  return kind === NON_POSTED ? readRequestBytes(form) : completionOverhead(form);
}

/** Symbol times of one lane, each a byte, to picoseconds. */
function returnPsOf(state: LinkState, payloadBytes: number): number {
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
  readonly inputs: number[] = [];
  readonly pairs: number[] = [];
  readonly poolTags: number[] = [];
  readonly slotInputs: number[] = [];
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
    return this.#numbered(`slot ${station} ${input}`, () => this.slotInputs.push(input) - 1);
  }

  /** Adds the steps of a way; yields the first one's number. */
  addWay(way: Way, flow: PlannedFlow, source: number, kind: "writes" | "requests" | "answers"): number {
    const first = this.steps.length;
    const endPs = (way.endNs + flow.extraNs) * PS_PER_NS;
    const isIntoMemory = flow.isToMemory && kind !== "answers";
    const tlps = kind === "writes" ? POSTED : kind === "requests" ? NON_POSTED : COMPLETION;
    const isLimited = kind === "requests" || (kind === "writes" && Number.isFinite(flow.pace.inFlightBytes));
    let input = source;
    way.links.forEach((link, at) => {
      const station = this.#station(link);
      const isLast = at === way.links.length - 1 && !isIntoMemory;
      this.steps.push({
        station,
        slot: this.#slot(station, input),
        input,
        afterPs: link.afterNs * PS_PER_NS,
        cut: kind === "requests" ? (flow.reads?.requestBytes ?? link.cutBytes) : link.cutBytes,
        pair: link.pairGBps === null || kind === "requests" ? -1 : this.pairs.push(link.pairGBps) - 1,
        share: acknowledgeShare(link.state, flow.payloadBytes),
        endPs: isLast ? endPs : -1,
        isTranslated: link.isFromRoot && kind !== "answers",
        isLimited: isLimited && at === 0,
        kind: tlps,
      });
      input = this.#buffer(station);
    });
    if (isIntoMemory) {
      const station = this.#memory();
      this.steps.push({
        station,
        slot: this.#slot(station, input),
        input,
        afterPs: 0,
        cut: flow.reads?.requestBytes ?? flow.payloadBytes,
        pair: -1,
        share: 0,
        endPs,
        isTranslated: true,
        isLimited: isLimited && way.links.length === 0,
        kind: tlps,
      });
    }
    return first;
  }
}
