import type { TransferMemory } from "../memory/transfer-memory.ts";
import { type CopyRanges, roundUp } from "./ranges.ts";
import { type IoFailure, readWhole, type Sides, writeAllBytes, writeWhole } from "./sides.ts";

/** The bytes behind the last whole block of both sides, and the blocks around them. */
export interface Tail {
  /** Within the range. */
  readonly start: number;
  readonly lengthBytes: number;
  /** Whole blocks of each side that hold it. */
  readonly sourceSpanBytes: number;
  readonly targetSpanBytes: number;
}

/** The tail of a range; `null` where there is none. */
export function tailOf(ranges: CopyRanges, sourceBlock: number, targetBlock: number): Tail | null {
  const lengthBytes = ranges.lengthBytes - ranges.bulkBytes;
  if (lengthBytes === 0) return null;
  return {
    start: ranges.bulkBytes,
    lengthBytes,
    sourceSpanBytes: roundUp(lengthBytes, sourceBlock),
    targetSpanBytes: roundUp(lengthBytes, targetBlock),
  };
}

/**
 * Copies the tail by the CPU. Of a file exactly its bytes are written, so that what others write behind them stays; of a
 * disk the blocks are read, the bytes laid over their start, and written back. `staging` is DRAM with room for the
 * blocks of both sides.
 */
export async function copyTail(
  { source, target }: Sides,
  tail: Tail,
  staging: TransferMemory,
  isFile: boolean,
): Promise<IoFailure | null> {
  const { start, lengthBytes, sourceSpanBytes, targetSpanBytes } = tail;
  const notRead = await readWhole(source, staging, 0, sourceSpanBytes, start, lengthBytes);
  if (notRead !== null) return notRead;
  const bytes = Buffer.alloc(lengthBytes);
  staging.load(0, bytes);
  if (isFile) return await writeAllBytes(target, bytes, start);
  const behind = roundUp(Math.max(sourceSpanBytes, targetSpanBytes), target.blockBytes);
  const noTarget = await readWhole(target, staging, behind, targetSpanBytes, start);
  if (noTarget !== null) return noTarget;
  staging.store(behind, bytes);
  return await writeWhole(target, staging, behind, targetSpanBytes, start);
}
