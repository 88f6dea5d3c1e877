import { functionIn, type System } from "../../devices/system.ts";
import type { DmaDirection } from "../../dma/dma-device.ts";
import type { DmaResult } from "../../dma/dma-error.ts";
import type { Device } from "../../host/select.ts";
import type { Provider } from "../../memory/provider.ts";
import type { PhysRange } from "../../pci/addresses.ts";
import type { DmaSegment, SideObject } from "./bio.ts";

/** Peer memory without pages, as segments for one drive. */
export interface OrchestratedMemory {
  readonly segments: readonly DmaSegment[];
  /** What was mapped is given back. */
  release(): void;
}

/**
 * What the driver that orchestrates a transfer does before it submits (the RFC of 2019, by today's calls): asks the rules for
 * the drive in mind, and turns peer memory into DMA addresses. With `decorated`, each goes with one side object for all of
 * it. EINVAL where the rules refuse, as in Linux 7.2.
 */
export function orchestrate(
  system: System,
  drive: Device,
  provider: Provider,
  ranges: readonly PhysRange[],
  direction: DmaDirection,
  decorated: boolean,
): DmaResult<OrchestratedMemory> {
  const fn = functionIn(system, drive, "orchestrate");
  const ops = system.opsOf(fn);
  const device = system.deviceOf(fn);
  const mapped = ops.mapProviderRanges(device, provider, ranges, direction);
  if (!mapped.ok) return mapped;
  const mappings = mapped.value;
  const side: SideObject | null = decorated
    ? { provider, madeFor: fn, isBus: mappings.every(({ isBus }) => isBus) }
    : null;
  const segments = mappings.map(
    ({ address, lengthBytes }): DmaSegment => ({ kind: "dma", address, lengthBytes, side }),
  );
  return { ok: true, value: { segments, release: () => ops.unmapProviderRanges(device, mappings, direction) } };
}
