import { randomFillSync } from "node:crypto";
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const PIECE = 16 * 2 ** 20;

/** A part of a disk, in bytes. */
export interface Range {
  readonly start: number;
  readonly length: number;
}

/** Disk images of random bytes in a folder of their own. */
export class DiskImages {
  readonly folder: string = mkdtempSync(join(tmpdir(), "peerlane-images-"));

  /** Makes an image twice: one for the guest, one that keeps what was there. */
  make(name: string, bytes: number): string {
    const [image, kept] = [this.#path(name), this.#path(`${name}.kept`)].map((path) => openSync(path, "wx"));
    const piece = Buffer.alloc(PIECE);
    for (let done = 0; done < bytes; done += PIECE) {
      randomFillSync(piece);
      for (const file of [image, kept]) writeSync(file as number, piece, 0, Math.min(PIECE, bytes - done));
    }
    for (const file of [image, kept]) closeSync(file as number);
    return this.#path(name);
  }

  #path(name: string): string {
    return join(this.folder, `${name}.img`);
  }

  /** Where an image differs from what it was, outside of the ranges that may; `null` where it does not. */
  firstStrayByte(name: string, allowed: readonly Range[]): number | null {
    const files = [this.#path(name), this.#path(`${name}.kept`)].map((path) => openSync(path, "r"));
    try {
      return firstDifference(files as [number, number], allowed);
    } finally {
      for (const file of files) closeSync(file);
    }
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function firstDifference([image, kept]: readonly [number, number], allowed: readonly Range[]): number | null {
  const [a, b] = [Buffer.alloc(PIECE), Buffer.alloc(PIECE)];
  for (let start = 0; ; start += PIECE) {
    const length = readSync(image, a, 0, PIECE, start);
    readSync(kept, b, 0, PIECE, start);
    if (length === 0) return null;
    for (const range of allowed) {
      const from = Math.max(0, range.start - start);
      const to = Math.min(length, range.start + range.length - start);
      if (from < to) b.copy(a, from, from, to);
    }
    const [left, right] = [a.subarray(0, length), b.subarray(0, length)];
    if (!left.equals(right)) return start + left.findIndex((byte, at) => byte !== right[at]);
  }
}
