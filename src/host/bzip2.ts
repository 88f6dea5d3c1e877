/**
 * Unpacks bzip2 data, as bzip2 1.0 writes it. There is no standard; field by field it is told in "BZIP2: Format
 * Specification" (J. Tsai, 2016). Whatever the data says, memory is that of one block, and time is bounded by what comes in
 * and out.
 */

/** What a block of level 1 holds before its first run-length coding; a stream's digit multiplies it. */
const BLOCK = 100_000;
const BLOCK_MAGIC = [0x314159, 0x265359] as const;
const END_MAGIC = [0x177245, 0x385090] as const;
/** Symbols of one code before the next selector takes its turn. */
const GROUP = 50;
const MAX_CODE_BITS = 20;
/** Equal bytes behind which a byte counts further ones. */
const RUN = 4;
const CHUNK = 64 * 1024;

/**
 * Unpacks streams, one behind the other as parallel packers write them, block by block, each with its checksum. Throws on
 * damaged or cut data.
 */
export async function unpackBzip2(bytes: Uint8Array, take: (chunk: Uint8Array) => void): Promise<void> {
  const bits = new Bits(bytes);
  const output = new Output(take);
  // Streams are as short as 14 bytes: what one works in serves the next.
  let block = new Uint32Array(0);
  do {
    const size = BLOCK * readLevel(bits);
    if (block.length < size) block = new Uint32Array(size);
    let checksum = 0;
    while (isBlock(bits)) {
      const expected = bits.read32();
      const { start, length } = readBlock(bits, block, size);
      if (output.unpack(block, start, length) !== expected) throw new Error("a block's checksum does not match");
      checksum = ((checksum << 1) | (checksum >>> 31)) ^ expected;
    }
    if (bits.read32() !== checksum >>> 0) throw new Error("a stream's checksum does not match");
    bits.skipToByte();
  } while (!bits.isAtEnd);
  output.flush();
}

function readLevel(bits: Bits): number {
  const level = bits.read(24) === 0x425a68 ? bits.read(8) - 0x30 : 0;
  if (level < 1 || level > 9) throw new Error("no bzip2 stream begins here");
  return level;
}

/** Whether a block comes; else the stream's end. */
function isBlock(bits: Bits): boolean {
  const [high, low] = [bits.read(24), bits.read(24)];
  if (high === BLOCK_MAGIC[0] && low === BLOCK_MAGIC[1]) return true;
  if (high === END_MAGIC[0] && low === END_MAGIC[1]) return false;
  throw new Error("neither a block nor the stream's end comes here");
}

