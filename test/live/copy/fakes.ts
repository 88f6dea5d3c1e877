import type { IoResult } from "../../../src/live/block/direct-file.ts";
import type { CopyRanges } from "../../../src/live/copy/ranges.ts";
import type { Writable } from "../../../src/live/copy/sides.ts";
import type { TransferJob } from "../../../src/live/copy/transfer.ts";
import type { TransferMemory } from "../../../src/live/memory/transfer-memory.ts";

/** Memory of this process that passes for a device's. */
export class FakeMemory implements TransferMemory {
  readonly kind: "peer" | "dram";
  readonly provider = null;
  readonly buffer: Buffer;
  readonly sizeBytes: number;
  isReleased = false;

  constructor(sizeBytes: number, kind: "peer" | "dram" = "dram") {
    this.kind = kind;
    this.sizeBytes = sizeBytes;
    this.buffer = Buffer.alloc(sizeBytes, 0x5c);
  }

  load(offset: number, target: Uint8Array): void {
    this.buffer.copy(target, 0, offset, offset + target.length);
  }

  store(offset: number, source: Uint8Array): void {
    this.buffer.set(source, offset);
  }

  release(): void {
    this.isReleased = true;
  }
}

/** What is wrong with a disk. */
export interface Faults {
  /** Bytes that one call moves at most; whole blocks. */
  readonly mostBytes?: () => number;
  /** How many turns of the event loop a call takes. */
  readonly turns?: () => number;
  /** An error of a call. */
  readonly error?: (operation: "read" | "write" | "sync", position: number, memory?: TransferMemory) => string | null;
  /** Reads into peer memory that end well and move nothing. */
  readonly losesReads?: boolean;
  /** Writes from peer memory that end well and write these bytes instead; `null`: nothing. */
  readonly losesWrites?: number | null;
}

/** A disk in memory that refuses what direct I/O refuses, and knows which of its bytes would outlive a loss of power. */
export class FakeDisk implements Writable {
  data: Buffer;
  durable: Buffer;
  readonly blockBytes: number;
  faults: Faults;
  inFlight = 0;
  readonly writes: { readonly position: number; readonly bytes: number }[] = [];

  constructor(data: Buffer, blockBytes: number, faults: Faults = {}) {
    this.data = Buffer.from(data);
    this.durable = Buffer.from(data);
    this.blockBytes = blockBytes;
    this.faults = faults;
  }

  async read(memory: TransferMemory, offset: number, length: number, position: number): Promise<IoResult> {
    return await this.#call("read", memory, offset, length, position, (bytes) => {
      const there = Math.max(0, Math.min(bytes, this.data.length - position));
      if (!(there === 0 || (this.faults.losesReads === true && memory.kind === "peer")))
        this.data.copy(memory.buffer, offset, position, position + there);
      return there;
    });
  }

  async write(memory: TransferMemory, offset: number, length: number, position: number): Promise<IoResult> {
    return await this.#call("write", memory, offset, length, position, (bytes) => {
      if (position + bytes > this.data.length)
        this.data = Buffer.concat([this.data, Buffer.alloc(position + bytes - this.data.length)]);
      this.writes.push({ position, bytes });
      const { losesWrites } = this.faults;
      if (losesWrites === undefined || memory.kind === "dram")
        memory.buffer.copy(this.data, position, offset, offset + bytes);
      else if (losesWrites !== null) this.data.fill(losesWrites, position, position + bytes);
      return bytes;
    });
  }

  async sync(): Promise<IoResult> {
    const written = Buffer.from(this.data);
    await this.#wait();
    const errno = this.faults.error?.("sync", 0) ?? null;
    if (errno === null) this.durable = written;
    return { bytes: 0, errno };
  }

  async writeBytes(bytes: Buffer, position: number): Promise<IoResult> {
    await this.#wait();
    const errno = this.faults.error?.("write", position) ?? null;
    if (errno !== null) return { bytes: 0, errno };
    const count = Math.min(bytes.length, this.faults.mostBytes?.() ?? bytes.length);
    await this.truncate(Math.max(this.data.length, position + count));
    bytes.copy(this.data, position, 0, count);
    return { bytes: count, errno: null };
  }

  async truncate(sizeBytes: number): Promise<IoResult> {
    await this.#wait();
    this.data = Buffer.concat([this.data, Buffer.alloc(Math.max(0, sizeBytes - this.data.length))]).subarray(
      0,
      sizeBytes,
    );
    return { bytes: 0, errno: null };
  }

  async #call(
    operation: "read" | "write",
    memory: TransferMemory,
    offset: number,
    length: number,
    position: number,
    move: (bytes: number) => number,
  ): Promise<IoResult> {
    if ([offset, length, position].some((value) => value % this.blockBytes !== 0)) return { bytes: 0, errno: "EINVAL" };
    if (offset + length > memory.sizeBytes) throw new Error("outside of the memory");
    this.inFlight++;
    await this.#wait();
    this.inFlight--;
    const errno = this.faults.error?.(operation, position, memory) ?? null;
    if (errno !== null) return { bytes: 0, errno };
    return { bytes: move(Math.min(length, this.faults.mostBytes?.() ?? length)), errno: null };
  }

  async #wait(): Promise<void> {
    const turns = this.faults.turns?.() ?? 0;
    for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
  }
}

/** How a transfer between two fake disks is made. */
export interface FakeJob {
  readonly source: FakeDisk;
  readonly target: FakeDisk;
  readonly ranges: CopyRanges;
  readonly depth: number;
  readonly chunkBytes: number;
  readonly startBytes?: number;
  readonly isFile?: boolean;
  readonly kind?: "peer" | "dram";
  readonly save?: (completedBytes: number) => void;
  readonly syncEveryBytes?: number;
  readonly onBytes?: (doneBytes: number) => void;
  readonly signal?: AbortSignal;
}

/** A job for `transfer`. */
export function transferJob(fake: FakeJob): TransferJob {
  const { source, target, ranges, depth, chunkBytes } = fake;
  return {
    source: { role: "source", io: source, start: ranges.sourceStart, blockBytes: source.blockBytes },
    target: { role: "target", io: target, start: ranges.targetStart, blockBytes: target.blockBytes },
    ranges,
    startBytes: fake.startBytes ?? 0,
    isFile: fake.isFile ?? false,
    memory: new FakeMemory(depth * chunkBytes, fake.kind ?? "peer"),
    shape: { depth, chunkBytes },
    staging: { memory: new FakeMemory(2 * chunkBytes), sourceAt: 0, targetAt: chunkBytes },
    save: async (bytes) => fake.save?.(bytes),
    syncEveryBytes: fake.syncEveryBytes ?? 2 ** 28,
    onBytes: fake.onBytes ?? (() => {}),
    onWrite: () => {},
    signal: fake.signal ?? new AbortController().signal,
    nowMs: () => performance.now(),
  };
}

/** Bytes that are the same for the same seed. */
export function noise(sizeBytes: number, seed: number): Buffer {
  const bytes = Buffer.alloc(sizeBytes);
  let state = (seed * 2654435761 + 1) >>> 0;
  for (let at = 0; at < sizeBytes; at++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
}
