import { decodeHuffman, type HuffmanTable, readHuffmanTable } from "./huffman.ts";
import { littleEndian } from "./little-endian.ts";

/** What a block holds before compression at most, and so its literals. */
export const MAX_BLOCK: number = 128 * 1024;

/** The literals of a block, the code that later blocks may use again, and the bytes that the section took. */
interface Literals {
  readonly bytes: Uint8Array;
  readonly table: HuffmanTable | undefined;
  readonly length: number;
}

/** Reads the literals section of a block (RFC 8878 sec 3.1.1.3.1); `table` is the code of earlier blocks. */
export function readLiterals(block: Uint8Array, table: HuffmanTable | undefined): Literals {
  const [first = 0] = block;
  return (first & 3) < 2 ? readPlain(block, table) : readPacked(block, table);
}

function readPlain(block: Uint8Array, table: HuffmanTable | undefined): Literals {
  const [first = 0] = block;
  const format = (first >> 2) & 3;
  const header = format === 1 ? 2 : format === 3 ? 3 : 1;
  const size = Math.floor(littleEndian(block, 0, header) / (header === 1 ? 8 : 16));
  const isRun = (first & 3) === 1;
  const length = header + (isRun ? 1 : size);
  checkSize(size);
  if (length > block.length) throw new Error("literals are cut short");
  const bytes = isRun ? new Uint8Array(size).fill(block[header] ?? 0) : block.subarray(header, length);
  return { bytes, table, length };
}

function readPacked(block: Uint8Array, earlier: HuffmanTable | undefined): Literals {
  const [first = 0] = block;
  const format = (first >> 2) & 3;
  const header = format < 2 ? 3 : format + 2;
  const width = 2 ** (header * 4 - 2);
  const sizes = Math.floor(littleEndian(block, 0, header) / 16);
  const size = sizes % width;
  const length = header + Math.floor(sizes / width);
  checkSize(size);
  if (length > block.length) throw new Error("literals are cut short");
  let packed = block.subarray(header, length);
  let table = earlier;
  if ((first & 3) === 2) {
    const read = readHuffmanTable(packed);
    table = read.table;
    packed = packed.subarray(read.length);
  }
  if (table === undefined) throw new Error("literals use a table that is not there");
  const bytes = new Uint8Array(size);
  if (format === 0) decodeHuffman(packed, table, bytes);
  else decodeFourStreams(packed, table, bytes);
  return { bytes, table, length };
}

function decodeFourStreams(packed: Uint8Array, table: HuffmanTable, output: Uint8Array): void {
  const part = (output.length + 3) >> 2;
  if (packed.length < 6 || part * 3 > output.length) throw new Error("four streams of literals do not fit");
  let start = 6;
  for (let stream = 0; stream < 4; stream++) {
    const end = stream < 3 ? start + littleEndian(packed, stream * 2, 2) : packed.length;
    if (end > packed.length) throw new Error("a stream of literals is cut short");
    const isLast = stream === 3;
    const target = output.subarray(part * stream, isLast ? undefined : part * (stream + 1));
    decodeHuffman(packed.subarray(start, end), table, target);
    start = end;
  }
}

function checkSize(size: number): void {
  if (size > MAX_BLOCK) throw new Error("a block has too many literals");
}
