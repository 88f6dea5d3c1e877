import type { DataState } from "../../measured/probe.ts";
import { findDamage } from "./damage.ts";
import type { Trial } from "./trials.ts";
import {
  type ControlResult,
  controlRead,
  controlWrite,
  stamps,
  storeAndLook,
  type TrialResult,
  type Workbench,
} from "./workbench.ts";

/**
 * Writes from peer memory to the disk, which reads it for that, and compares what is on the disk then, read through
 * DRAM, with what was meant. Before and after stand writes of other stamps through DRAM. The range's data is lost: only
 * for a range that is saved. The signal's reason is thrown between two I/Os.
 */
export async function writeThroughPeer(workbench: Workbench, trial: Trial): Promise<TrialResult> {
  const { file, peer, nonce } = workbench;
  const { sizeBytes, position, bufferOffset } = trial;
  const untried = (state: DataState): TrialResult => ({ ...trial, io: null, state, isDistinct: true });
  const old = await writeControlStamps(workbench, trial);
  if (!old.ok) return untried(old.state);
  const meant = stamps(workbench, "peer", sizeBytes, position, workbench.nextRound());
  const stored = storeAndLook(workbench, bufferOffset, meant);
  if (stored.kind !== "right") return untried({ kind: "memory-fails", damage: stored });
  workbench.signal.throwIfAborted();
  const io = await file.write(peer, bufferOffset, sizeBytes, position);
  if (io.errno !== null || io.bytes === 0) return { ...trial, io, state: { kind: "not-tested" }, isDistinct: true };
  workbench.signal.throwIfAborted();
  const read = await controlRead(workbench, trial);
  if (!read.ok) return { ...trial, io, state: read.state, isDistinct: true };
  const part = (bytes: Buffer): Buffer => bytes.subarray(0, io.bytes);
  const damage = findDamage({
    actual: part(read.bytes),
    expected: part(meant),
    before: part(old.bytes),
    nonce,
    address: position,
  });
  const control = await writeControlStamps(workbench, trial);
  return { ...trial, io, state: control.ok ? damage : control.state, isDistinct: true };
}

/** The control: stamps of its own through DRAM, read back. */
async function writeControlStamps(workbench: Workbench, trial: Trial): Promise<ControlResult> {
  workbench.signal.throwIfAborted();
  const read = await controlRead(workbench, trial);
  if (!read.ok) return read;
  workbench.signal.throwIfAborted();
  const bytes = stamps(workbench, "control", trial.sizeBytes, trial.position, workbench.nextRound());
  return controlWrite(workbench, trial, bytes, read.bytes);
}
