import { SeededRandom } from "./random.ts";

const STAMP_BYTES = 64;
const SECTOR_BYTES = 512;

/**
 * Data to write that is known again: each 512 bytes begin with `peerlane bench RUN slot N sector M`; the rest is
 * random, so that drives which compress or leave out repeated blocks do not.
 */
export function benchPattern(run: string, slot: number, sizeBytes: number): Uint8Array {
  const bytes = new Uint8Array(sizeBytes);
  const words = new Uint32Array(bytes.buffer, 0, Math.floor(sizeBytes / 4));
  const random = new SeededRandom(hash(`${run} ${slot}`));
  for (let index = 0; index < words.length; index++) words[index] = random.next();
  const encoder = new TextEncoder();
  for (let start = 0; start + STAMP_BYTES <= sizeBytes; start += SECTOR_BYTES) {
    const stamp = `peerlane bench ${run} slot ${slot} sector ${start / SECTOR_BYTES}`;
    bytes.fill(0x20, start, start + STAMP_BYTES);
    encoder.encodeInto(stamp, bytes.subarray(start, start + STAMP_BYTES));
  }
  return bytes;
}

/** FNV-1a, 32 bits. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const character of text) value = Math.imul(value ^ (character.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  return value;
}
