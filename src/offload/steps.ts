import { mapMemory } from "../devices/mapped-memory.ts";
import type { System } from "../devices/system.ts";
import type { DmaDirection } from "../dma/dma-device.ts";
import type { DmaSpan, PhysRange } from "../pci/addresses.ts";
import type { Bdf } from "../pci/bdf.ts";
import type { StepResult } from "./outcome.ts";

/** One step of a transfer: maps memory for a function, lets it work, and unmaps again whatever the end. */
export function withMapped(
  system: System,
  fn: Bdf,
  runs: readonly PhysRange[],
  direction: DmaDirection,
  work: (spans: readonly DmaSpan[]) => StepResult,
): StepResult {
  const mapped = mapMemory(system, fn, runs, direction);
  if (!mapped.ok) return mapped;
  try {
    return work(mapped.value.spans);
  } finally {
    mapped.value.unmap();
  }
}

/** The first bytes of a range as one run of a scatterlist. */
export function runOf({ start }: PhysRange, lengthBytes: number): readonly PhysRange[] {
  return [{ start, sizeBytes: lengthBytes }];
}
