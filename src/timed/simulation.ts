import { noEntry } from "../pci/entry-at.ts";
import { Calendar } from "./calendar.ts";
import { Histograms } from "./histogram.ts";
import { type Layout, PS_PER_NS } from "./layout.ts";
import { CREDIT_BYTES, type TimedOptions } from "./options.ts";
import { CLASS_COUNT, COMPLETION, MAY_PASS, MAY_PASS_RELAXED, NON_POSTED, POSTED, waitsOf } from "./ordering.ts";
import { CLASS, ENDS, LAST, Packets } from "./packets.ts";
import { Damage } from "./replays.ts";
import { Rings } from "./rings.ts";
import type { Translation } from "./translation.ts";
import { Usage } from "./usage.ts";

/** Called for each TLP that a station sends: times in picoseconds, the class by its position in `TLP_CLASSES`. */
export type SendObserver = (
  station: number,
  startPs: number,
  endPs: number,
  kind: number,
  flow: number,
  dataBytes: number,
) => void;

export interface SimulationOptions extends Pick<TimedOptions, "relaxedOrdering"> {
  readonly seed: number;
  /** By station. */
  readonly errorRates: readonly number[];
  readonly translation: Translation | null;
  readonly observer: SendObserver | null;
  readonly bucketPs: number;
  readonly buckets: number;
}

/** More commands than this at once count as no limit. */
const MOST_COMMANDS = 1 << 20;
const NEVER = Number.POSITIVE_INFINITY;

/**
 * The events of a layout, in the order of their times. The only event is a station that looks for what to send next: from
 * when a TLP starts on one station it is known when the next may take it, so that arrival needs no event, and what comes
 * back (credits, tags, places of commands) lies in rings with its time until somebody lacks it.
 */
export class Simulation {
  readonly #layout: Layout;
  readonly #calendar: Calendar;
  readonly #packets = new Packets();
  readonly #waits: Uint8Array;
  readonly #damage: Damage | null;
  readonly #translation: Translation | null;
  readonly #observer: SendObserver | null;
  readonly usage: Usage;
  readonly latencies: Histograms;

  /** First and last TLP of each queue: input × 3 + class. */
  readonly #head: Int32Array;
  readonly #tail: Int32Array;
  /** Classes whose first TLP waits in a slot, as bits; and the slots of each station that have any, in turn. */
  readonly #slotMask: Uint8Array;
  readonly #slotNext: Int32Array;
  readonly #slotFirst: Int32Array;
  readonly #slotLast: Int32Array;
  readonly #busyUntil: Float64Array;
  /** Picoseconds that acknowledgements of the other direction still take of a station. */
  readonly #owed: Float64Array;
  readonly #headers: Int32Array;
  readonly #data: Int32Array;
  readonly #credits: Rings;
  readonly #pairNext: Float64Array;
  readonly #tags: Int32Array;
  readonly #tagReturns: Rings;
  readonly #windows: Int32Array;
  readonly #windowReturns: Rings;
  readonly #commands: Rings;
  readonly #isLimited: Uint8Array;
  readonly #isIdle: Uint8Array;
  readonly #paceNext: Float64Array;
  readonly #pacePs: Float64Array;
  readonly #accessPs: Float64Array;
  readonly #sizes: Float64Array;
  readonly #totals: Float64Array;
  readonly #issued: Float64Array;
  readonly #delivered: Float64Array;
  readonly #operations: Float64Array;
  readonly #lastDone: Float64Array;
  readonly #follows: Int32Array;
  readonly #followers: readonly (readonly number[])[];
  #turn = 0;
  #unfinished = 0;
  #now = 0;
  events = 0;
  replays = 0;

