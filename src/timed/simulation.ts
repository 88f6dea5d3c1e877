import { noEntry } from "../pci/entry-at.ts";
import {
  BUSY_UNTIL,
  CUT,
  DATA,
  DELAY,
  END,
  FIRST,
  HEADERS,
  IS_LAST,
  IS_LIMITED,
  IS_LINK,
  IS_TRANSLATED,
  type Layout,
  OPPOSITE,
  OWED,
  OWES,
  PAIR,
  PASSING,
  RETURN,
  SHARE,
  STATION,
  STATION_SHIFT,
  STATION_TIME_SHIFT,
  STEP_SHIFT,
  STEP_TIME_SHIFT,
} from "./layout.ts";
import { CREDIT_BYTES, CREDIT_SHIFT, type TimedOptions } from "./options.ts";
import { blockersOf, CLASS_COUNT, COMPLETION, MAY_PASS, MAY_PASS_RELAXED, NON_POSTED, waitersOf } from "./ordering.ts";
import {
  CLASS,
  ENDS,
  FLOW,
  HELD,
  ISSUED,
  KIND,
  LEFT,
  NEXT,
  PACKET_SHIFT,
  PACKET_TIME_SHIFT,
  READY,
  STEP,
  TURN,
} from "./packets.ts";
import { AFTER_SLOT, FROM, HEAD, MASK, QUEUE_SHIFT, Queues, SLOT_INPUT, SLOT_SHIFT, TAIL } from "./queues.ts";
import { Damage } from "./replays.ts";
import { Rings } from "./rings.ts";
import { Sources } from "./sources.ts";
import type { Translation } from "./translation.ts";
import { BUSY, BYTES, TLPS, USAGE_SHIFT, Usage } from "./usage.ts";

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

const NEVER = Number.POSITIVE_INFINITY;

/**
 * The events of a layout, in the order of their times. The only event is a station that looks for what to send next: from
 * when a TLP starts on one station it is known when the next may take it, so that arrival needs no event, and what comes
 * back (credits, tags, places of commands) lies in rings with its time until somebody lacks it.
 */
export class Simulation {
  readonly #layout: Layout;
  readonly queues: Queues;
  readonly sources: Sources;
  readonly usage: Usage;
  /** By class, as bits: for which classes it waits, and which wait for it. */
  readonly #blockers: Int32Array;
  readonly #waiters: Int32Array;
  readonly #damage: Damage | null;
  readonly #translation: Translation | null;
  readonly #observer: SendObserver | null;
  readonly #credits: Rings;
  readonly #pairNext: Float64Array;
  now = 0;
  /** Times that a station looked for what to send. */
  events = 0;
  replays = 0;
  /** How often time was skipped. */
  skips = 0;

