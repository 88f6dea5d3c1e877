import { isUnknown } from "../../pci/known.ts";
import { mapPeerMemory, type TransferMemory } from "../memory/transfer-memory.ts";
import type { MemoryPool } from "../pools/memory-pool.ts";
import type { PermittedPool } from "../pools/pool-use.ts";
import { memoryFor } from "./trials.ts";

/** How much of a pool may be taken for a test. */
export interface MemoryWish {
  /** Sizes of I/O, of which the largest that fits counts. */
  readonly sizes: readonly number[];
  /** Half of what is free is left to others. */
  readonly isModest: boolean;
}

/** Takes peer memory for the largest of the sizes for which there is room; `null` where there is for none. */
export async function takePeerMemory(pool: PermittedPool, wish: MemoryWish): Promise<TransferMemory | null> {
  for (const sizeBytes of wantedBytes(pool, wish)) {
    const memory = await mapPeerMemory(pool, sizeBytes);
    if (memory !== null) return memory;
  }
  return null;
}

/** Amounts of memory to ask for, the largest first; the smallest is asked for whatever the pool says is free. */
export function wantedBytes(
  { availableBytes }: Pick<MemoryPool, "availableBytes">,
  { sizes, isModest }: MemoryWish,
): readonly number[] {
  const amounts = [...new Set(sizes.map(memoryFor))].sort((a, b) => b - a);
  const limit = isUnknown(availableBytes) ? Number.POSITIVE_INFINITY : availableBytes / (isModest ? 2 : 1);
  return amounts.filter((amount, position) => amount <= limit || position === amounts.length - 1);
}
