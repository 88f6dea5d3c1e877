import type { Damage, DataState } from "../../measured/probe.ts";
import type { DirectFile, IoResult } from "../block/direct-file.ts";
import type { TransferMemory } from "../memory/transfer-memory.ts";
import { findDamage } from "./damage.ts";
import { STAMP_BYTES, type StampKind, stampedBytes } from "./stamps.ts";
import type { Trial } from "./trials.ts";

/** What I/O is tried on: a disk, or a file in its place. */
export type BlockFile = Pick<DirectFile, "read" | "write" | "sync">;

/** Everything that a test of one disk with one memory needs. */
export interface Workbench {
  readonly file: BlockFile;
  /** The memory under test. */
  readonly peer: TransferMemory;
  /** DRAM, as large as the largest I/O: the control. */
  readonly dram: TransferMemory;
  readonly nonce: Uint8Array;
  /** A number that no other I/O of this run has. */
  readonly nextRound: () => number;
  /** Ends a test between two I/Os; what is in flight is awaited. */
  readonly signal: AbortSignal;
}

/** One trial with what came of it. */
export interface TrialResult extends Trial {
  /** The I/O through peer memory; `null` where it was not tried. */
  readonly io: IoResult | null;
  readonly state: DataState;
  /** The data of the disk is in blocks that all differ: only then would a reordering be seen. */
  readonly isDistinct: boolean;
}

/** What a read or write through DRAM came to. */
export type ControlResult =
  | { readonly ok: true; readonly bytes: Buffer }
  | { readonly ok: false; readonly state: DataState };

/** Reads a part of the disk through DRAM that was stamped before, so that a read that moves nothing is seen. */
export async function controlRead(workbench: Workbench, { position, sizeBytes }: Trial): Promise<ControlResult> {
  const canary = stamps(workbench, "canary", sizeBytes, 0, workbench.nextRound());
  workbench.dram.store(0, canary);
  const io = await workbench.file.read(workbench.dram, 0, sizeBytes, position);
  const bytes = Buffer.allocUnsafe(sizeBytes);
  workbench.dram.load(0, bytes);
  if (io.errno !== null || io.bytes !== sizeBytes) return failed(io, null);
  return bytes.equals(canary) ? failed(io, { kind: "untouched" }) : { ok: true, bytes };
}

/** Writes a part of the disk through DRAM, and reads it back the same way. */
export async function controlWrite(
  workbench: Workbench,
  trial: Trial,
  bytes: Buffer,
  before: Buffer,
): Promise<ControlResult> {
  workbench.dram.store(0, bytes);
  const io = await workbench.file.write(workbench.dram, 0, trial.sizeBytes, trial.position);
  if (io.errno !== null || io.bytes !== trial.sizeBytes) return failed(io, null);
  const read = await controlRead(workbench, trial);
  if (!read.ok) return read;
  const { nonce } = workbench;
  const damage = findDamage({ actual: read.bytes, expected: bytes, before, nonce, address: trial.position });
  return damage.kind === "right" ? read : failed(io, damage);
}

function failed(io: IoResult, damage: Damage | null): ControlResult {
  return { ok: false, state: { kind: "control-failed", io, damage } };
}

/** Stamped blocks of a new I/O. */
export function stamps({ nonce }: Workbench, kind: StampKind, length: number, address: number, round: number): Buffer {
  return stampedBytes(nonce, length, { kind, round, address });
}

/** Stores bytes in peer memory, and looks whether the CPU finds them there. */
export function storeAndLook({ peer, nonce }: Workbench, offset: number, bytes: Buffer): Damage {
  peer.store(offset, bytes);
  const actual = Buffer.allocUnsafe(bytes.length);
  peer.load(offset, actual);
  return findDamage({ actual, expected: bytes, before: Buffer.alloc(bytes.length, 0x55), nonce, address: offset });
}

/** A block on each side of the I/O's place in memory, as far as there is room. */
export interface Guard {
  readonly side: "before" | "behind";
  readonly offset: number;
  readonly bytes: Buffer;
}

/** Stamps the blocks around an I/O's place in memory. */
export function placeGuards(workbench: Workbench, { bufferOffset, sizeBytes }: Trial): readonly Guard[] {
  const places = [
    { side: "before", offset: bufferOffset - STAMP_BYTES },
    { side: "behind", offset: bufferOffset + sizeBytes },
  ] as const;
  return places
    .filter(({ offset }) => offset >= 0 && offset + STAMP_BYTES <= workbench.peer.sizeBytes)
    .map(({ side, offset }) => {
      const bytes = stamps(workbench, "canary", STAMP_BYTES, offset, workbench.nextRound());
      workbench.peer.store(offset, bytes);
      return { side, offset, bytes };
    });
}

/** The side on which something was written beside an I/O's place, `null` where nothing was. */
export function spilledSide({ peer }: Workbench, guards: readonly Guard[]): Guard["side"] | null {
  const actual = Buffer.allocUnsafe(STAMP_BYTES);
  for (const { side, offset, bytes } of guards) {
    peer.load(offset, actual);
    if (!actual.equals(bytes)) return side;
  }
  return null;
}
