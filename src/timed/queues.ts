import { noEntry } from "../pci/entry-at.ts";
import { Calendar } from "./calendar.ts";
import {
  BUSY_UNTIL,
  FINAL,
  FIRST,
  INPUT,
  type Layout,
  SLOT,
  STATION,
  STATION_SHIFT,
  STATION_TIME_SHIFT,
  STEP_SHIFT,
} from "./layout.ts";
import { CLASS_COUNT } from "./ordering.ts";
import { HELD, NEXT, PACKET_SHIFT, PACKET_TIME_SHIFT, Packets, READY, STEP, TURN } from "./packets.ts";

/** What `queues` has of an input, from eight times its number on: first and last TLP by class, -1 for none. */
export const QUEUE_SHIFT = 3;
export const HEAD = 0;
export const TAIL = 3;
/** The station whose receiver it is; -1 for a source. */
export const FROM = 6;

/** What `slots` has of a slot, from four times its number on: the next one in its station's turns, -1 for none. */
export const SLOT_SHIFT = 2;
export const AFTER_SLOT = 0;
/** Classes whose first TLP waits in it, as bits. */
export const MASK = 1;
export const SLOT_INPUT = 2;

/** TLPs where they wait: a queue of each class at each input, and for each station the slots in which it is their turn. */
export class Queues {
  readonly packets: Packets = new Packets();
  readonly calendar: Calendar;
  readonly queues: Int32Array;
  readonly slots: Int32Array;
  readonly stationInts: Int32Array;
  readonly stationTimes: Float64Array;
  readonly #steps: Int32Array;
  turn = 0;

  constructor(layout: Layout) {
    this.calendar = new Calendar(layout.stations.length);
    this.#steps = layout.steps;
    this.stationInts = layout.stationInts.slice();
    this.stationTimes = layout.stationTimes.slice();
    this.queues = new Int32Array(layout.inputStation.length << QUEUE_SHIFT).fill(-1);
    for (const [input, station] of layout.inputStation.entries()) this.queues[(input << QUEUE_SHIFT) + FROM] = station;
    this.slots = new Int32Array(layout.slotInput.length << SLOT_SHIFT);
    for (const [slot, input] of layout.slotInput.entries()) {
      this.slots[(slot << SLOT_SHIFT) + AFTER_SLOT] = -1;
      this.slots[(slot << SLOT_SHIFT) + SLOT_INPUT] = input;
    }
  }

  /** Puts a TLP at the end of the queue of its step and class: it may go on at `ready`, and holds so many data credits. */
  push(packet: number, kind: number, ready: number, held: number): void {
    const { ints, times } = this.packets;
    const at = packet << PACKET_SHIFT;
    const time = packet << PACKET_TIME_SHIFT;
    times[time + READY] = ready;
    times[time + TURN] = this.turn++;
    ints[at + HELD] = held;
    ints[at + NEXT] = -1;
    const step = ints[at + STEP] ?? noEntry(packet);
    const queue = ((this.#steps[(step << STEP_SHIFT) + INPUT] ?? noEntry(step)) << QUEUE_SHIFT) + kind;
    const last = this.queues[queue + TAIL] ?? noEntry(queue);
    this.queues[queue + TAIL] = packet;
    if (last >= 0) ints[(last << PACKET_SHIFT) + NEXT] = packet;
    else {
      this.queues[queue + HEAD] = packet;
      this.show(step, kind, ready);
    }
  }

  /** Shows the first TLP of a queue to the station of its step. */
  show(step: number, kind: number, ready: number): void {
    const stepAt = step << STEP_SHIFT;
    const station = this.#steps[stepAt + STATION] ?? noEntry(step);
    const slot = this.#steps[stepAt + SLOT] ?? noEntry(step);
    const at = (slot << SLOT_SHIFT) + MASK;
    const mask = this.slots[at] ?? noEntry(at);
    if (mask === 0) this.line(station, slot);
    this.slots[at] = mask | (1 << kind);
    this.wake(station, ready);
  }

  /** Puts a slot at the end of its station's turns. */
  line(station: number, slot: number): void {
    const at = station << STATION_SHIFT;
    const last = this.stationInts[at + FINAL] ?? noEntry(station);
    if (last < 0) this.stationInts[at + FIRST] = slot;
    else this.slots[(last << SLOT_SHIFT) + AFTER_SLOT] = slot;
    this.stationInts[at + FINAL] = slot;
    this.slots[(slot << SLOT_SHIFT) + AFTER_SLOT] = -1;
  }

  /** Takes a slot out of its station's turns, which is behind `before` in them, and puts it at the end where it has any. */
  lineAgain(station: number, slot: number, before: number, mask: number): void {
    const at = station << STATION_SHIFT;
    const slotAt = slot << SLOT_SHIFT;
    this.slots[slotAt + MASK] = mask;
    const after = this.slots[slotAt + AFTER_SLOT] ?? noEntry(slot);
    // At the end it stays where it is.
    if (after < 0 && mask !== 0) return;
    if (before < 0) this.stationInts[at + FIRST] = after;
    else this.slots[(before << SLOT_SHIFT) + AFTER_SLOT] = after;
    if (after < 0) this.stationInts[at + FINAL] = before;
    else if (mask !== 0) this.line(station, slot);
  }

  /** Lets a station look at a time, where it does not before. */
  wake(station: number, time: number): void {
    const at = (station << STATION_TIME_SHIFT) + BUSY_UNTIL;
    const busyUntil = this.stationTimes[at] ?? noEntry(at);
    const when = Math.max(time, busyUntil);
    if (when < (this.calendar.times[station] ?? noEntry(station))) this.calendar.set(station, when);
  }

  /** The same where something waits for it. */
  wakeWaiting(station: number, time: number): void {
    const at = (station << STATION_SHIFT) + FIRST;
    if ((this.stationInts[at] ?? noEntry(at)) >= 0) this.wake(station, time);
  }

  /** How many TLPs wait at an input, by class. */
  waiting(input: number): readonly number[] {
    return Array.from({ length: CLASS_COUNT }, (_, kind) => {
      let count = 0;
      let packet = this.queues[(input << QUEUE_SHIFT) + HEAD + kind] ?? -1;
      for (; packet >= 0; packet = this.packets.ints[(packet << PACKET_SHIFT) + NEXT] ?? -1) count++;
      return count;
    });
  }
}