  constructor(layout: Layout, options: SimulationOptions) {
    const { flows, stations, inputStation, slotStation, poolTags } = layout;
    this.#layout = layout;
    this.#calendar = new Calendar(stations.length);
    this.#waits = waitsOf(options.relaxedOrdering === true ? MAY_PASS_RELAXED : MAY_PASS);
    this.#damage = options.errorRates.some((rate) => rate > 0) ? new Damage(options.errorRates, options.seed) : null;
    this.#translation = options.translation;
    this.#observer = options.observer;
    this.usage = new Usage(stations.length, options.buckets, options.bucketPs);
    this.latencies = new Histograms(flows.length);
    this.#head = new Int32Array(inputStation.length * CLASS_COUNT).fill(-1);
    this.#tail = new Int32Array(inputStation.length * CLASS_COUNT).fill(-1);
    this.#slotMask = new Uint8Array(slotStation.length);
    this.#slotNext = new Int32Array(slotStation.length).fill(-1);
    this.#slotFirst = new Int32Array(stations.length).fill(-1);
    this.#slotLast = new Int32Array(stations.length).fill(-1);
    this.#busyUntil = new Float64Array(stations.length);
    this.#owed = new Float64Array(stations.length);
    this.#headers = layout.headers.slice();
    this.#data = layout.data.slice();
    this.#credits = new Rings(
      stations.map(({ below }, station) => {
        if (below === null) return 0;
        const at = station * CLASS_COUNT;
        return layout.headers.subarray(at, at + CLASS_COUNT).reduce((sum, count) => sum + count, 0);
      }),
    );
    this.#pairNext = new Float64Array(layout.pairPsPerByte.length);
    this.#tags = poolTags.slice();
    this.#tagReturns = new Rings([...poolTags]);
    const windows = flows.map(({ pace: { inFlightBytes }, payloadBytes, reads }) =>
      inFlightBytes === NEVER ? -1 : Math.max(1, Math.floor(inFlightBytes / (reads?.requestBytes ?? payloadBytes))),
    );
    this.#windows = Int32Array.from(windows);
    this.#windowReturns = new Rings(windows.map((count) => Math.max(0, count)));
    const commands = flows.map(({ pace }) => (pace.commands > MOST_COMMANDS ? 0 : pace.commands));
    this.#commands = new Rings(commands);
    this.#isLimited = Uint8Array.from(commands, (count) => (count > 0 ? 1 : 0));
    this.#isIdle = new Uint8Array(flows.length);
    this.#paceNext = new Float64Array(flows.length);
    this.#pacePs = Float64Array.from(flows, ({ sizeBytes, pace }) => Math.round((sizeBytes / pace.gbps) * PS_PER_NS));
    this.#accessPs = Float64Array.from(flows, ({ pace }) => Math.round(pace.accessNs * PS_PER_NS));
    this.#sizes = Float64Array.from(flows, ({ sizeBytes }) => sizeBytes);
    this.#totals = Float64Array.from(flows, ({ bytes }) => bytes);
    this.#issued = new Float64Array(flows.length);
    this.#delivered = new Float64Array(flows.length);
    this.#operations = new Float64Array(flows.length);
    this.#lastDone = new Float64Array(flows.length);
    this.#follows = Int32Array.from(flows, ({ follows }) => follows);
    this.#followers = flows.map((_, at) => flows.flatMap(({ follows }, other) => (follows === at ? [other] : [])));
    this.#unfinished = flows.filter(({ bytes }) => bytes !== NEVER).length;
    for (const [flow, { startNs }] of flows.entries()) {
      const start = Math.round(startNs * PS_PER_NS);
      for (let command = 0; command < (commands[flow] ?? 0); command++) this.#commands.push(flow, start, 0);
      this.#begin(flow, start);
    }
  }

  /** When the last event was, in picoseconds. */
  get now(): number {
    return this.#now;
  }

  /** Flows that have an end and did not come to it yet. */
  get unfinished(): number {
    return this.#unfinished;
  }

  get packetsNow(): number {
    return this.#packets.count;
  }

  get packetsPeak(): number {
    return this.#packets.peak;
  }

  get bytesEachPacket(): number {
    return this.#packets.bytesEach;
  }

  issuedOf(flow: number): number {
    return this.#issued[flow] ?? noEntry(flow);
  }

  deliveredOf(flow: number): number {
    return this.#delivered[flow] ?? noEntry(flow);
  }

  operationsOf(flow: number): number {
    return this.#operations[flow] ?? noEntry(flow);
  }

  /** When the last operation of a flow that is done was. */
  lastDoneOf(flow: number): number {
    return this.#lastDone[flow] ?? noEntry(flow);
  }

  /** Credits that a station has to send with, and those that are on their way back to it: headers, then data. */
  creditsOf(station: number, kind: number): readonly [headers: number, data: number] {
    const at = station * CLASS_COUNT + kind;
    return [this.#headers[at] ?? noEntry(at), this.#data[at] ?? noEntry(at)];
  }

  /** Takes back what came back until now, so that credits can be counted. */
  settle(time: number): void {
    for (let station = 0; station < this.#layout.stations.length; station++) this.#collect(station, time);
  }

  /** Carries out the events up to a time; false where no event is left before it. */
  runUntil(until: number): boolean {
    const calendar = this.#calendar;
    for (;;) {
      const station = calendar.next;
      if (station < 0) return false;
      const time = calendar.times[station] ?? noEntry(station);
      if (time > until) return true;
      this.#now = time;
      this.#serve(station, time);
    }
  }

  /** The same until all flows that have an end are done; false where no event is left before that. */
  runUntilDone(until: number): boolean {
    const calendar = this.#calendar;
    while (this.#unfinished > 0) {
      const station = calendar.next;
      if (station < 0) return false;
      const time = calendar.times[station] ?? noEntry(station);
      if (time > until) return true;
      this.#now = time;
      this.#serve(station, time);
    }
    return true;
  }

  /** Puts down a flow's next operation at its source, where it may have one; else leaves it idle until it may. */
  #begin(flow: number, now: number): void {
    const issued = this.#issued[flow] ?? noEntry(flow);
    const size = Math.min(this.#sizes[flow] ?? noEntry(flow), (this.#totals[flow] ?? noEntry(flow)) - issued);
    if (size <= 0) return;
    let at = Math.max(now, this.#paceNext[flow] ?? noEntry(flow));
    const leader = this.#follows[flow] ?? noEntry(flow);
    if (leader >= 0) {
      if ((this.#delivered[leader] ?? noEntry(leader)) < issued + size) {
        this.#isIdle[flow] = 1;
        return;
      }
      at = Math.max(at, this.#lastDone[leader] ?? noEntry(leader));
    }
    if (this.#isLimited[flow] === 1) {
      const free = this.#commands.nextTime(flow);
      if (free === NEVER) {
        this.#isIdle[flow] = 1;
        return;
      }
      this.#commands.take(flow);
      // A command may have become free before its turn came; it waits in the drive since then.
      at = Math.max(free, this.#paceNext[flow] ?? noEntry(flow), leader >= 0 ? at : 0);
    }
    this.#isIdle[flow] = 0;
    this.#paceNext[flow] = at + (this.#pacePs[flow] ?? noEntry(flow));
    this.#issued[flow] = issued + size;
    const layout = this.#layout;
    const packets = this.#packets;
    const packet = packets.take();
    const kind = layout.flowPool[flow] === -1 ? POSTED : NON_POSTED;
    packets.flow[packet] = flow;
    packets.step[packet] = layout.flowStep[flow] ?? noEntry(flow);
    packets.left[packet] = size;
    packets.kind[packet] = kind | LAST | ENDS;
    packets.issued[packet] = at;
    const ready = at + (this.#accessPs[flow] ?? noEntry(flow));
    this.#push(packet, layout.flowInput[flow] ?? noEntry(flow), kind, ready, 0);
  }

  /** Puts a TLP at the end of a queue. */
  #push(packet: number, input: number, kind: number, ready: number, held: number): void {
    const packets = this.#packets;
    packets.ready[packet] = ready;
    packets.held[packet] = held;
    packets.turn[packet] = this.#turn++;
    packets.next[packet] = -1;
    const queue = input * CLASS_COUNT + kind;
    const last = this.#tail[queue] ?? noEntry(queue);
    this.#tail[queue] = packet;
    if (last >= 0) {
      packets.next[last] = packet;
      return;
    }
    this.#head[queue] = packet;
    this.#show(packet, kind);
  }

  /** Shows the first TLP of a queue to the station that it is for. */
  #show(packet: number, kind: number): void {
    const layout = this.#layout;
    const step = this.#packets.step[packet] ?? noEntry(packet);
    const slot = layout.stepSlot[step] ?? noEntry(step);
    const station = layout.stepStation[step] ?? noEntry(step);
    const mask = this.#slotMask[slot] ?? noEntry(slot);
    if (mask === 0) this.#line(station, slot);
    this.#slotMask[slot] = mask | (1 << kind);
    this.#wake(station, this.#packets.ready[packet] ?? noEntry(packet));
  }

  /** Puts a slot at the end of its station's turns. */
  #line(station: number, slot: number): void {
    const last = this.#slotLast[station] ?? noEntry(station);
    if (last < 0) this.#slotFirst[station] = slot;
    else this.#slotNext[last] = slot;
    this.#slotLast[station] = slot;
    this.#slotNext[slot] = -1;
  }

  /** Lets a station look again at a time, where it does not before. */
  #wake(station: number, time: number): void {
    const at = Math.max(time, this.#busyUntil[station] ?? noEntry(station));
    if (at < (this.#calendar.times[station] ?? noEntry(station))) this.#calendar.set(station, at);
  }

  /** Sends what may go now: the slots in turn, of one slot what came first of what may. */
  #serve(station: number, now: number): void {
    this.events++;
    const head = this.#head;
    const turns = this.#packets.turn;
    let soonest = NEVER;
    let before = -1;
    for (
      let slot = this.#slotFirst[station] ?? noEntry(station);
      slot >= 0;
      before = slot, slot = this.#slotNext[slot] ?? noEntry(slot)
    ) {
      const mask = this.#slotMask[slot] ?? noEntry(slot);
      const input = this.#layout.slotInput[slot] ?? noEntry(slot);
      let chosen = -1;
      let chosenKind = 0;
      let chosenTurn = NEVER;
      for (let kind = 0; kind < CLASS_COUNT; kind++) {
        if ((mask & (1 << kind)) === 0) continue;
        const packet = head[input * CLASS_COUNT + kind] ?? noEntry(input);
        const when = this.#whenMay(packet, kind, station, input, now);
        if (when > now) {
          if (when < soonest) soonest = when;
          continue;
        }
        const turn = turns[packet] ?? noEntry(packet);
        if (turn >= chosenTurn) continue;
        chosen = packet;
        chosenKind = kind;
        chosenTurn = turn;
      }
      if (chosen < 0) continue;
      this.#unline(station, slot, before);
      this.#send(chosen, chosenKind, station, slot, input, now);
      return;
    }
    if (soonest === NEVER) this.#calendar.remove(station);
    else this.#calendar.set(station, soonest);
  }

  #unline(station: number, slot: number, before: number): void {
    const next = this.#slotNext[slot] ?? noEntry(slot);
    if (before < 0) this.#slotFirst[station] = next;
    else this.#slotNext[before] = next;
    if (next < 0) this.#slotLast[station] = before;
  }

  /** When the first TLP of a queue may go, as far as is known now; `Infinity` where something else has to move before. */
  #whenMay(packet: number, kind: number, station: number, input: number, now: number): number {
    const packets = this.#packets;
    const layout = this.#layout;
    let when = packets.ready[packet] ?? noEntry(packet);
    if (when > now) return when;
    const turn = packets.turn[packet] ?? noEntry(packet);
    for (let other = 0; other < CLASS_COUNT; other++) {
      if (this.#waits[kind * CLASS_COUNT + other] !== 1) continue;
      const first = this.#head[input * CLASS_COUNT + other] ?? noEntry(input);
      if (first >= 0 && (packets.turn[first] ?? noEntry(first)) < turn) return NEVER;
    }
    const step = packets.step[packet] ?? noEntry(packet);
    const pair = layout.stepPair[step] ?? noEntry(step);
    if (pair >= 0) when = Math.max(when, this.#pairNext[pair] ?? noEntry(pair));
    const credit = station * CLASS_COUNT + kind;
    const left = packets.left[packet] ?? noEntry(packet);
    const cut = layout.stepCut[step] ?? noEntry(step);
    const needs = kind === NON_POSTED ? 0 : dataCredits(Math.min(left, cut));
    if ((this.#headers[credit] ?? noEntry(credit)) < 1 || (this.#data[credit] ?? noEntry(credit)) < needs) {
      this.#collect(station, now);
      if ((this.#headers[credit] ?? noEntry(credit)) < 1 || (this.#data[credit] ?? noEntry(credit)) < needs) {
        when = Math.max(when, this.#credits.nextTime(station));
      }
    }
    if ((layout.inputStation[input] ?? noEntry(input)) >= 0) return when;
    // At a source.
    const flow = packets.flow[packet] ?? noEntry(packet);
    if (kind === COMPLETION) return when;
    if (kind === NON_POSTED) {
      const pool = layout.flowPool[flow] ?? noEntry(flow);
      while (this.#tagReturns.nextTime(pool) <= now) {
        this.#tagReturns.take(pool);
        this.#tags[pool] = (this.#tags[pool] ?? noEntry(pool)) + 1;
      }
      if (this.#tags[pool] === 0) when = Math.max(when, this.#tagReturns.nextTime(pool));
    }
    if (this.#windows[flow] !== -1) {
      while (this.#windowReturns.nextTime(flow) <= now) {
        this.#windowReturns.take(flow);
        this.#windows[flow] = (this.#windows[flow] ?? noEntry(flow)) + 1;
      }
      if (this.#windows[flow] === 0) when = Math.max(when, this.#windowReturns.nextTime(flow));
    }
    return when;
  }

  /** Takes the credits that came back to a station. */
  #collect(station: number, now: number): void {
    const credits = this.#credits;
    while (credits.nextTime(station) <= now) {
      const value = credits.take(station);
      const at = station * CLASS_COUNT + (value & CLASS);
      this.#headers[at] = (this.#headers[at] ?? noEntry(at)) + 1;
      this.#data[at] = (this.#data[at] ?? noEntry(at)) + (value >> 2);
    }
  }

  /** Sends a TLP, or what is cut off it, over a station. Its slot is out of the station's turns. */
  #send(packet: number, kind: number, station: number, slot: number, input: number, now: number): void {
    const layout = this.#layout;
    const packets = this.#packets;
    const step = packets.step[packet] ?? noEntry(packet);
    const left = packets.left[packet] ?? noEntry(packet);
    const cut = layout.stepCut[step] ?? noEntry(step);
    const bytes = Math.min(left, cut);
    const flow = packets.flow[packet] ?? noEntry(packet);
    const passing = this.#passingPs(station, kind, bytes);
    let start = this.#startOf(station, now);
    if (this.#damage !== null) {
      // Nothing that follows is taken before it: as if the link stood still until it is sent again.
      while (this.#damage.isDamaged(station)) {
        start += passing + (layout.returnPs[station] ?? noEntry(station));
        this.replays++;
      }
    }
    const end = start + passing;
    this.#busyUntil[station] = end;
    const opposite = layout.opposite[station] ?? noEntry(station);
    if (opposite >= 0) {
      const owed = (this.#owed[opposite] ?? noEntry(opposite)) + passing * (layout.stepShare[step] ?? noEntry(step));
      this.#owed[opposite] = owed;
    }
    this.usage.add(station, now, end, bytes, kind);
    if (this.#observer !== null) this.#observer(station, start, end, kind, flow, bytes);
    const pair = layout.stepPair[step] ?? noEntry(step);
    if (pair >= 0) {
      const free = Math.max(now, this.#pairNext[pair] ?? noEntry(pair));
      this.#pairNext[pair] = free + Math.round(bytes * (layout.pairPsPerByte[pair] ?? noEntry(pair)));
    }
    if (layout.isLink[station] === 1) {
      const credit = station * CLASS_COUNT + kind;
      const takes = kind === NON_POSTED ? 0 : dataCredits(bytes);
      this.#headers[credit] = (this.#headers[credit] ?? noEntry(credit)) - 1;
      this.#data[credit] = (this.#data[credit] ?? noEntry(credit)) - takes;
    }
    const from = layout.inputStation[input] ?? noEntry(input);
    if (from < 0 && kind !== COMPLETION) {
      if (kind === NON_POSTED) {
        const pool = layout.flowPool[flow] ?? noEntry(flow);
        this.#tags[pool] = (this.#tags[pool] ?? noEntry(pool)) - 1;
      }
      const window = this.#windows[flow] ?? noEntry(flow);
      if (window >= 0) this.#windows[flow] = window - 1;
    }
    let piece = packet;
    if (bytes < left) {
      piece = packets.take();
      packets.left[packet] = left - bytes;
      packets.flow[piece] = flow;
      packets.step[piece] = step;
      packets.left[piece] = bytes;
      packets.kind[piece] = from < 0 && kind !== COMPLETION ? kind | ENDS : kind;
      packets.issued[piece] = packets.issued[packet] ?? noEntry(packet);
      this.#line(station, slot);
    } else this.#leave(packet, kind, station, slot, input, from, now);
    this.#arrive(piece, kind, step, station, start, end, bytes);
    this.#plan(station, end);
  }

  /** When a station can begin: what acknowledges the other direction goes first, as far as no gap has taken it in. */
  #startOf(station: number, now: number): number {
    const owed = this.#owed[station] ?? noEntry(station);
    if (owed === 0) return now;
    this.#owed[station] = 0;
    const gap = now - (this.#busyUntil[station] ?? noEntry(station));
    return gap >= owed ? now : now + Math.round(owed - gap);
  }

  #passingPs(station: number, kind: number, bytes: number): number {
    const at = station * CLASS_COUNT + kind;
    const carried = (this.#layout.carries[at] ?? noEntry(at)) * bytes + (this.#layout.overhead[at] ?? noEntry(at));
    return Math.round(carried * (this.#layout.psPerByte[station] ?? noEntry(station)));
  }

  /** Takes a TLP that was sent whole out of its queue, and lets go what waited for that. */
  #leave(packet: number, kind: number, station: number, slot: number, input: number, from: number, now: number): void {
    const packets = this.#packets;
    const queue = input * CLASS_COUNT + kind;
    const next = packets.next[packet] ?? noEntry(packet);
    this.#head[queue] = next;
    const mask = (this.#slotMask[slot] ?? noEntry(slot)) & ~(1 << kind);
    this.#slotMask[slot] = mask;
    if (mask !== 0) this.#line(station, slot);
    if (next < 0) this.#tail[queue] = -1;
    else this.#show(next, kind);
    for (let other = 0; other < CLASS_COUNT; other++) {
      if (this.#waits[other * CLASS_COUNT + kind] !== 1) continue;
      const first = this.#head[input * CLASS_COUNT + other] ?? noEntry(input);
      if (first < 0) continue;
      const step = packets.step[first] ?? noEntry(first);
      this.#wake(
        this.#layout.stepStation[step] ?? noEntry(step),
        Math.max(now, packets.ready[first] ?? noEntry(first)),
      );
    }
    if (from < 0) {
      if (kind !== COMPLETION) this.#begin(packets.flow[packet] ?? noEntry(packet), now);
    } else this.#giveCredits(from, kind, packets.held[packet] ?? noEntry(packet), now);
  }

  /** Credits of a station come back when the receiver's word of them arrives. */
  #giveCredits(station: number, kind: number, data: number, time: number): void {
    const at = time + (this.#layout.returnPs[station] ?? noEntry(station));
    this.#credits.push(station, at, (data << 2) | kind);
    this.#wakeWaiting(station, at);
  }

  /** Brings what was sent to the next station of its way, or to its end. */
  #arrive(piece: number, kind: number, step: number, station: number, start: number, end: number, bytes: number): void {
    const layout = this.#layout;
    const packets = this.#packets;
    const endPs = layout.stepEndPs[step] ?? noEntry(step);
    if (endPs >= 0) {
      if (layout.isLink[station] === 1) {
        this.#giveCredits(station, kind, kind === NON_POSTED ? 0 : dataCredits(bytes), end);
      }
      this.#deliver(piece, kind, end + endPs, bytes);
      return;
    }
    const nextStep = step + 1;
    const next = layout.stepStation[nextStep] ?? noEntry(nextStep);
    // Cut-through: the next station may begin as soon as it does not run dry; memory, when all of a request is there.
    const isWhole = kind === NON_POSTED && layout.isLink[next] === 0;
    const lag = end - start - (isWhole ? 0 : this.#passingPs(next, kind, bytes));
    let ready = start + (layout.stepAfterPs[nextStep] ?? noEntry(nextStep)) + Math.max(lag, 0);
    if (this.#translation !== null && layout.stepTranslated[nextStep] === 1) {
      ready = this.#translation.readyAt(packets.flow[piece] ?? noEntry(piece), bytes, ready);
    }
    packets.step[piece] = nextStep;
    const buffer = layout.slotInput[layout.stepSlot[nextStep] ?? noEntry(nextStep)] ?? noEntry(nextStep);
    this.#push(piece, buffer, kind, ready, kind === NON_POSTED ? 0 : dataCredits(bytes));
  }

  /** Takes a TLP in at its end, at a time that may lie ahead. */
  #deliver(piece: number, kind: number, done: number, bytes: number): void {
    const layout = this.#layout;
    const packets = this.#packets;
    const flow = packets.flow[piece] ?? noEntry(piece);
    if (kind === NON_POSTED) {
      packets.step[piece] = layout.flowAnswerStep[flow] ?? noEntry(flow);
      packets.kind[piece] = COMPLETION | ENDS | ((packets.kind[piece] ?? noEntry(piece)) & LAST);
      const ready = done + (layout.flowAnswerPs[flow] ?? noEntry(flow));
      this.#push(piece, layout.flowAnswerInput[flow] ?? noEntry(flow), COMPLETION, ready, 0);
      return;
    }
    this.#delivered[flow] = (this.#delivered[flow] ?? noEntry(flow)) + bytes;
    const isLast = ((packets.kind[piece] ?? noEntry(piece)) & LAST) !== 0;
    const isEnd = ((packets.kind[piece] ?? noEntry(piece)) & ENDS) !== 0;
    const issued = packets.issued[piece] ?? noEntry(piece);
    packets.giveBack(piece);
    let at = done;
    if (kind === COMPLETION && isEnd) {
      at += layout.flowIntoPs[flow] ?? noEntry(flow);
      const pool = layout.flowPool[flow] ?? noEntry(flow);
      this.#tagReturns.push(pool, at, 0);
      const sources = layout.poolStations[pool] ?? noEntry(pool);
      for (let source = 0; source < sources.length; source++) this.#wakeWaiting(sources[source] ?? noEntry(source), at);
    }
    if (isEnd && this.#windows[flow] !== -1) {
      this.#windowReturns.push(flow, at, 0);
      this.#wakeWaiting(layout.stepStation[layout.flowStep[flow] ?? noEntry(flow)] ?? noEntry(flow), at);
    }
    if (isLast) this.#finish(flow, issued, at);
  }

  /** Lets a station look again where something waits for it. */
  #wakeWaiting(station: number, time: number): void {
    if ((this.#slotFirst[station] ?? noEntry(station)) >= 0) this.#wake(station, time);
  }

  /** An operation is done. */
  #finish(flow: number, issued: number, done: number): void {
    this.latencies.add(flow, (done - issued) / PS_PER_NS);
    this.#operations[flow] = (this.#operations[flow] ?? noEntry(flow)) + 1;
    this.#lastDone[flow] = done;
    if ((this.#delivered[flow] ?? noEntry(flow)) >= (this.#totals[flow] ?? noEntry(flow))) this.#unfinished--;
    if (this.#isLimited[flow] === 1) {
      this.#commands.push(flow, done, 0);
      if (this.#isIdle[flow] === 1) this.#begin(flow, done);
    }
    const followers = this.#followers[flow] ?? noEntry(flow);
    for (let at = 0; at < followers.length; at++) {
      const follower = followers[at] ?? noEntry(at);
      if (this.#isIdle[follower] === 1) this.#begin(follower, done);
    }
  }

  /** When a station that has sent looks again. */
  #plan(station: number, end: number): void {
    const first = this.#slotFirst[station] ?? noEntry(station);
    if (first < 0) {
      this.#calendar.remove(station);
      return;
    }
    let soonest = NEVER;
    for (let slot = first; slot >= 0; slot = this.#slotNext[slot] ?? noEntry(slot)) {
      const mask = this.#slotMask[slot] ?? noEntry(slot);
      const input = this.#layout.slotInput[slot] ?? noEntry(slot);
      for (let kind = 0; kind < CLASS_COUNT; kind++) {
        if ((mask & (1 << kind)) === 0) continue;
        const packet = this.#head[input * CLASS_COUNT + kind] ?? noEntry(input);
        const ready = this.#packets.ready[packet] ?? noEntry(packet);
        if (ready < soonest) soonest = ready;
      }
    }
    this.#calendar.set(station, Math.max(soonest, end));
  }
}

function dataCredits(bytes: number): number {
  return Math.ceil(bytes / CREDIT_BYTES);
}
