import { closeSync, ftruncateSync, openSync, writeFileSync } from "node:fs";

/** How much of the first fresh disk holds data. */
export const FILLED_BYTES: number = 64 * 1024 * 1024;

const SECTOR_BYTES = 512;
const STAMP_BYTES = 64;
const PIECE_BYTES = 1024 * 1024;

/**
 * Writes a sparse disk whose first `filledBytes` hold data that tells where it belongs: each sector starts with its
 * own number in words, then pseudo-random bytes that depend on it. The rest reads as zeroes.
 */
export function writeFreshDisk(
  path: string,
  { sizeBytes, filledBytes }: { readonly sizeBytes: number; readonly filledBytes: number },
): void {
  const file = openSync(path, "wx");
  try {
    ftruncateSync(file, sizeBytes);
    const end = Math.min(filledBytes, sizeBytes);
    for (let offset = 0; offset < end; offset += PIECE_BYTES) {
      const piece = patternAt(offset, Math.min(PIECE_BYTES, end - offset));
      writeFileSync(file, piece);
    }
  } finally {
    closeSync(file);
  }
}

/** The data of fresh disks at a byte offset; both numbers are whole sectors. */
export function patternAt(offset: number, length: number): Uint8Array {
  const bytes = Buffer.alloc(length);
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, length / 4);
  for (let at = 0; at < length; at += SECTOR_BYTES) {
    const sector = (offset + at) / SECTOR_BYTES;
    // xorshift32 (Marsaglia 2003) from the sector's number; a multiplication spreads neighbours, and 0 is no state.
    let state = Math.imul(sector + 1, 0x9e3779b1) | 1;
    for (let word = (at + STAMP_BYTES) / 4; word < (at + SECTOR_BYTES) / 4; word++) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      words[word] = state;
    }
    bytes.write(`peerlane sector ${sector}`.padEnd(STAMP_BYTES - 1).concat("\n"), at, "latin1");
  }
  return bytes;
}
