import type { TransferMemory } from "../memory/transfer-memory.ts";
import { type CopyRanges, roundUp } from "./ranges.ts";
import { type IoFailure, readWhole, type Sides, truncateTo, writeWhole } from "./sides.ts";

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
 * Copies the tail by the CPU: the target's blocks are read, the bytes of the source laid over their start, and written
 * back, so that what lies behind stays. `staging` is DRAM with room for the blocks of both sides.
 * `fileBytes` is the size that a target file shall have, which is cut back to it; `null` for a device.
 */
export async function copyTail(
  { source, target }: Sides,
  tail: Tail,
  staging: TransferMemory,
  fileBytes: number | null,
): Promise<IoFailure | null> {
  const { start, lengthBytes, sourceSpanBytes, targetSpanBytes } = tail;
  const span = Math.max(sourceSpanBytes, targetSpanBytes);
  const behind = roundUp(span, target.blockBytes);
  const notRead = await readWhole(source, staging, 0, sourceSpanBytes, start, lengthBytes);
  if (notRead !== null) return notRead;
  staging.store(behind, Buffer.alloc(targetSpanBytes));
  const there = fileBytes === null ? targetSpanBytes : Math.min(targetSpanBytes, fileBytes - target.start - start);
  const noTarget = await readWhole(target, staging, behind, targetSpanBytes, start, there);
  if (noTarget !== null) return noTarget;
  const bytes = Buffer.alloc(lengthBytes);
  staging.load(0, bytes);
  staging.store(behind, bytes);
  const notWritten = await writeWhole(target, staging, behind, targetSpanBytes, start);
  if (notWritten !== null || fileBytes === null) return notWritten;
  return await truncateTo(target, fileBytes);
}
