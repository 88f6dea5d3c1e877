/** Whole blocks reach a medium or do not; a write of several may be torn between them. */
const BLOCK_BYTES = 512;

/** Something that was done to bytes and is not known to be on the medium. */
export type ByteChange =
  | { readonly kind: "write"; readonly position: number; readonly bytes: Buffer }
  | { readonly kind: "size"; readonly sizeBytes: number };

/** A change in the order in which it was made. */
interface Unsynced {
  readonly change: ByteChange;
  /** A flush that failed gave it up: it is seen, and reaches the medium never. */
  readonly isLost: boolean;
}

/**
 * The bytes of a disk or file as a computer has them: those on the medium, and changes above them that a loss of power
 * may take in any selection. Immutable: each change gives another.
 */
export class StoredBytes {
  readonly medium: Buffer;
  readonly unsynced: readonly Unsynced[];
  #seen: Buffer | null = null;

  constructor(medium: Buffer, unsynced: readonly Unsynced[] = []) {
    this.medium = medium;
    this.unsynced = unsynced;
  }

  /** What a read gives. Not to be written to. */
  get seen(): Buffer {
    this.#seen ??= this.unsynced.reduce((bytes, { change }) => changed(bytes, change), this.medium);
    return this.#seen;
  }

  with(change: ByteChange): StoredBytes {
    const next = new StoredBytes(this.medium, [...this.unsynced, { change, isLost: false }]);
    next.#seen = changed(this.seen, change);
    return next;
  }

  /** After a flush. */
  synced(): StoredBytes {
    if (this.unsynced.length === 0) return this;
    const lost = this.unsynced.filter(({ isLost }) => isLost);
    const medium = this.unsynced.reduce(
      (bytes, { change, isLost }) => (isLost ? bytes : changed(bytes, change)),
      this.medium,
    );
    const next = new StoredBytes(medium, lost);
    next.#seen = this.seen;
    return next;
  }

  /** After a flush that failed: Linux reports the loss once and takes the pages for clean. */
  givenUp(): StoredBytes {
    const next = new StoredBytes(
      this.medium,
      this.unsynced.map(({ change }) => ({ change, isLost: true })),
    );
    next.#seen = this.seen;
    return next;
  }

  /** How many changes a loss of power may take or leave. */
  get atRisk(): number {
    return this.unsynced.filter(({ isLost }) => !isLost).length;
  }

  /** After a loss of power: of the changes at risk those survive for which `survives` says so, torn ones by half. */
  afterPowerLoss(survives: (index: number) => "whole" | "start" | "end" | "not"): StoredBytes {
    let medium = this.medium;
    let index = 0;
    for (const { change, isLost } of this.unsynced) {
      const part = isLost ? "not" : survives(index++);
      const left = part === "not" ? null : torn(change, part);
      if (left !== null) medium = changed(medium, left);
    }
    return new StoredBytes(medium);
  }
}

function changed(bytes: Buffer, change: ByteChange): Buffer {
  const sizeBytes =
    change.kind === "size" ? change.sizeBytes : Math.max(bytes.length, change.position + change.bytes.length);
  const next = Buffer.alloc(sizeBytes);
  bytes.copy(next, 0, 0, Math.min(bytes.length, sizeBytes));
  if (change.kind === "write") change.bytes.copy(next, change.position);
  return next;
}

function torn(change: ByteChange, part: "whole" | "start" | "end"): ByteChange | null {
  if (change.kind === "size" || part === "whole") return change;
  const { position, bytes } = change;
  const blocks = Math.ceil(bytes.length / BLOCK_BYTES);
  // A single block is written whole or not at all.
  if (blocks < 2) return null;
  const middle = Math.floor(blocks / 2) * BLOCK_BYTES;
  return part === "start"
    ? { kind: "write", position, bytes: bytes.subarray(0, middle) }
    : { kind: "write", position: position + middle, bytes: bytes.subarray(middle) };
}
