import { Decompress } from "fzstd";

/** Bytes that are handed over at a time, so that a limit on the output is met soon. */
const CHUNK = 64 * 1024;

/** Unpacks zstd frames, handing on each block as it comes; throws on damaged or cut data. */
export async function unpackZstd(bytes: Uint8Array, take: (chunk: Uint8Array) => void): Promise<void> {
  const stream = new Decompress((chunk) => take(chunk));
  for (let offset = 0; offset < bytes.length; offset += CHUNK) {
    const end = Math.min(offset + CHUNK, bytes.length);
    stream.push(bytes.subarray(offset, end), end === bytes.length);
  }
}
