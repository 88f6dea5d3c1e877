/** The two halves of a number of 64 bits. */
interface Halves {
  readonly hi: number;
  readonly lo: number;
}

/** A number of 64 bits, changed in place: big integers would take a tenfold of the time. */
class Word implements Halves {
  hi = 0;
  lo = 0;

  set({ hi, lo }: Halves): this {
    this.hi = hi;
    this.lo = lo;
    return this;
  }

  add(hi: number, lo: number): this {
    const low = (this.lo >>> 0) + (lo >>> 0);
    this.lo = low | 0;
    this.hi = (this.hi + hi + (low > 0xffff_ffff ? 1 : 0)) | 0;
    return this;
  }

  xor(hi: number, lo: number): this {
    this.hi ^= hi;
    this.lo ^= lo;
    return this;
  }

  multiply({ hi, lo }: Halves): this {
    const a0 = this.lo & 0xffff;
    const a1 = this.lo >>> 16;
    const b0 = lo & 0xffff;
    const b1 = lo >>> 16;
    const middle = a1 * b0 + ((a0 * b0) >>> 16);
    const high = a1 * b1 + (middle >>> 16) + ((a0 * b1 + (middle & 0xffff)) >>> 16);
    this.hi = (high + Math.imul(this.hi, lo) + Math.imul(this.lo, hi)) | 0;
    this.lo = Math.imul(this.lo, lo);
    return this;
  }

  /** Rotates left by less than 32. */
  rotate(count: number): this {
    const { hi, lo } = this;
    this.hi = (hi << count) | (lo >>> (32 - count));
    this.lo = (lo << count) | (hi >>> (32 - count));
    return this;
  }

  /** Exclusive or with itself, shifted right by `count`, from 29 to 33. */
  fold(count: number): this {
    const { hi, lo } = this;
    if (count >= 32) return this.xor(0, hi >>> (count - 32));
    return this.xor(hi >>> count, (hi << (32 - count)) | (lo >>> count));
  }
}

const P1: Halves = { hi: 0x9e37_79b1, lo: 0x85eb_ca87 };
const P2: Halves = { hi: 0xc2b2_ae3d, lo: 0x27d4_eb4f };
const P3: Halves = { hi: 0x1656_67b1, lo: 0x9e37_79f9 };
const P4: Halves = { hi: 0x85eb_ca77, lo: 0xc2b2_ae63 };
const P5: Halves = { hi: 0x27d4_eb2f, lo: 0x1656_67c5 };
const STRIPE = 32;

/** The XXH64 hash, with seed 0, of bytes that come in parts: the checksum of zstd frames (RFC 8878 sec 3.1.1). */
export class XxHash64 {
  readonly #lanes: readonly Word[] = [
    new Word().add(P1.hi, P1.lo).add(P2.hi, P2.lo),
    new Word().add(P2.hi, P2.lo),
    new Word(),
    new Word().add(~P1.hi, ~P1.lo).add(0, 1),
  ];
  readonly #scratch = new Word();
  readonly #carry = new Uint8Array(STRIPE);
  #length = 0;

  update(bytes: Uint8Array): void {
    let at = 0;
    const carried = this.#length % STRIPE;
    this.#length += bytes.length;
    if (carried > 0) {
      at = Math.min(STRIPE - carried, bytes.length);
      this.#carry.set(bytes.subarray(0, at), carried);
      if (carried + at < STRIPE) return;
      this.#stripe(this.#carry, 0);
    }
    for (; at + STRIPE <= bytes.length; at += STRIPE) this.#stripe(bytes, at);
    this.#carry.set(bytes.subarray(at));
  }

  #stripe(bytes: Uint8Array, at: number): void {
    this.#lanes.forEach((lane, index) => {
      const from = at + index * 8;
      this.#scratch.hi = word(bytes, from + 4);
      this.#scratch.lo = word(bytes, from);
      const { hi, lo } = this.#scratch.multiply(P2);
      lane.add(hi, lo).rotate(31).multiply(P1);
    });
  }

  /** The lower 32 bits of the hash. */
  lowerHalf(): number {
    const hash = this.#length >= STRIPE ? this.#merged() : new Word().add(P5.hi, P5.lo);
    hash.add(0, this.#length);
    const rest = this.#length % STRIPE;
    let at = 0;
    for (; at + 8 <= rest; at += 8) {
      const { hi, lo } = this.#round(word(this.#carry, at + 4), word(this.#carry, at));
      hash.xor(hi, lo).rotate(27).multiply(P1).add(P4.hi, P4.lo);
    }
    if (at + 4 <= rest) {
      const { hi, lo } = this.#scratch.set({ hi: 0, lo: word(this.#carry, at) }).multiply(P1);
      hash.xor(hi, lo).rotate(23).multiply(P2).add(P3.hi, P3.lo);
      at += 4;
    }
    for (; at < rest; at++) {
      const { hi, lo } = this.#scratch.set({ hi: 0, lo: this.#carry[at] ?? 0 }).multiply(P5);
      hash.xor(hi, lo).rotate(11).multiply(P1);
    }
    hash.fold(33).multiply(P2).fold(29).multiply(P3).fold(32);
    return hash.lo >>> 0;
  }

  #merged(): Word {
    const hash = new Word();
    this.#lanes.forEach((lane, index) => {
      const { hi, lo } = this.#scratch.set(lane).rotate([1, 7, 12, 18][index] ?? 0);
      hash.add(hi, lo);
    });
    for (const lane of this.#lanes) {
      const { hi, lo } = this.#round(lane.hi, lane.lo);
      hash.xor(hi, lo).multiply(P1).add(P4.hi, P4.lo);
    }
    return hash;
  }

  #round(hi: number, lo: number): Word {
    this.#scratch.hi = hi;
    this.#scratch.lo = lo;
    return this.#scratch.multiply(P2).rotate(31).multiply(P1);
  }
}

/** Four bytes, lowest first. */
function word(bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24);
}
