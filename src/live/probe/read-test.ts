import type { DataState } from "../../measured/probe.ts";
import { areBlocksDistinct, findDamage } from "./damage.ts";
import type { Trial } from "./trials.ts";
import {
  controlRead,
  placeGuards,
  spilledSide,
  stamps,
  storeAndLook,
  type TrialResult,
  type Workbench,
} from "./workbench.ts";

/** So often a read is tried again while somebody else changes the disk. */
const MAX_ATTEMPTS = 3;

/**
 * Reads from the disk into peer memory, which the disk writes for that, and compares what the CPU finds there with the
 * same blocks read through DRAM before and after. Nothing is written to the disk. The signal's reason is thrown between
 * two I/Os.
 */
export async function readThroughPeer(workbench: Workbench, trial: Trial): Promise<TrialResult> {
  let result = await attempt(workbench, trial);
  for (let tries = 1; result.state.kind === "changing" && tries < MAX_ATTEMPTS; tries++) {
    result = await attempt(workbench, trial);
  }
  return result;
}

async function attempt(workbench: Workbench, trial: Trial): Promise<TrialResult> {
  const { file, peer, nonce } = workbench;
  const { sizeBytes, position, bufferOffset } = trial;
  const untried = (state: DataState): TrialResult => ({ ...trial, io: null, state, isDistinct: false });
  workbench.signal.throwIfAborted();
  const first = await controlRead(workbench, trial);
  if (!first.ok) return untried(first.state);
  const isDistinct = areBlocksDistinct(first.bytes);
  const guards = placeGuards(workbench, trial);
  const before = stamps(workbench, "canary", sizeBytes, bufferOffset, workbench.nextRound());
  const stored = storeAndLook(workbench, bufferOffset, before);
  if (stored.kind !== "right") return untried({ kind: "memory-fails", damage: stored });
  workbench.signal.throwIfAborted();
  const io = await file.read(peer, bufferOffset, sizeBytes, position);
  const actual = Buffer.allocUnsafe(sizeBytes);
  peer.load(bufferOffset, actual);
  if (io.errno !== null || io.bytes === 0) return { ...trial, io, state: { kind: "not-tested" }, isDistinct };
  workbench.signal.throwIfAborted();
  const last = await controlRead(workbench, trial);
  if (!last.ok) return { ...trial, io, state: last.state, isDistinct };
  if (!first.bytes.equals(last.bytes)) return { ...trial, io, state: { kind: "changing" }, isDistinct };
  const part = (bytes: Buffer): Buffer => bytes.subarray(0, io.bytes);
  const damage = findDamage({
    actual: part(actual),
    expected: part(last.bytes),
    before: part(before),
    nonce,
    address: bufferOffset,
  });
  const side = damage.kind === "right" ? spilledSide(workbench, guards) : null;
  return { ...trial, io, state: side === null ? damage : { kind: "spilled", side }, isDistinct };
}
