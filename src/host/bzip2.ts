import bitIterator from "unbzip2-stream/lib/bit_iterator.js";
import bzip2 from "unbzip2-stream/lib/bzip2.js";

/** What one block of level 1 holds before its first run-length coding; a header's digit multiplies it. */
const BLOCK = 100_000;
const CHUNK = 64 * 1024;

/**
 * Unpacks bzip2 streams, one behind the other as parallel packers write them, block by block, each with its checksum;
 * throws on damaged or cut data.
 */
export async function unpackBzip2(bytes: Uint8Array, take: (chunk: Uint8Array) => void): Promise<void> {
  const parts = [bytes];
  const bits = bitIterator(() => {
    const part = parts.pop();
    if (part === undefined) throw new Error("the data ends within a block");
    return part;
  });
  const output = new ByteChunks(take);
  let block = new Int32Array(0);
  do {
    const size = BLOCK * bzip2.header(bits);
    // Streams are as short as 14 bytes: what one works in serves the next.
    if (block.length < size) block = new Int32Array(size);
    let checksum: number | null = 0;
    while (checksum !== null) {
      checksum = bzip2.decompress(bits, (byte) => output.push(byte), block, size, checksum);
    }
  } while (bits.bytesRead < bytes.length);
  output.flush();
}

/** Bytes that come one by one, handed on in chunks. */
class ByteChunks {
  readonly #take: (chunk: Uint8Array) => void;
  #chunk = new Uint8Array(CHUNK);
  #length = 0;

  constructor(take: (chunk: Uint8Array) => void) {
    this.#take = take;
  }

  push(byte: number): void {
    this.#chunk[this.#length++] = byte;
    if (this.#length === CHUNK) this.flush();
  }

  flush(): void {
    this.#take(this.#chunk.subarray(0, this.#length));
    this.#chunk = new Uint8Array(CHUNK);
    this.#length = 0;
  }
}
