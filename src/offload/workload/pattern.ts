import type { ByteStore } from "../../memory/index.ts";

/** Bytes made at a time. */
const CHUNK_BYTES = 64 * 1024;

/**
 * Fills a range with bytes of a seed that no other seed has: what a transfer leaves behind is never taken for what the
 * next one should have brought. Numbers are mixed as in MurmurHash3's finalizer, whose constants are public domain.
 */
export function fillWithPattern(store: ByteStore, address: number, lengthBytes: number, seed: number): void {
  const words = new Uint32Array(CHUNK_BYTES / 4);
  const bytes = new Uint8Array(words.buffer);
  const base = mix(seed + 1);
  for (let done = 0; done < lengthBytes; done += CHUNK_BYTES) {
    for (let index = 0; index < words.length; index++) words[index] = mix(base + done / 4 + index);
    store.write(address + done, bytes, 0, Math.min(CHUNK_BYTES, lengthBytes - done));
  }
}

function mix(number: number): number {
  let word = number | 0;
  word = Math.imul(word ^ (word >>> 16), 0x85eb_ca6b);
  word = Math.imul(word ^ (word >>> 13), 0xc2b2_ae35);
  return (word ^ (word >>> 16)) >>> 0;
}