/** Bits of bytes, the highest of each first; throws where there are no more. */
class Bits {
  readonly #bytes: Uint8Array;
  /** Place in bits. */
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length * 8;
  }

  /** The next `count` bits, at most 24, without taking them; behind the end there are zeros. */
  peek(count: number): number {
    const byte = Math.floor(this.#at / 8);
    const bytes = this.#bytes;
    const four =
      ((bytes[byte] ?? 0) << 24) |
      ((bytes[byte + 1] ?? 0) << 16) |
      ((bytes[byte + 2] ?? 0) << 8) |
      (bytes[byte + 3] ?? 0);
    return (four << (this.#at % 8)) >>> (32 - count);
  }

  skip(count: number): void {
    this.#at += count;
    if (this.#at > this.#bytes.length * 8) throw new Error("the data ends within a stream");
  }

  /** At most 24. */
  read(count: number): number {
    const value = this.peek(count);
    this.skip(count);
    return value;
  }

  read32(): number {
    return this.read(16) * 0x10000 + this.read(16);
  }

  skipToByte(): void {
    this.#at = Math.ceil(this.#at / 8) * 8;
  }
}

/** Reads a block into `block` as the list that its bytes are read off; `start` is the place of the first one. */
function readBlock(bits: Bits, block: Uint32Array, size: number): { readonly start: number; readonly length: number } {
  if (bits.read(1) !== 0) throw new Error("a block is randomised, as bzip2 did before 0.9.5");
  const origin = bits.read(24);
  const symbols = readSymbols(bits);
  const codes = bits.read(3);
  if (codes < 2 || codes > 6) throw new Error("a block has a number of codes that it may not have");
  const selectors = readSelectors(bits, codes);
  const tables = Array.from({ length: codes }, () => new Code(readLengths(bits, symbols.length + 2)));
  const length = readContent(bits, symbols, selectors, tables, block.subarray(0, size));
  if (origin >= length) throw new Error("a block begins behind its end");
  return { start: invert(block, length, origin), length };
}

/** The byte values that a block has, in their order. */
function readSymbols(bits: Bits): Uint8Array {
  const rows = bits.read(16);
  const symbols: number[] = [];
  for (let row = 0; row < 16; row++) {
    if (((rows >> (15 - row)) & 1) === 0) continue;
    const used = bits.read(16);
    for (let column = 0; column < 16; column++) {
      if (((used >> (15 - column)) & 1) === 1) symbols.push(row * 16 + column);
    }
  }
  if (symbols.length === 0) throw new Error("a block has no byte values");
  return Uint8Array.from(symbols);
}

/** Which code each group of symbols is written in. */
function readSelectors(bits: Bits, codes: number): Uint8Array {
  const selectors = new Uint8Array(bits.read(15));
  const recent = Uint8Array.from({ length: codes }, (_, index) => index);
  for (let index = 0; index < selectors.length; index++) {
    let place = 0;
    while (bits.read(1) === 1) place++;
    if (place >= codes) throw new Error("a selector names no code");
    selectors[index] = moveToFront(recent, place);
  }
  return selectors;
}

/** The length of each symbol's code in bits. */
function readLengths(bits: Bits, count: number): Uint8Array {
  let length = bits.read(5);
  return Uint8Array.from({ length: count }, () => {
    for (;;) {
      if (length < 1 || length > MAX_CODE_BITS) throw new Error("a code has a length that it may not have");
      if (bits.read(1) === 0) return length;
      length += bits.read(1) === 0 ? 1 : -1;
    }
  });
}

/** A canonical Huffman code: shorter codes first, those of one length in the order of their symbols. */
class Code {
  /** Symbols in the order of their codes. */
  readonly #symbols: Uint16Array;
  /** By length: what the next 20 bits lie below where the code is as long, and the place of the first symbol less its code. */
  readonly #limits = new Float64Array(MAX_CODE_BITS + 1);
  readonly #offsets = new Int32Array(MAX_CODE_BITS + 1);

  constructor(lengths: Uint8Array) {
    this.#symbols = new Uint16Array(lengths.length);
    let place = 0;
    let code = 0;
    for (let length = 1; length <= MAX_CODE_BITS; length++) {
      this.#offsets[length] = place - code;
      for (let symbol = 0; symbol < lengths.length; symbol++) {
        if (lengths[symbol] !== length) continue;
        this.#symbols[place++] = symbol;
        code++;
      }
      if (code > 2 ** length) throw new Error("a code has more symbols than fit into its lengths");
      this.#limits[length] = code * 2 ** (MAX_CODE_BITS - length);
      code *= 2;
    }
  }

  read(bits: Bits): number {
    const next = bits.peek(MAX_CODE_BITS);
    let length = 1;
    while (length <= MAX_CODE_BITS && next >= (this.#limits[length] ?? 0)) length++;
    if (length > MAX_CODE_BITS) throw new Error("bits that are no code");
    bits.skip(length);
    return this.#symbols[(next >>> (MAX_CODE_BITS - length)) + (this.#offsets[length] ?? 0)] ?? 0;
  }
}

/** Reads a block's bytes as its sorted rotations end, one to an entry of `block`; returns how many there are. */
function readContent(
  bits: Bits,
  recent: Uint8Array,
  selectors: Uint8Array,
  codes: readonly Code[],
  block: Uint32Array,
): number {
  const end = recent.length + 1;
  let length = 0;
  let run = 0;
  let weight = 1;
  for (let index = 0; ; index++) {
    const code = codes[selectors[Math.floor(index / GROUP)] ?? codes.length];
    if (code === undefined) throw new Error("a block has more symbols than selectors for them");
    const symbol = code.read(bits);
    if (symbol < 2) {
      // Digits 1 and 2 of a number whose lowest comes first.
      run += (symbol + 1) * weight;
      weight *= 2;
      if (run > block.length) throw new Error("a run is longer than a block");
      continue;
    }
    if (length + run > block.length) throw new Error("a block is longer than it may be");
    block.fill(recent[0] ?? 0, length, length + run);
    length += run;
    run = 0;
    weight = 1;
    if (symbol === end) return length;
    if (length === block.length) throw new Error("a block is longer than it may be");
    block[length++] = moveToFront(recent, symbol - 1);
  }
}

function moveToFront(recent: Uint8Array, place: number): number {
  const value = recent[place] ?? 0;
  for (let index = place; index > 0; index--) recent[index] = recent[index - 1] ?? 0;
  recent[0] = value;
  return value;
}

/**
 * Undoes the Burrows-Wheeler transform: into the upper 24 bits of each entry goes the place of the one that follows.
 * Returns the place of the first.
 */
function invert(block: Uint32Array, length: number, origin: number): number {
  const places = new Uint32Array(257);
  for (let index = 0; index < length; index++) {
    const after = (block[index] ?? 0) + 1;
    places[after] = (places[after] ?? 0) + 1;
  }
  for (let value = 0; value < 256; value++) places[value + 1] = (places[value + 1] ?? 0) + (places[value] ?? 0);
  for (let index = 0; index < length; index++) {
    const value = (block[index] ?? 0) & 0xff;
    const place = places[value] ?? 0;
    places[value] = place + 1;
    block[place] = (block[place] ?? 0) | (index << 8);
  }
  return (block[origin] ?? 0) >>> 8;
}

/** CRC-32 of each byte, highest bit first (polynomial 0x04c11db7). */
const CRC: Uint32Array = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte << 24;
  for (let bit = 0; bit < 8; bit++) value = (value << 1) ^ (value < 0 ? 0x04c11db7 : 0);
  return value;
});

/** Bytes that come one by one, handed on in chunks. */
class Output {
  readonly #take: (chunk: Uint8Array) => void;
  #chunk = new Uint8Array(CHUNK);
  #length = 0;

  constructor(take: (chunk: Uint8Array) => void) {
    this.#take = take;
  }

  /** Hands a block's bytes on, its runs written out; returns their checksum. */
  unpack(block: Uint32Array, start: number, length: number): number {
    let checksum = -1;
    let place = start;
    let last = -1;
    let equal = 0;
    for (let index = 0; index < length; index++) {
      const entry = block[place] ?? 0;
      const byte = entry & 0xff;
      place = entry >>> 8;
      const isCount = equal === RUN;
      const value = isCount ? last : byte;
      for (let left = isCount ? byte : 1; left > 0; left--) {
        checksum = (checksum << 8) ^ (CRC[((checksum >>> 24) ^ value) & 0xff] ?? 0);
        this.#push(value);
      }
      equal = isCount ? 0 : byte === last ? equal + 1 : 1;
      last = isCount ? -1 : byte;
    }
    return ~checksum >>> 0;
  }

  #push(byte: number): void {
    this.#chunk[this.#length++] = byte;
    if (this.#length === CHUNK) this.flush();
  }

  flush(): void {
    if (this.#length === 0) return;
    this.#take(this.#chunk.subarray(0, this.#length));
    this.#chunk = new Uint8Array(CHUNK);
    this.#length = 0;
  }
}
