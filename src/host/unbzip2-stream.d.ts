/** The parts of unbzip2-stream that need no stream of Node's. */
declare module "unbzip2-stream/lib/bit_iterator.js" {
  interface BitReader {
    /** Reads `count` bits; with `null` skips to the next whole byte. */
    (count: number | null): number;
    bytesRead: number;
  }
  export default function bitIterator(nextBuffer: () => Uint8Array): BitReader;
}

declare module "unbzip2-stream/lib/bzip2.js" {
  type BitReader = (count: number | null) => number;
  const bzip2: {
    /** Reads a stream's header: the block size in units of 100 kB. */
    header(bits: BitReader): number;
    /** Unpacks one block; returns the stream's checksum so far, or `null` behind the last block. */
    decompress(
      bits: BitReader,
      take: (byte: number) => void,
      block: Int32Array,
      blockSize: number,
      checksum: number,
    ): number | null;
  };
  export default bzip2;
}
