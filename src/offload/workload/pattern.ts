import type { ByteStore } from "../../memory/bytes.ts";
import { mixBits } from "../../memory/mix-bits.ts";

/** Bytes made at a time. */
const CHUNK_BYTES = 64 * 1024;

/**
 * Fills a range with bytes of a seed that no other seed has: what a transfer leaves behind is never taken for what the
 * next one should have brought.
 */
export function fillWithPattern(store: ByteStore, address: number, lengthBytes: number, seed: number): void {
  const words = new Uint32Array(CHUNK_BYTES / 4);
  const bytes = new Uint8Array(words.buffer);
  const base = mixBits(seed + 1);
  for (let done = 0; done < lengthBytes; done += CHUNK_BYTES) {
    for (let index = 0; index < words.length; index++) words[index] = mixBits(base + done / 4 + index);
    store.write(address + done, bytes, 0, Math.min(CHUNK_BYTES, lengthBytes - done));
  }
}
