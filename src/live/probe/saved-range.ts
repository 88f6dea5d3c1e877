import type { ByteRange } from "../../pci/addresses.ts";
import { PeerlaneError } from "../../pci/error.ts";
import { shellWord } from "../../pci/shell-word.ts";
import type { TransferMemory } from "../memory/transfer-memory.ts";
import type { TargetIdentity } from "./rescue-format.ts";
import { loadRescue, removeRescue, saveRescue } from "./rescue-store.ts";
import type { BlockFile } from "./workbench.ts";

/** A part of a disk that a test may overwrite. */
export interface WritableRange {
  /** Claimed by this process. */
  readonly file: BlockFile;
  readonly target: TargetIdentity;
  readonly range: ByteRange;
  /** DRAM to move it through, of any whole number of blocks. */
  readonly dram: TransferMemory;
  /** Where the rescue file goes. */
  readonly folder: string;
}

/**
 * Runs work that overwrites a range of a disk: the range is saved before, to a rescue file and to memory, and put back
 * after, however the work ends; then it is read back, and only when it is right the rescue file is removed. Throws what
 * the work throws, or `operation-failed` with the name of the rescue file where the range could not be put back.
 */
export async function withSavedRange<T>(writable: WritableRange, work: () => Promise<T>): Promise<T> {
  const { file, target, range, dram, folder } = writable;
  const data = await readRange(file, dram, range);
  const path = await saveRescue(folder, { target, position: range.start, data });
  // What can be read back is what can be put back, now or by a later run.
  const stored = loadRescue(path);
  try {
    return await work();
  } finally {
    await restoreRange(file, dram, { position: range.start, data, path });
    removeRescue(stored);
  }
}

/** What is put back, and the file that it is in. */
export interface SavedData {
  readonly position: number;
  readonly data: Buffer;
  readonly path: string;
}

/** Writes a saved range back, waits until it is on the medium, and reads it back. Throws `operation-failed`. */
export async function restoreRange(file: BlockFile, dram: TransferMemory, saved: SavedData): Promise<void> {
  const { position, data, path } = saved;
  const fail = (what: string): never => {
    throw new PeerlaneError("operation-failed", `the saved range could not be put back: ${what}`, {
      facts: { "rescue file": path },
      remedy: `end what else writes to the disk (fuser shows it), look into dmesg, then run: peerlane probe --restore ${shellWord(path)}`,
    });
  };
  for (const piece of piecesOf({ start: 0, sizeBytes: data.length }, dram.sizeBytes)) {
    dram.store(0, data.subarray(piece.start, piece.start + piece.sizeBytes));
    const { bytes, errno } = await file.write(dram, 0, piece.sizeBytes, position + piece.start);
    if (errno !== null) fail(`write at ${position + piece.start}: ${errno}`);
    if (bytes !== piece.sizeBytes) fail(`only ${bytes} of ${piece.sizeBytes} bytes were written`);
  }
  const { errno } = await file.sync();
  if (errno !== null) fail(`sync: ${errno}`);
  const read = await readRange(file, dram, { start: position, sizeBytes: data.length }).catch((error: Error) =>
    fail(error.message),
  );
  if (read.equals(data)) return;
  const again = await readRange(file, dram, { start: position, sizeBytes: data.length });
  if (again.equals(read)) fail("the disk reads other data than was written, twice the same");
  fail("the disk reads other data than was written, and other data each time: somebody else writes there");
}

/** Reads a range through DRAM. Throws `operation-failed`. */
export async function readRange(file: BlockFile, dram: TransferMemory, range: ByteRange): Promise<Buffer> {
  const data = Buffer.alloc(range.sizeBytes);
  for (const { start, sizeBytes } of piecesOf(range, dram.sizeBytes)) {
    const { bytes, errno } = await file.read(dram, 0, sizeBytes, start);
    if (errno !== null || bytes !== sizeBytes) {
      const what = errno ?? `only ${bytes} of ${sizeBytes} bytes`;
      throw new PeerlaneError("operation-failed", `cannot read the disk at ${start} through DRAM: ${what}`, {
        remedy: "look at the disk: dmesg, and smartctl or nvme error-log",
      });
    }
    const at = start - range.start;
    dram.load(0, data.subarray(at, at + sizeBytes));
  }
  return data;
}

function* piecesOf({ start, sizeBytes }: ByteRange, pieceBytes: number): Generator<ByteRange> {
  for (let done = 0; done < sizeBytes; done += pieceBytes) {
    yield { start: start + done, sizeBytes: Math.min(pieceBytes, sizeBytes - done) };
  }
}
