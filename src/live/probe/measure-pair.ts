import type { FileTree } from "../../host/file-tree.ts";
import type { ByteRange } from "../../pci/addresses.ts";
import { PeerlaneError } from "../../pci/error.ts";
import { DirectFile, type OpenMode } from "../block/direct-file.ts";
import type { TransferMemory } from "../memory/transfer-memory.ts";
import { type DirectionResult, summarize, untestedDirection } from "./direction.ts";
import type { ProbedDevice } from "./pairs.ts";
import { readThroughPeer } from "./read-test.ts";
import { identityOf } from "./restore.ts";
import { withSavedRange } from "./saved-range.ts";
import { planTrials, type Trial } from "./trials.ts";
import type { BlockFile, TrialResult, Workbench } from "./workbench.ts";
import { writeThroughPeer } from "./write-test.ts";

/** Errors of I/O after which a pair is left alone: each may have cost a timeout and a reset of the device. */
const MAX_ERRORS = 3;

/** What a pair is measured with. */
export interface PairSettings {
  readonly sizes: readonly number[];
  /** Where the range starts that may be overwritten; the last bytes of the device without it. */
  readonly writeAt?: number;
  readonly nonce: Uint8Array;
  readonly nextRound: () => number;
  readonly signal: AbortSignal;
  /** Of the host, which knows its disks. */
  readonly tree: FileTree;
  /** Where rescue files go. */
  readonly folder: string;
  /** Says what is being tried. */
  readonly progress: (message: string) => void;
}

/** The memory of a provider, and DRAM of the same size. */
export interface Memories {
  readonly peer: TransferMemory;
  readonly dram: TransferMemory;
}

/** Reads of a device into peer memory. The device is only read. */
export function measureReads(
  { device }: ProbedDevice,
  memories: Memories,
  settings: PairSettings,
): Promise<DirectionResult> {
  const range = { start: 0, sizeBytes: device.sizeBytes };
  return withOpen("into", device, { access: "read" }, async (file) => {
    const trials = planFor(device.logicalBlockBytes, range, memories, settings);
    return summarize("into", await runAll(trials, workbenchOf(file, memories, settings), readThroughPeer, settings));
  });
}

/**
 * Writes of a device out of peer memory, to a range that is saved before and put back after. The device is claimed
 * meanwhile. Throws as {@link withSavedRange} does.
 */
export function measureWrites(
  { device }: ProbedDevice,
  memories: Memories,
  settings: PairSettings,
): Promise<DirectionResult> {
  const range = writableRange(device, settings);
  if (range === null) {
    return Promise.resolve(untestedDirection("out", "the range to overwrite does not fit the device", true));
  }
  const trials = planFor(device.logicalBlockBytes, range, memories, settings);
  return withOpen("out", device, { access: "write", exclusive: true }, async (file) => {
    const { folder } = settings;
    const results = await withSavedRange(
      { file, target: identityOf(settings.tree, device), range, dram: memories.dram, folder },
      () => runAll(trials, workbenchOf(file, memories, settings), writeThroughPeer, settings),
    );
    return summarize("out", results);
  });
}

/** A device that cannot be opened is not tested, for the reason that opening it gave. */
async function withOpen(
  direction: DirectionResult["direction"],
  device: ProbedDevice["device"],
  mode: OpenMode,
  work: (file: DirectFile) => Promise<DirectionResult>,
): Promise<DirectionResult> {
  let file: DirectFile;
  try {
    file = await DirectFile.open(device, mode);
  } catch (error) {
    if (error instanceof PeerlaneError) return untestedDirection(direction, error.message, true);
    throw error;
  }
  try {
    return await work(file);
  } finally {
    await file.close();
  }
}

function workbenchOf(file: BlockFile, memories: Memories, { nonce, nextRound, signal }: PairSettings): Workbench {
  return { file, ...memories, nonce, nextRound, signal };
}

function planFor(blockBytes: number, range: ByteRange, { peer }: Memories, { sizes }: PairSettings): readonly Trial[] {
  return planTrials({ range, blockBytes, memoryBytes: peer.sizeBytes, sizes });
}

/** The bytes that are overwritten: as many as twice the largest size, so that unaligned positions are among them. */
export function writableRange(
  { sizeBytes, logicalBlockBytes }: Pick<ProbedDevice["device"], "sizeBytes" | "logicalBlockBytes">,
  { sizes, writeAt }: Pick<PairSettings, "sizes" | "writeAt">,
): ByteRange | null {
  const length = Math.min(2 * Math.max(...sizes), sizeBytes);
  const down = (value: number): number => Math.floor(value / logicalBlockBytes) * logicalBlockBytes;
  const start = writeAt ?? down(sizeBytes - length);
  const room = down(Math.min(length, sizeBytes - start));
  return start % logicalBlockBytes === 0 && room > 0 ? { start, sizeBytes: room } : null;
}

/** Runs trials one after the other, and stops early where the kernel refuses the first or errors pile up. */
export async function runAll(
  trials: readonly Trial[],
  workbench: Workbench,
  run: (workbench: Workbench, trial: Trial) => Promise<TrialResult>,
  { progress }: Pick<PairSettings, "progress">,
): Promise<readonly TrialResult[]> {
  const results: TrialResult[] = [];
  let errors = 0;
  for (const [index, trial] of trials.entries()) {
    progress(`${index + 1} of ${trials.length}`);
    const result = await run(workbench, trial);
    results.push(result);
    if (result.io?.errno != null || result.state.kind === "control-failed") errors++;
    if (errors === MAX_ERRORS) break;
  }
  return results;
}
