import type { FileTree } from "../../host/file-tree.ts";
import type { DifferenceView, LossView } from "../../measured/copy.ts";
import { mapSystemMemory } from "../memory/transfer-memory.ts";
import { lookAgain } from "./compare.ts";
import type { CopyEnds } from "./ends.ts";
import { type CopyFailure, sourceChanged, targetChanged } from "./failures.ts";
import type { CopyRanges } from "./ranges.ts";
import type { Sides } from "./sides.ts";
import { type WriteCounts, whatIsRuledOut } from "./suspicions.ts";

/** What a comparison found, and what is known around it. */
export interface Finding {
  readonly tree: FileTree;
  readonly ends: CopyEnds;
  readonly ranges: CopyRanges;
  readonly sides: Sides;
  /** Whole pages, and whole blocks of both sides. */
  readonly unitBytes: number;
  readonly foundBy: LossView["foundBy"];
  readonly difference: DifferenceView;
  readonly counts: WriteCounts;
}

/**
 * Whether a difference is lost data: only where both ends still read as they did, and nobody else is seen to have
 * written to them. Else it is a failure, of which nothing can be told.
 */
export async function judgeDifference(
  finding: Finding,
): Promise<{ readonly loss: LossView } | { readonly failure: CopyFailure }> {
  const { tree, ends, ranges, foundBy, difference, counts } = finding;
  const look = await secondLook(finding);
  // At the first chunk the source was seen to hold still: what was written elsewhere in it does not matter.
  const isSourceSuspect = foundBy !== "first-chunk" && counts.wasSourceWritten === true;
  if (isSourceSuspect || look?.isSourceStill === false)
    return { failure: sourceChanged(ends.source, ranges.sourceStart + difference.offset) };
  const targetPosition = ranges.targetStart + difference.offset;
  if (look?.isTargetStill === false) {
    const how = "reads otherwise a second time: somebody else writes to it, or it does not read reliably";
    return { failure: targetChanged(ends.target, targetPosition, how) };
  }
  if (counts.wasTargetWrittenByOthers === true)
    return { failure: targetChanged(ends.target, targetPosition, "somebody else wrote to it during the copy") };
  const judged =
    look === null
      ? { ruledOut: [], open: ["the ends could not be read a second time"] }
      : whatIsRuledOut(tree, ends, counts);
  return { loss: { difference, foundBy, ...judged } };
}

async function secondLook({ sides, unitBytes, difference, ranges }: Finding): ReturnType<typeof lookAgain> {
  const memory = await mapSystemMemory(2 * unitBytes);
  try {
    const slot = { memory, sourceAt: 0, targetAt: unitBytes };
    return await lookAgain(sides, slot, difference, { unitBytes, lengthBytes: ranges.lengthBytes });
  } finally {
    memory.release();
  }
}
