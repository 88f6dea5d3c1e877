const WORD = 2 ** 32;

/**
 * Random numbers that a seed decides: xoshiro128** 1.1 (Blackman and Vigna 2018), its state made of the seed by
 * splitmix32, so that near seeds give unlike sequences.
 */
export class SeededRandom {
  readonly #state: Uint32Array;

  constructor(seed: number) {
    let word = (Math.imul(Math.floor(seed / WORD), 0x85ebca6b) ^ seed) >>> 0;
    this.#state = Uint32Array.from({ length: 4 }, () => {
      word = (word + 0x9e3779b9) >>> 0;
      let mixed = Math.imul(word ^ (word >>> 16), 0x21f0aaad);
      mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
      return (mixed ^ (mixed >>> 15)) >>> 0;
    });
  }

  /** 32 random bits. */
  next(): number {
    const state = this.#state;
    const [a = 0, b = 0, c = 0, d = 0] = state;
    const result = Math.imul(rotate(Math.imul(b, 5), 7), 9) >>> 0;
    state[0] = a ^ d ^ b;
    state[1] = b ^ c ^ a;
    state[2] = c ^ a ^ (b << 9);
    state[3] = rotate(d ^ b, 11);
    return result;
  }

  /** A whole number from 0 up to `limit` (below 2^53), without it. */
  below(limit: number): number {
    if (limit <= WORD) return Math.floor((this.next() / WORD) * limit);
    const fraction = ((this.next() >>> 5) * 2 ** 26 + (this.next() >>> 6)) / 2 ** 53;
    return Math.floor(fraction * limit);
  }
}

function rotate(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}
