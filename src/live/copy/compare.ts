import type { DifferenceView } from "../../measured/copy.ts";
import type { ByteRange } from "../../pci/addresses.ts";
import type { TransferMemory } from "../memory/transfer-memory.ts";
import { differenceOf, type Suspects } from "./difference.ts";
import { roundUp } from "./ranges.ts";
import { type IoFailure, readWhole, type Side, type Sides } from "./sides.ts";

/** How a comparison ended. */
export type Comparison =
  | { readonly kind: "same" }
  | { readonly kind: "differs"; readonly difference: DifferenceView }
  | { readonly kind: "failed"; readonly failure: IoFailure };

/** DRAM for one chunk of each side, and where the target's part starts. */
export interface CompareSlot {
  readonly memory: TransferMemory;
  readonly sourceAt: number;
  readonly targetAt: number;
}

/** Reads a part of the range from both sides through DRAM, past the page cache, and compares it byte for byte. */
export async function comparePart(
  { source, target }: Sides,
  { memory, sourceAt, targetAt }: CompareSlot,
  { start, sizeBytes }: ByteRange,
  suspects?: Suspects,
): Promise<Comparison> {
  const read = (side: Side, at: number): Promise<IoFailure | null> =>
    readWhole(side, memory, at, roundUp(sizeBytes, side.blockBytes), start, sizeBytes);
  const [noSource, noTarget] = await Promise.all([read(source, sourceAt), read(target, targetAt)]);
  const failure = noSource ?? noTarget;
  if (failure !== null) return { kind: "failed", failure };
  // DRAM of this process: it may be looked at as it is.
  const part = (at: number): Buffer => memory.buffer.subarray(at, at + sizeBytes);
  const difference = differenceOf(part(sourceAt), part(targetAt), start, suspects);
  return difference === null ? { kind: "same" } : { kind: "differs", difference };
}

/** Whether each end reads as it did, at the place where a comparison found them to differ. */
export interface SecondLook {
  readonly isSourceStill: boolean;
  readonly isTargetStill: boolean;
}

/**
 * Reads both ends once more where they differ; `null` where they cannot be read. `unitBytes` are whole blocks of both,
 * for which the slot has room; the range has `lengthBytes`.
 */
export async function lookAgain(
  sides: Sides,
  slot: CompareSlot,
  { offset, source, target }: DifferenceView,
  { unitBytes, lengthBytes }: { readonly unitBytes: number; readonly lengthBytes: number },
): Promise<SecondLook | null> {
  const start = offset - (offset % unitBytes);
  const result = await comparePart(sides, slot, { start, sizeBytes: Math.min(unitBytes, lengthBytes - start) });
  if (result.kind === "failed") return null;
  const isStill = (at: number, hex: string): boolean => {
    // What was shown may reach beyond this unit.
    const from = at + offset - start;
    const now = slot.memory.buffer.toString("hex", from, Math.min(from + hex.length / 2, at + unitBytes));
    return hex.startsWith(now);
  };
  return { isSourceStill: isStill(slot.sourceAt, source), isTargetStill: isStill(slot.targetAt, target) };
}
