import type { IoResult } from "../block/direct-file.ts";
import type { TransferMemory } from "../memory/transfer-memory.ts";

/** What can be read into memory at a position. */
export interface Readable {
  read(memory: TransferMemory, offset: number, length: number, position: number): Promise<IoResult>;
}

/** What can be written too. */
export interface Writable extends Readable {
  write(memory: TransferMemory, offset: number, length: number, position: number): Promise<IoResult>;
  /** Ends when all that was written is on the medium. */
  sync(): Promise<IoResult>;
  /** Writes exactly these bytes of a file, wherever they lie; a disk takes whole blocks only. */
  writeBytes(bytes: Buffer, position: number): Promise<IoResult>;
}

/** One side of a copy: positions within the range are added to `start`. */
export interface Side<Io extends Readable = Readable> {
  readonly role: "source" | "target";
  readonly io: Io;
  readonly start: number;
  /** Positions and lengths of direct I/O are multiples of it. */
  readonly blockBytes: number;
}

/** Both sides. */
export interface Sides {
  readonly source: Side;
  readonly target: Side<Writable>;
}

/** A read or write that did not do all it should. */
export interface IoFailure {
  readonly operation: "read" | "write" | "sync";
  readonly role: Side["role"];
  /** Bytes from the start of the disk or file. */
  readonly position: number;
  readonly lengthBytes: number;
  /** `null`: it ended early without an error. */
  readonly errno: string | null;
}

/**
 * Reads `length` bytes at `position` within the range, in several calls where the device gives less at once. `least`
 * bytes have to be there: the block in which a file ends is shorter than asked for. Returns what failed, or `null`.
 */
export async function readWhole(
  side: Side,
  memory: TransferMemory,
  offset: number,
  length: number,
  position: number,
  least: number = length,
): Promise<IoFailure | null> {
  for (let done = 0; ; ) {
    const at = side.start + position + done;
    const { bytes, errno } = await side.io.read(memory, offset + done, length - done, at);
    if (errno === null && done + bytes >= least) return null;
    const step = bytes - (bytes % side.blockBytes);
    if (errno !== null || step === 0)
      return { operation: "read", role: side.role, position: at, lengthBytes: length - done, errno };
    done += step;
  }
}

/** Writes `length` bytes at `position` within the range, in several calls where the device takes less at once. */
export async function writeWhole(
  side: Side<Writable>,
  memory: TransferMemory,
  offset: number,
  length: number,
  position: number,
): Promise<IoFailure | null> {
  for (let done = 0; ; ) {
    const at = side.start + position + done;
    const { bytes, errno } = await side.io.write(memory, offset + done, length - done, at);
    if (errno === null && done + bytes >= length) return null;
    const step = bytes - (bytes % side.blockBytes);
    if (errno !== null || step === 0)
      return { operation: "write", role: side.role, position: at, lengthBytes: length - done, errno };
    done += step;
  }
}

/** Waits until the target holds what was written. */
export async function syncWhole({ role, io, start }: Side<Writable>): Promise<IoFailure | null> {
  const { errno } = await io.sync();
  return errno === null ? null : { operation: "sync", role, position: start, lengthBytes: 0, errno };
}

/** Writes bytes of a target file at `position` within the range, and no other. */
export async function writeAllBytes(side: Side<Writable>, bytes: Buffer, position: number): Promise<IoFailure | null> {
  for (let done = 0; done < bytes.length; ) {
    const at = side.start + position + done;
    const rest = bytes.subarray(done);
    const { bytes: count, errno } = await side.io.writeBytes(rest, at);
    if (errno !== null || count === 0)
      return { operation: "write", role: side.role, position: at, lengthBytes: rest.length, errno };
    done += count;
  }
  return null;
}
