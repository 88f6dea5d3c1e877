import { littleEndian } from "./little-endian.ts";

/** True for the magic number of a frame (RFC 8878 sec 3.1.1). */
export function isFrame(magic: number): boolean {
  return magic === 0xfd2f_b528;
}

/** True for the sixteen magic numbers of frames that hold no data and are passed over (RFC 8878 sec 3.1.2). */
export function isSkippable(magic: number): boolean {
  return magic >= 0x184d_2a50 && magic <= 0x184d_2a5f;
}

/** True when the bytes begin like a zstd frame, or like one to pass over: parallel packers begin with such. */
export function looksLikeZstd(head: Uint8Array): boolean {
  if (head.length < 4) return false;
  const magic = littleEndian(head, 0, 4);
  return isFrame(magic) || isSkippable(magic);
}
