import { crc32 } from "node:zlib";

/** A stamp fills one block of this size: the smallest that a disk has. */
export const STAMP_BYTES = 512;
/** Random bytes that tell one run of the program from another. */
export const NONCE_BYTES = 8;

/** What a block is there for: to be overwritten (`canary`), or to arrive through peer memory or through DRAM. */
export type StampKind = "canary" | "peer" | "control";

/** What a stamped block says of itself. */
export interface Stamp {
  readonly kind: StampKind;
  /** Counts the I/Os of a run: no two have equal blocks. */
  readonly round: number;
  /** Where the block belongs: an offset of memory or a position on a disk, in bytes. */
  readonly address: number;
}

const MAGIC = Buffer.from("PEERLANE", "latin1");
const KINDS: readonly StampKind[] = ["canary", "peer", "control"];

/** Where the parts lie. The CRC-32 of all behind it comes first: so two blocks differ from their first bytes on. */
const AT = { crc: 0, round: 4, address: 8, kind: 16, magic: 20, nonce: 28, filler: 36 } as const;

/**
 * A buffer of stamped blocks (a whole number of {@link STAMP_BYTES}): each holds the run's nonce, its own address, bytes
 * that depend on all of these, and a CRC-32. So a block that is missing, moved, torn or stale does not pass for another.
 */
export function stampedBytes(nonce: Uint8Array, length: number, first: Stamp): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  const seed = crc32(nonce, (first.round * KINDS.length + KINDS.indexOf(first.kind)) >>> 0);
  for (let offset = 0; offset < length; offset += STAMP_BYTES) {
    writeStamp(
      bytes.subarray(offset, offset + STAMP_BYTES),
      nonce,
      { ...first, address: first.address + offset },
      seed,
    );
  }
  return bytes;
}

function writeStamp(block: Buffer, nonce: Uint8Array, { kind, round, address }: Stamp, seed: number): void {
  MAGIC.copy(block, AT.magic);
  block.set(nonce.subarray(0, NONCE_BYTES), AT.nonce);
  block.writeBigUInt64LE(BigInt(address), AT.address);
  block.writeUInt32LE(KINDS.indexOf(kind), AT.kind);
  block.writeUInt32LE(round, AT.round);
  // xorshift32 (Marsaglia 2003); 0 is no state of it.
  let state = (seed ^ Math.imul(address / STAMP_BYTES + 1, 0x9e3779b1)) | 1;
  for (let at = AT.filler; at < STAMP_BYTES; at += 4) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    block.writeInt32LE(state, at);
  }
  block.writeUInt32LE(crc32(block.subarray(AT.round)), AT.crc);
}

/** True for a whole block that some run has written. */
export function isStamp(block: Uint8Array): boolean {
  if (block.length < STAMP_BYTES) return false;
  const bytes = Buffer.from(block.buffer, block.byteOffset, STAMP_BYTES);
  return (
    bytes.subarray(AT.magic, AT.nonce).equals(MAGIC) && bytes.readUInt32LE(AT.crc) === crc32(bytes.subarray(AT.round))
  );
}

/** The stamp of a block that this run wrote; `null` for other data, and for one of which a byte was changed. */
export function readStamp(nonce: Uint8Array, block: Uint8Array): Stamp | null {
  if (!isStamp(block)) return null;
  const bytes = Buffer.from(block.buffer, block.byteOffset, STAMP_BYTES);
  if (!bytes.subarray(AT.nonce, AT.filler).equals(nonce.subarray(0, NONCE_BYTES))) return null;
  const kind = KINDS[bytes.readUInt32LE(AT.kind)];
  const address = Number(bytes.readBigUInt64LE(AT.address));
  return kind === undefined ? null : { kind, round: bytes.readUInt32LE(AT.round), address };
}