  constructor(layout: Layout, options: SimulationOptions) {
    const { stations, stationInts } = layout;
    this.#layout = layout;
    this.queues = new Queues(layout);
    this.sources = new Sources(layout, this.queues);
    this.usage = new Usage(stations.length, options.buckets, options.bucketPs);
    const mayPass = options.relaxedOrdering === true ? MAY_PASS_RELAXED : MAY_PASS;
    this.#blockers = blockersOf(mayPass);
    this.#waiters = waitersOf(mayPass);
    this.#damage = options.errorRates.some((rate) => rate > 0) ? new Damage(options.errorRates, options.seed) : null;
    this.#translation = options.translation;
    this.#observer = options.observer;
    this.#credits = new Rings(
      stations.map((_, station) => {
        const at = (station << STATION_SHIFT) + HEADERS;
        return stationInts.subarray(at, at + CLASS_COUNT).reduce((sum, count) => sum + count, 0);
      }),
    );
    this.#pairNext = new Float64Array(layout.pairPsPerByte.length);
  }

  /** Picoseconds beside the clock of the events: skipped, as nothing changed. */
  get skippedPs(): number {
    return this.sources.skippedPs;
  }

  set skippedPs(time: number) {
    this.sources.skippedPs = time;
  }

  /** Walks of the IOMMU. */
  get walks(): number {
    return this.#translation?.walks ?? 0;
  }

  set walks(count: number) {
    if (this.#translation !== null) this.#translation.walks = count;
  }

  /** Credits that a station has for a class, and all that came back to it until a time. */
  creditsOf(station: number, kind: number, time: number): readonly [headers: number, data: number] {
    this.#collect(station, time);
    const at = (station << STATION_SHIFT) + kind;
    const { stationInts } = this.queues;
    return [stationInts[at + HEADERS] ?? noEntry(at), stationInts[at + DATA] ?? noEntry(at)];
  }

  /**
   * Carries out the events up to a time, or until all flows that have an end are done; false where no event is left before
   * that.
   */
  run(until: number, isToEnd: boolean): boolean {
    const { queues, sources, usage } = this;
    const { calendar, packets, slots, stationInts, stationTimes } = queues;
    const lists = queues.queues;
    const nextTimes = calendar.times;
    const layout = this.#layout;
    const { steps, stepTimes } = layout;
    const { records } = usage;
    const damage = this.#damage;
    const translation = this.#translation;
    const observer = this.#observer;
    const most = sources.mostAtOnce;
    let bucketEnd = usage.endPs - this.skippedPs;
    let { ints, times } = packets;
    for (;;) {
      if (isToEnd && sources.unfinished === 0) return true;
      const station = calendar.next;
      if (station < 0) return false;
      const now = nextTimes[station] ?? noEntry(station);
      if (now > until) return true;
      this.now = now;
      this.events++;
      if (now >= bucketEnd) {
        usage.turn(now + this.skippedPs);
        bucketEnd = usage.endPs - this.skippedPs;
      }
      if (packets.count + most > packets.room) {
        packets.grow();
        ({ ints, times } = packets);
      }

      // What may go now: the slots in turn, of one slot what came first of what may.
      const stationAt = station << STATION_SHIFT;
      let soonest = NEVER;
      let packet = -1;
      let kind = 0;
      let queue = 0;
      let mask = 0;
      let before = -1;
      let slot = stationInts[stationAt + FIRST] ?? noEntry(station);
      for (;;) {
        const slotAt = slot << SLOT_SHIFT;
        mask = slots[slotAt + MASK] ?? noEntry(slot);
        queue = (slots[slotAt + SLOT_INPUT] ?? noEntry(slot)) << QUEUE_SHIFT;
        let chosenTurn = NEVER;
        for (let rest = mask; rest !== 0; rest &= rest - 1) {
          const of = 31 - Math.clz32(rest & -rest);
          const first = lists[queue + HEAD + of] ?? noEntry(queue);
          const timeAt = first << PACKET_TIME_SHIFT;
          let when = times[timeAt + READY] ?? noEntry(first);
          if (when <= now) when = this.#whenMay(first, of, stationAt, queue, now, ints, times);
          if (when > now) {
            if (when < soonest) soonest = when;
            continue;
          }
          const turn = times[timeAt + TURN] ?? noEntry(first);
          if (turn >= chosenTurn) continue;
          packet = first;
          kind = of;
          chosenTurn = turn;
        }
        if (packet >= 0) break;
        before = slot;
        slot = slots[slotAt + AFTER_SLOT] ?? noEntry(slot);
        if (slot < 0) break;
      }
      if (packet < 0) {
        if (soonest === NEVER) calendar.remove(station);
        else calendar.set(station, soonest);
        continue;
      }

      // It, or what is cut off it, is sent.
      const stationTime = station << STATION_TIME_SHIFT;
      const record = packet << PACKET_SHIFT;
      const step = ints[record + STEP] ?? noEntry(packet);
      const stepAt = step << STEP_SHIFT;
      const stepTime = step << STEP_TIME_SHIFT;
      const left = ints[record + LEFT] ?? noEntry(packet);
      const cut = steps[stepAt + CUT] ?? noEntry(step);
      const bytes = Math.min(left, cut);
      const isCutWhole = bytes === cut;
      const passing = isCutWhole
        ? (stepTimes[stepTime + PASSING] ?? noEntry(step))
        : layout.passingPs(station, kind, bytes);
      let start = now;
      const owed = stationTimes[stationTime + OWED] ?? noEntry(station);
      if (owed > 0) {
        // What acknowledges the other direction goes first, as far as no gap has taken it in.
        const gap = now - (stationTimes[stationTime + BUSY_UNTIL] ?? noEntry(station));
        if (gap < owed) start += Math.round(owed - gap);
        stationTimes[stationTime + OWED] = 0;
      }
      if (damage !== null) {
        // Nothing that follows is taken before it: as if the link stood still until it is sent again.
        while (damage.isDamaged(station)) {
          start += passing + (stationTimes[stationTime + RETURN] ?? noEntry(station));
          this.replays++;
        }
      }
      const end = start + passing;
      stationTimes[stationTime + BUSY_UNTIL] = end;
      const opposite = stationInts[stationAt + OPPOSITE] ?? noEntry(station);
      if (opposite >= 0) {
        const owes = (opposite << STATION_TIME_SHIFT) + OWED;
        stationTimes[owes] =
          (stationTimes[owes] ?? noEntry(opposite)) +
          (isCutWhole
            ? (stepTimes[stepTime + OWES] ?? noEntry(step))
            : passing * (stepTimes[stepTime + SHARE] ?? noEntry(step)));
      }
      const used = station << USAGE_SHIFT;
      records[used + BUSY] = (records[used + BUSY] ?? noEntry(station)) + end - now;
      records[used + TLPS + kind] = (records[used + TLPS + kind] ?? noEntry(station)) + 1;
      records[used + BYTES + kind] = (records[used + BYTES + kind] ?? noEntry(station)) + bytes;
      if (observer !== null) observer(station, start, end, kind, ints[record + FLOW] ?? noEntry(packet), bytes);
      if ((steps[stepAt + PAIR] ?? noEntry(step)) >= 0)
        this.#passPair(steps[stepAt + PAIR] ?? noEntry(step), now, bytes);
      const isLink = stationInts[stationAt + IS_LINK] === 1;
      const dataCredits = kind === NON_POSTED ? 0 : (bytes + CREDIT_BYTES - 1) >> CREDIT_SHIFT;
      if (isLink) {
        const credit = stationAt + kind;
        stationInts[credit + HEADERS] = (stationInts[credit + HEADERS] ?? noEntry(station)) - 1;
        stationInts[credit + DATA] = (stationInts[credit + DATA] ?? noEntry(station)) - dataCredits;
      }
      if (steps[stepAt + IS_LIMITED] === 1) sources.took(ints[record + FLOW] ?? noEntry(packet), kind);

      // The slot goes to the end of its station's turns, or away.
      const from = lists[queue + FROM] ?? noEntry(queue);
      let piece = packet;
      if (bytes < left) {
        piece = packets.take();
        const pieceAt = piece << PACKET_SHIFT;
        ints[record + LEFT] = left - bytes;
        ints[pieceAt + FLOW] = ints[record + FLOW] ?? noEntry(packet);
        ints[pieceAt + STEP] = step;
        ints[pieceAt + LEFT] = bytes;
        ints[pieceAt + KIND] = from < 0 && kind !== COMPLETION ? kind | ENDS : kind;
        times[(piece << PACKET_TIME_SHIFT) + ISSUED] = times[(packet << PACKET_TIME_SHIFT) + ISSUED] ?? noEntry(packet);
        queues.lineAgain(station, slot, before, mask);
      } else {
        const next = ints[record + NEXT] ?? noEntry(packet);
        lists[queue + HEAD + kind] = next;
        if (next < 0) {
          lists[queue + TAIL + kind] = -1;
          queues.lineAgain(station, slot, before, mask & ~(1 << kind));
        } else if (ints[(next << PACKET_SHIFT) + STEP] === step) queues.lineAgain(station, slot, before, mask);
        else {
          queues.lineAgain(station, slot, before, mask & ~(1 << kind));
          const nextStep = ints[(next << PACKET_SHIFT) + STEP] ?? noEntry(next);
          queues.show(nextStep, kind, times[(next << PACKET_TIME_SHIFT) + READY] ?? noEntry(next));
        }
        if (this.#waiters[kind] !== 0) this.#letPass(queue, kind, now);
        if (from >= 0) this.#giveCredits(from, kind, ints[record + HELD] ?? noEntry(packet), now);
        else if (kind !== COMPLETION) sources.begin(ints[record + FLOW] ?? noEntry(packet), now);
      }

      // It comes to the next station of its way, or to its end.
      if (steps[stepAt + IS_LAST] === 1) {
        if (isLink) this.#giveCredits(station, kind, dataCredits, end);
        sources.deliver(piece, kind, end + (stepTimes[stepTime + END] ?? noEntry(step)), bytes);
      } else {
        const delay = isCutWhole ? (stepTimes[stepTime + DELAY] ?? noEntry(step)) : layout.delayPs(step, kind, bytes);
        let ready = start + delay;
        if (translation !== null && steps[stepAt + (1 << STEP_SHIFT) + IS_TRANSLATED] === 1) {
          ready = translation.readyAt(ints[record + FLOW] ?? noEntry(packet), bytes, ready);
        }
        ints[(piece << PACKET_SHIFT) + STEP] = step + 1;
        queues.push(piece, kind, ready, dataCredits);
      }

      // When it looks again.
      let first = stationInts[stationAt + FIRST] ?? noEntry(station);
      if (first < 0) {
        calendar.remove(station);
        continue;
      }
      soonest = NEVER;
      while (first >= 0 && soonest > end) {
        const firstAt = first << SLOT_SHIFT;
        const input = (slots[firstAt + SLOT_INPUT] ?? noEntry(first)) << QUEUE_SHIFT;
        for (let rest = slots[firstAt + MASK] ?? noEntry(first); rest !== 0; rest &= rest - 1) {
          const head = lists[input + HEAD + 31 - Math.clz32(rest & -rest)] ?? noEntry(input);
          const ready = times[(head << PACKET_TIME_SHIFT) + READY] ?? noEntry(head);
          if (ready < soonest) soonest = ready;
        }
        first = slots[firstAt + AFTER_SLOT] ?? noEntry(first);
      }
      calendar.set(station, Math.max(soonest, end));
    }
  }

  /** When the first TLP of a queue, which is ready, may go, as far as is known; `Infinity` where another has to before. */
  #whenMay(
    packet: number,
    kind: number,
    stationAt: number,
    queue: number,
    now: number,
    ints: Int32Array,
    _times: Float64Array,
  ): number {
    const blockers = this.#blockers[kind] ?? noEntry(kind);
    if (blockers !== 0 && this.#isBlocked(packet, blockers, queue)) return NEVER;
    const { stationInts } = this.queues;
    const { steps } = this.#layout;
    const record = packet << PACKET_SHIFT;
    const step = (ints[record + STEP] ?? noEntry(packet)) << STEP_SHIFT;
    const left = ints[record + LEFT] ?? noEntry(packet);
    const cut = steps[step + CUT] ?? noEntry(step);
    const needs = kind === NON_POSTED ? 0 : (Math.min(left, cut) + CREDIT_BYTES - 1) >> CREDIT_SHIFT;
    const credit = stationAt + kind;
    let when = now;
    if (
      (stationInts[credit + HEADERS] ?? noEntry(credit)) < 1 ||
      (stationInts[credit + DATA] ?? noEntry(credit)) < needs
    ) {
      const station = stationAt >> STATION_SHIFT;
      this.#collect(station, now);
      if (
        (stationInts[credit + HEADERS] ?? noEntry(credit)) < 1 ||
        (stationInts[credit + DATA] ?? noEntry(credit)) < needs
      ) {
        when = this.#credits.nextTime(station);
      }
    }
    const pair = steps[step + PAIR] ?? noEntry(step);
    if (pair >= 0) when = Math.max(when, this.#pairNext[pair] ?? noEntry(pair));
    if (steps[step + IS_LIMITED] !== 1) return when;
    return Math.max(when, this.sources.whenMay(ints[record + FLOW] ?? noEntry(packet), kind, now));
  }

  /** True where an earlier TLP of some classes, as bits, waits at the same input. */
  #isBlocked(packet: number, blockers: number, queue: number): boolean {
    const { queues, packets } = this.queues;
    const { times } = packets;
    const turn = times[(packet << PACKET_TIME_SHIFT) + TURN] ?? noEntry(packet);
    for (let rest = blockers; rest !== 0; rest &= rest - 1) {
      const first = queues[queue + HEAD + 31 - Math.clz32(rest & -rest)] ?? noEntry(queue);
      if (first >= 0 && (times[(first << PACKET_TIME_SHIFT) + TURN] ?? noEntry(first)) < turn) return true;
    }
    return false;
  }

  /** Counts what a root complex passes of a pair. */
  #passPair(pair: number, now: number, bytes: number): void {
    const free = Math.max(now, this.#pairNext[pair] ?? noEntry(pair));
    this.#pairNext[pair] = free + Math.round(bytes * (this.#layout.pairPsPerByte[pair] ?? noEntry(pair)));
  }

  /** Wakes the stations of what waited for an earlier TLP of a class that is gone. */
  #letPass(queue: number, kind: number, now: number): void {
    const { queues, packets } = this.queues;
    for (let rest = this.#waiters[kind] ?? noEntry(kind); rest !== 0; rest &= rest - 1) {
      const first = queues[queue + HEAD + 31 - Math.clz32(rest & -rest)] ?? noEntry(queue);
      if (first < 0) continue;
      const step = (packets.ints[(first << PACKET_SHIFT) + STEP] ?? noEntry(first)) << STEP_SHIFT;
      const ready = packets.times[(first << PACKET_TIME_SHIFT) + READY] ?? noEntry(first);
      this.queues.wake(this.#layout.steps[step + STATION] ?? noEntry(step), Math.max(ready, now));
    }
  }

  /** Credits of a station come back when the receiver's word of them arrives. */
  #giveCredits(station: number, kind: number, data: number, time: number): void {
    const at = time + (this.queues.stationTimes[(station << STATION_TIME_SHIFT) + RETURN] ?? noEntry(station));
    this.#credits.push(station, at, (data << 2) | kind);
    this.queues.wakeWaiting(station, at);
  }

  /** Takes the credits that came back to a station. */
  #collect(station: number, now: number): void {
    const credits = this.#credits;
    const { stationInts } = this.queues;
    while (credits.nextTime(station) <= now) {
      const value = credits.take(station);
      const at = (station << STATION_SHIFT) + (value & CLASS);
      stationInts[at + HEADERS] = (stationInts[at + HEADERS] ?? noEntry(at)) + 1;
      stationInts[at + DATA] = (stationInts[at + DATA] ?? noEntry(at)) + (value >> 2);
    }
  }
}
