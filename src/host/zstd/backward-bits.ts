/** Bits of bytes from the last one to the first, as entropy coded streams are read (RFC 8878 sec 4.1). */
export class BackwardBits {
  readonly #bytes: Uint8Array;
  /** Bits that are left. */
  left: number;

  /** Begins below the highest bit that is set in the last byte; throws where there is none. */
  constructor(bytes: Uint8Array) {
    const last = bytes.at(-1) ?? 0;
    if (last === 0) throw new Error("a bit stream has no end mark");
    this.#bytes = bytes;
    this.left = bytes.length * 8 - 1 - (Math.clz32(last) - 24);
  }

  /** Takes up to 32 bits; throws where fewer are left. */
  read(count: number): number {
    if (count > 16) return this.read(count - 16) * 0x1_0000 + this.read(16);
    if (count > this.left) throw new Error("a bit stream is cut short");
    this.left -= count;
    return this.#bitsAt(this.left, count);
  }

  /** The next bits (16 at most) without taking them; zeros stand below the first one. */
  peek(count: number): number {
    const from = this.left - count;
    return from >= 0 ? this.#bitsAt(from, count) : (this.#bitsAt(0, this.left) << -from) & ((1 << count) - 1);
  }

  /** Takes bits that were peeked at; throws where they went below the first one. */
  skip(count: number): void {
    this.left -= count;
    if (this.left < 0) throw new Error("a bit stream is cut short");
  }

  #bitsAt(from: number, count: number): number {
    const bytes = this.#bytes;
    const at = from >> 3;
    const three = (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16);
    return (three >> (from & 7)) & ((1 << count) - 1);
  }
}
