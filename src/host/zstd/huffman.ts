import { BackwardBits } from "./backward-bits.ts";
import { readTable } from "./fse.ts";

const MAX_BITS = 11;
const MAX_WEIGHTS = 255;

/** A decoding table of a Huffman code (RFC 8878 sec 4.2), its columns indexed by the next `bits` bits. */
export interface HuffmanTable {
  /** Bits of the longest code. */
  readonly bits: number;
  /** The byte that the code stands for. */
  readonly symbols: Uint8Array;
  /** Bits that the code has. */
  readonly lengths: Uint8Array;
}

/** Reads the description of a code (RFC 8878 sec 4.2.1) and returns it with the bytes that it took. */
export function readHuffmanTable(bytes: Uint8Array): { readonly table: HuffmanTable; readonly length: number } {
  const [header] = bytes;
  if (header === undefined) throw new Error("a Huffman table is cut short");
  const length = 1 + (header < 128 ? header : (header - 127 + 1) >> 1);
  if (length > bytes.length) throw new Error("a Huffman table is cut short");
  const description = bytes.subarray(1, length);
  const weights = header < 128 ? packedWeights(description) : plainWeights(description, header - 127);
  return { table: tableOf(withLast(weights)), length };
}

function plainWeights(bytes: Uint8Array, count: number): number[] {
  return Array.from({ length: count }, (_, index) => {
    const pair = bytes[index >> 1] ?? 0;
    return index % 2 === 0 ? pair >> 4 : pair & 15;
  });
}

/** Weights in two FSE states that take turns, until there are no bits for the next one. */
function packedWeights(bytes: Uint8Array): number[] {
  const { table, length } = readTable(bytes, 6, MAX_BITS + 1);
  const input = new BackwardBits(bytes.subarray(length));
  const weights: number[] = [];
  let state = input.read(table.log);
  let other = input.read(table.log);
  while (weights.length < MAX_WEIGHTS) {
    weights.push(table.symbols[state] ?? 0);
    const width = table.bits[state] ?? 0;
    if (width > input.left) {
      weights.push(table.symbols[other] ?? 0);
      break;
    }
    [state, other] = [other, (table.bases[state] ?? 0) + input.read(width)];
  }
  return weights;
}

/** The last weight is not written: it makes the sum of all a power of two. */
function withLast(weights: readonly number[]): number[] {
  let sum = 0;
  for (const weight of weights) {
    if (weight > MAX_BITS) throw new Error("a Huffman code is too long");
    sum += weight === 0 ? 0 : 1 << (weight - 1);
  }
  const bits = 32 - Math.clz32(sum);
  const rest = (1 << bits) - sum;
  if (sum === 0 || bits > MAX_BITS || weights.length > MAX_WEIGHTS || (rest & (rest - 1)) !== 0) {
    throw new Error("the weights of a Huffman table do not fit");
  }
  return [...weights, 32 - Math.clz32(rest)];
}

function tableOf(weights: readonly number[]): HuffmanTable {
  const total = weights.reduce((sum, weight) => sum + (weight === 0 ? 0 : 1 << (weight - 1)), 0);
  const bits = 31 - Math.clz32(total);
  const symbols = new Uint8Array(total);
  const lengths = new Uint8Array(total);
  let at = 0;
  for (let weight = 1; weight <= bits; weight++) {
    weights.forEach((one, symbol) => {
      if (one !== weight) return;
      const end = at + (1 << (weight - 1));
      symbols.fill(symbol, at, end);
      lengths.fill(bits + 1 - weight, at, end);
      at = end;
    });
  }
  return { bits, symbols, lengths };
}

/** Fills `output` from one stream; throws unless it holds exactly that. */
export function decodeHuffman(bytes: Uint8Array, { bits, symbols, lengths }: HuffmanTable, output: Uint8Array): void {
  const input = new BackwardBits(bytes);
  for (let at = 0; at < output.length; at++) {
    const code = input.peek(bits);
    output[at] = symbols[code] ?? 0;
    input.skip(lengths[code] ?? 0);
  }
  if (input.left !== 0) throw new Error("a stream of literals is too long");
}
