/** A decoding table of finite state entropy (RFC 8878 sec 4.1), its columns indexed by the state. */
export interface FseTable {
  /** Bits of a state: the table has `2 ** log` of them. */
  readonly log: number;
  /** The symbol that a state stands for. */
  readonly symbols: Uint8Array;
  /** Bits to read for the next state. */
  readonly bits: Uint8Array;
  /** What to add to these bits for the next state. */
  readonly bases: Uint16Array;
}

/** The table of one symbol that takes no bits. */
export function tableOfOne(symbol: number): FseTable {
  return { log: 0, symbols: Uint8Array.of(symbol), bits: new Uint8Array(1), bases: new Uint16Array(1) };
}

/** Makes the table of a distribution whose points add up to `2 ** log`; -1 is a share of less than one point. */
export function tableOf(counts: ArrayLike<number>, log: number): FseTable {
  const size = 1 << log;
  const symbols = new Uint8Array(size);
  const next = new Uint16Array(counts.length);
  let last = size - 1;
  for (let symbol = 0; symbol < counts.length; symbol++) {
    const count = counts[symbol] ?? 0;
    next[symbol] = Math.abs(count);
    if (count === -1) symbols[last--] = symbol;
  }
  const step = (size >> 1) + (size >> 3) + 3;
  let at = 0;
  for (let symbol = 0; symbol < counts.length; symbol++) {
    for (let left = counts[symbol] ?? 0; left > 0; left--) {
      symbols[at] = symbol;
      do at = (at + step) & (size - 1);
      while (at > last);
    }
  }
  const bits = new Uint8Array(size);
  const bases = new Uint16Array(size);
  for (let state = 0; state < size; state++) {
    const symbol = symbols[state] ?? 0;
    const position = next[symbol] ?? 0;
    next[symbol] = position + 1;
    const width = log - (31 - Math.clz32(position));
    bits[state] = width;
    bases[state] = (position << width) - size;
  }
  return { log, symbols, bits, bases };
}

/**
 * Reads a table from the beginning of `bytes` (RFC 8878 sec 4.1.1) and returns it with the bytes that it took. Throws
 * where it has more than `maxLog` bits or a symbol beyond `maxSymbol`, or is cut short.
 */
export function readTable(
  bytes: Uint8Array,
  maxLog: number,
  maxSymbol: number,
): { readonly table: FseTable; readonly length: number } {
  const input = new ForwardBits(bytes);
  const log = input.read(4) + 5;
  if (log > maxLog) throw new Error("an FSE table is too fine");
  const counts = new Int16Array(maxSymbol + 1);
  let symbol = 0;
  for (let left = 1 << log; left > 0; ) {
    if (symbol > maxSymbol) throw new Error("an FSE table has too many symbols");
    const count = readCount(input, left + 1) - 1;
    counts[symbol++] = count;
    left -= Math.abs(count);
    if (count !== 0) continue;
    for (let more = 3; more === 3; ) {
      more = input.read(2);
      symbol += more;
    }
  }
  return { table: tableOf(counts, log), length: input.bytesRead };
}

/** A number up to `max`: the lower ones take a bit less than the others. */
function readCount(input: ForwardBits, max: number): number {
  const width = 31 - Math.clz32(max);
  const short = (2 << width) - 1 - max;
  const low = input.read(width);
  if (low < short) return low;
  return input.read(1) === 0 ? low : low + (1 << width) - short;
}

/** Bits of bytes, lowest first. */
class ForwardBits {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  read(count: number): number {
    let value = 0;
    for (let index = 0; index < count; index++, this.#at++) {
      const byte = this.#bytes[this.#at >> 3];
      if (byte === undefined) throw new Error("an FSE table is cut short");
      value |= ((byte >> (this.#at & 7)) & 1) << index;
    }
    return value;
  }

  get bytesRead(): number {
    return (this.#at + 7) >> 3;
  }
}
