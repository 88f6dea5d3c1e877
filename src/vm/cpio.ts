import { closeSync, openSync, readSync, statSync, writeSync } from "node:fs";
import { dirname } from "node:path";

/** A file of an initramfs: bytes given here, or those of a file of this machine; the folders above it are made. */
export interface CpioEntry {
  /** Absolute or relative to the root; the archive holds it without the leading slash. */
  readonly path: string;
  /** File type and permissions (`0o100755` a program, `0o040755` a folder). */
  readonly mode: number;
  readonly content?: Uint8Array | string;
  /** Read in pieces while the archive is written. Its links are followed. */
  readonly hostPath?: string;
}

/** A regular program of an initramfs. */
export const PROGRAM_MODE = 0o100755;
/** A folder of an initramfs. */
export const FOLDER_MODE = 0o040755;

const PIECE_BYTES = 1024 * 1024;
const encoder = new TextEncoder();

/**
 * Writes entries as a `newc` archive, the format that the kernel unpacks as its first root file system (cpio(5)). Big
 * files go through one buffer. Throws what the file system throws.
 */
export function writeCpio(target: string, entries: readonly CpioEntry[]): void {
  const file = openSync(target, "wx");
  try {
    const writer = new CpioWriter(file);
    for (const entry of entries) writer.add(entry);
    writer.end();
  } finally {
    closeSync(file);
  }
}

class CpioWriter {
  readonly #file: number;
  readonly #folders = new Set<string>();
  #inode = 0;

  constructor(file: number) {
    this.#file = file;
  }

  add(entry: CpioEntry): void {
    const path = entry.path.replace(/^\/+/, "");
    this.#makeFolders(dirname(path));
    if (entry.mode === FOLDER_MODE && this.#folders.has(path)) return;
    if (entry.mode === FOLDER_MODE) this.#folders.add(path);
    if (entry.hostPath === undefined) this.#addBytes(path, entry.mode, bytesOf(entry.content ?? ""));
    else this.#addFile(path, entry.mode, entry.hostPath);
  }

  end(): void {
    this.#addBytes("TRAILER!!!", 0, new Uint8Array(0));
  }

  /** The kernel unpacks in order and makes no folder by itself. */
  #makeFolders(path: string): void {
    if (path === "." || this.#folders.has(path)) return;
    this.#makeFolders(dirname(path));
    this.#folders.add(path);
    this.#addBytes(path, FOLDER_MODE, new Uint8Array(0));
  }

  #addBytes(path: string, mode: number, content: Uint8Array): void {
    this.#head(path, mode, content.length);
    this.#write(content);
    this.#write(padding(content.length));
  }

  #addFile(path: string, mode: number, hostPath: string): void {
    const source = openSync(hostPath, "r");
    try {
      const { size } = statSync(hostPath);
      this.#head(path, mode, size);
      const piece = new Uint8Array(Math.min(size, PIECE_BYTES));
      let left = size;
      while (left > 0) {
        const length = readSync(source, piece, 0, Math.min(left, piece.length), null);
        if (length === 0) throw new Error(`${hostPath} was cut while it was read`);
        this.#write(piece.subarray(0, length));
        left -= length;
      }
      this.#write(padding(size));
    } finally {
      closeSync(source);
    }
  }

  #head(path: string, mode: number, length: number): void {
    const name = encoder.encode(`${path}\0`);
    const numbers = [++this.#inode, mode, 0, 0, 1, 0, length, 0, 0, 0, 0, name.length, 0];
    const header = encoder.encode(`070701${numbers.map((number) => number.toString(16).padStart(8, "0")).join("")}`);
    this.#write(header);
    this.#write(name);
    this.#write(padding(header.length + name.length));
  }

  #write(bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length; ) done += writeSync(this.#file, bytes, done);
  }
}

function bytesOf(content: Uint8Array | string): Uint8Array {
  return typeof content === "string" ? encoder.encode(content) : content;
}

/** Headers and contents each end at a multiple of four bytes. */
function padding(length: number): Uint8Array {
  return new Uint8Array((4 - (length % 4)) % 4);
}
