import type { IoResult } from "../../../src/live/block/direct-file.ts";
import type { TransferMemory } from "../../../src/live/memory/transfer-memory.ts";
import type { BlockFile, Workbench } from "../../../src/live/probe/workbench.ts";

/** What goes wrong when a device writes memory (`arrive`) or reads it (`leave`); each changes the bytes as they pass. */
export interface MemoryFault {
  readonly arrive?: (old: Buffer, wanted: Buffer) => Buffer;
  readonly leave?: (bytes: Buffer) => Buffer;
  /** What the CPU reads instead of what is there. */
  readonly look?: (bytes: Buffer) => Buffer;
  /** So many bytes more than wanted are written by the device. */
  readonly spillBytes?: number;
}

/** Memory in place of peer memory: the device's side passes through a fault. */
export class FakeMemory implements TransferMemory {
  readonly kind = "peer";
  readonly provider = null;
  readonly buffer: Buffer;
  readonly sizeBytes: number;
  readonly #fault: MemoryFault;

  constructor(sizeBytes: number, fault: MemoryFault = {}) {
    this.sizeBytes = sizeBytes;
    this.buffer = Buffer.alloc(sizeBytes);
    this.#fault = fault;
  }

  load(offset: number, target: Uint8Array): void {
    const bytes = Buffer.from(this.buffer.subarray(offset, offset + target.length));
    target.set(this.#fault.look?.(bytes) ?? bytes);
  }

  store(offset: number, source: Uint8Array): void {
    this.buffer.set(source, offset);
  }

  release(): void {}

  deviceWrites(offset: number, wanted: Buffer): void {
    const old = Buffer.from(this.buffer.subarray(offset, offset + wanted.length));
    this.buffer.set(this.#fault.arrive?.(old, wanted) ?? wanted, offset);
    const spilled = this.#fault.spillBytes ?? 0;
    if (spilled > 0) this.buffer.fill(0x77, offset + wanted.length, offset + wanted.length + spilled);
  }

  deviceReads(offset: number, length: number): Buffer {
    const bytes = Buffer.from(this.buffer.subarray(offset, offset + length));
    return this.#fault.leave?.(bytes) ?? bytes;
  }
}

/** How I/O of a fake disk ends, where that is not well: `memory` tells the peer path from the control. */
export type DiskFault = (io: {
  readonly what: "read" | "write" | "sync";
  readonly isPeer: boolean;
  readonly length: number;
}) => IoResult | null;

/** A disk in memory. */
export class FakeDisk implements BlockFile {
  readonly data: Buffer;
  /** Called before each I/O. */
  onIo: () => void = () => {};
  inFlight = 0;
  readonly #fault: DiskFault;
  readonly #peer: TransferMemory | null;

  constructor(data: Buffer, peer: TransferMemory | null = null, fault: DiskFault = () => null) {
    this.data = data;
    this.#peer = peer;
    this.#fault = fault;
  }

  async read(memory: TransferMemory, offset: number, length: number, position: number): Promise<IoResult> {
    const result = await this.#end("read", memory, length);
    if (result.errno === null) {
      const bytes = Buffer.from(this.data.subarray(position, position + result.bytes));
      (memory as FakeMemory).deviceWrites(offset, bytes);
    }
    return result;
  }

  async write(memory: TransferMemory, offset: number, length: number, position: number): Promise<IoResult> {
    const result = await this.#end("write", memory, length);
    if (result.errno === null) this.data.set((memory as FakeMemory).deviceReads(offset, result.bytes), position);
    return result;
  }

  sync(): Promise<IoResult> {
    return this.#end("sync", null, 0);
  }

  async #end(what: "read" | "write" | "sync", memory: TransferMemory | null, length: number): Promise<IoResult> {
    this.onIo();
    this.inFlight++;
    await new Promise((resolve) => setImmediate(resolve));
    this.inFlight--;
    return (
      this.#fault({ what, isPeer: memory !== null && memory === this.#peer, length }) ?? { bytes: length, errno: null }
    );
  }
}

/** Bytes of which every block of 512 differs from every other. */
export function variedBytes(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; at += 4) bytes.writeUInt32LE(Math.imul(at + 1, 0x9e3779b1) >>> 0, at);
  return bytes;
}

/** A bench on a fake disk. */
export function benchWith(
  file: BlockFile,
  peer: TransferMemory,
  signal: Workbench["signal"] = new AbortController().signal,
): Workbench {
  let round = 0;
  const dram = new FakeMemory(peer.sizeBytes);
  return { file, peer, dram, nonce: Buffer.from("nonce-01"), nextRound: () => ++round, signal };
}
