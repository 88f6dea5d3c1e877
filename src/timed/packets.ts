import { noEntry } from "../pci/entry-at.ts";

/** Room for TLPs at the start; it doubles as often as need be. */
const FIRST_ROOM = 1024;

/** What `ints` has of a TLP, from eight times its number on. */
export const PACKET_SHIFT = 3;
/** The next one in the list that it is in, -1 at its end. */
export const NEXT = 0;
export const FLOW = 1;
/** The step of its way that it waits for. */
export const STEP = 2;
/** Data bytes; at a source, and where a root complex cuts smaller, those that are still to be cut off it. */
export const LEFT = 3;
/** Data credits that it holds in the buffer where it is. */
export const HELD = 4;
/** Its class, with {@link LAST} and {@link ENDS}. */
export const KIND = 5;

/** What `times` has of it, from four times its number on. */
export const PACKET_TIME_SHIFT = 2;
/** When it may go on at the earliest. */
export const READY = 0;
/** In which order all came to where they are. */
export const TURN = 1;
/** When the operation that it is of began. */
export const ISSUED = 2;

/** Masks the class out of a kind. */
export const CLASS = 3;
/** Set in a kind where it is, or holds, the last of its operation. */
export const LAST = 4;
/** Set where it is, or holds, the end of what its source sent as one packet, or of what a request asked for. */
export const ENDS = 8;

/** TLPs by number: a record of each in two flat arrays, with the numbers that are free in a list. */
export class Packets {
  ints: Int32Array = new Int32Array(FIRST_ROOM << PACKET_SHIFT);
  times: Float64Array = new Float64Array(FIRST_ROOM << PACKET_TIME_SHIFT);
  #free = -1;
  #used = 0;
  room: number = FIRST_ROOM;
  /** How many there are now, and were at most. */
  count = 0;
  peak = 0;

  /** Bytes that each takes. */
  static readonly bytesEach: number = (4 << PACKET_SHIFT) + (8 << PACKET_TIME_SHIFT);

  /** Makes twice as much room; the arrays are others then. */
  grow(): void {
    this.room *= 2;
    const ints = new Int32Array(this.room << PACKET_SHIFT);
    ints.set(this.ints);
    this.ints = ints;
    const times = new Float64Array(this.room << PACKET_TIME_SHIFT);
    times.set(this.times);
    this.times = times;
  }

  /** Takes one, for which there has to be room. */
  take(): number {
    if (++this.count > this.peak) this.peak = this.count;
    const free = this.#free;
    if (free < 0) return this.#used++;
    const next = (free << PACKET_SHIFT) + NEXT;
    this.#free = this.ints[next] ?? noEntry(next);
    return free;
  }

  giveBack(packet: number): void {
    this.count--;
    this.ints[(packet << PACKET_SHIFT) + NEXT] = this.#free;
    this.#free = packet;
  }
}
