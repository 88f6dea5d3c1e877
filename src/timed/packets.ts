import { noEntry } from "../pci/entry-at.ts";

/** Room for TLPs at the start; it doubles as often as need be. */
const FIRST_ROOM = 1024;

/**
 * TLPs by number, in flat arrays, with the numbers that are free in a list. A TLP at a source, and one that a root complex
 * cuts smaller, has in `left` the bytes that are still to be cut off it.
 */
export class Packets {
  /** The next one in the list that it is in, -1 at its end. */
  next: Int32Array = new Int32Array(FIRST_ROOM);
  flow: Int32Array = new Int32Array(FIRST_ROOM);
  /** The step of its way that it waits for. */
  step: Int32Array = new Int32Array(FIRST_ROOM);
  left: Int32Array = new Int32Array(FIRST_ROOM);
  /** Data credits that it holds in the buffer where it is. */
  held: Int32Array = new Int32Array(FIRST_ROOM);
  /** Its class, {@link LAST} and {@link ENDS}. */
  kind: Uint8Array = new Uint8Array(FIRST_ROOM);
  ready: Float64Array = new Float64Array(FIRST_ROOM);
  /** In which order all came to where they are. */
  turn: Float64Array = new Float64Array(FIRST_ROOM);
  /** When the operation that it is of began. */
  issued: Float64Array = new Float64Array(FIRST_ROOM);
  #free = -1;
  #used = 0;
  /** How many there are now, and were at most. */
  count = 0;
  peak = 0;

  take(): number {
    if (++this.count > this.peak) this.peak = this.count;
    const free = this.#free;
    if (free >= 0) {
      this.#free = this.next[free] ?? noEntry(free);
      return free;
    }
    if (this.#used === this.next.length) this.#grow();
    return this.#used++;
  }

  giveBack(packet: number): void {
    this.count--;
    this.next[packet] = this.#free;
    this.#free = packet;
  }

  /** Bytes that one takes. */
  get bytesEach(): number {
    const arrays = [
      this.next,
      this.flow,
      this.step,
      this.left,
      this.held,
      this.kind,
      this.ready,
      this.turn,
      this.issued,
    ];
    return arrays.reduce((sum, { BYTES_PER_ELEMENT }) => sum + BYTES_PER_ELEMENT, 0);
  }

  #grow(): void {
    const room = this.#used * 2;
    const ints = (old: Int32Array): Int32Array => {
      const grown = new Int32Array(room);
      grown.set(old);
      return grown;
    };
    const floats = (old: Float64Array): Float64Array => {
      const grown = new Float64Array(room);
      grown.set(old);
      return grown;
    };
    this.next = ints(this.next);
    this.flow = ints(this.flow);
    this.step = ints(this.step);
    this.left = ints(this.left);
    this.held = ints(this.held);
    this.ready = floats(this.ready);
    this.turn = floats(this.turn);
    this.issued = floats(this.issued);
    const kinds = new Uint8Array(room);
    kinds.set(this.kind);
    this.kind = kinds;
  }
}

/** Set in a TLP's kind where it is, or holds, the last of its operation. */
export const LAST = 4;
/** Set where it is, or holds, the end of what its source sent as one packet, or of what a request asked for. */
export const ENDS = 8;
/** Masks the class out of a kind. */
export const CLASS = 3;
