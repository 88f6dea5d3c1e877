import { randomBytes } from "node:crypto";
import type { ByteRange } from "../../pci/addresses.ts";
import { PAGE_BYTES } from "../../pci/addresses.ts";
import { isRefusal } from "../block/direct-file.ts";
import type { TransferMemory } from "../memory/transfer-memory.ts";
import { type CompareSlot, type Comparison, comparePart } from "./compare.ts";
import type { PageStamp } from "./difference.ts";
import { type IoFailure, readWhole, type Sides, syncWhole, writeWhole } from "./sides.ts";

/** How the first chunk went. */
export type FirstChunk =
  | { readonly kind: "right" }
  | Exclude<Comparison, { readonly kind: "same" }>
  /** The source was another before than behind: it shows neither that the data arrived nor that it did not. */
  | { readonly kind: "source-changed" }
  /** The kernel does not take this memory for one of the sides: `EINVAL` or `EREMOTEIO`. The target is as it was. */
  | { readonly kind: "refused"; readonly failure: IoFailure };

/** A page that is lost shows at its start; writing all of it by the CPU would be slow on most BARs. */
const STAMP_BYTES = 64;

/**
 * Copies the first chunk and proves that it arrived: reads it back from both sides through DRAM and compares. So that
 * data which was there before does not pass for data that arrived, the pages of the memory are stamped first, and the
 * chunk of the target is inverted where it already holds what the source does.
 */
export async function copyFirstChunk(
  sides: Sides,
  memory: TransferMemory,
  slot: CompareSlot,
  part: ByteRange,
): Promise<FirstChunk> {
  const { source, target } = sides;
  const { start, sizeBytes } = part;
  const before = await comparePart(sides, slot, part);
  if (before.kind === "failed") return before;
  const sourceBefore = Buffer.alloc(sizeBytes);
  slot.memory.load(slot.sourceAt, sourceBefore);
  const stamp = newStamp();
  for (let page = 0; page * PAGE_BYTES < sizeBytes; page++) memory.store(page * PAGE_BYTES, stamp(page));
  // The source is read first: a kernel that refuses this memory shall find the target as it was.
  const notRead = await readWhole(source, memory, 0, sizeBytes, start);
  if (notRead !== null) return refusedOrFailed(notRead, memory);
  if (before.kind === "same") {
    const notInverted = await invertTarget(sides, slot, part);
    if (notInverted !== null) return { kind: "failed", failure: notInverted };
  }
  const targetBefore = Buffer.alloc(sizeBytes);
  slot.memory.load(slot.targetAt, targetBefore);
  const notWritten = await writeWhole(target, memory, 0, sizeBytes, start);
  if (notWritten !== null) {
    // What was inverted gets its data back: it was the source's.
    if (before.kind === "same") {
      const notPutBack =
        (await writeWhole(target, slot.memory, slot.sourceAt, sizeBytes, start)) ?? (await syncWhole(target));
      if (notPutBack !== null) return { kind: "failed", failure: notPutBack };
    }
    return refusedOrFailed(notWritten, memory);
  }
  const after = await comparePart(sides, slot, part, { stamp, targetBefore });
  if (after.kind === "same") return { kind: "right" };
  const hasChanged = after.kind === "differs" && !sourceBefore.equals(sourceOf(slot, sizeBytes));
  return hasChanged ? { kind: "source-changed" } : after;
}

function sourceOf({ memory, sourceAt }: CompareSlot, sizeBytes: number): Buffer {
  return memory.buffer.subarray(sourceAt, sourceAt + sizeBytes);
}

function newStamp(): PageStamp {
  const random = randomBytes(STAMP_BYTES);
  return (page) => {
    random.writeUInt32LE(page);
    return random;
  };
}

function invertTarget(
  { target }: Sides,
  slot: CompareSlot,
  { start, sizeBytes }: ByteRange,
): Promise<IoFailure | null> {
  const { buffer, byteOffset } = slot.memory.buffer;
  const words = new Uint32Array(buffer, byteOffset + slot.targetAt, sizeBytes / Uint32Array.BYTES_PER_ELEMENT);
  for (const [at, word] of words.entries()) words[at] = ~word;
  return writeWhole(target, slot.memory, slot.targetAt, sizeBytes, start);
}

function refusedOrFailed(failure: IoFailure, memory: TransferMemory): FirstChunk {
  return { kind: memory.kind === "peer" && isRefusal(failure.errno) ? "refused" : "failed", failure };
}
