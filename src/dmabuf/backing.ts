import type { DmaDirection } from "../dma/dma-device.ts";
import type { DmaResult } from "../dma/dma-error.ts";
import type { DmaMapping, StaleReach } from "../dma/dma-ops.ts";
import { PeerlaneError } from "../pci/error.ts";
import type { Attachment, Backing, Importer } from "./dma-buf.ts";

/** Bytes of a backing. */
export function sizeOf({ ranges }: Backing): number {
  return ranges.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}

/** Maps a backing for an importer's device, as exporters without pages do (`dma_buf_phys_vec_to_sgt`, Linux 6.19). */
export function mapBacking(
  attachment: Attachment,
  { provider, ranges }: Backing,
  direction: DmaDirection,
): DmaResult<readonly DmaMapping[]> {
  const { device, dma } = targetOf(attachment);
  return dma.mapProviderRanges(device, provider, ranges, direction);
}

/** Undoes {@link mapBacking}. */
export function unmapBacking(attachment: Attachment, mappings: readonly DmaMapping[], direction: DmaDirection): void {
  const { device, dma } = targetOf(attachment);
  dma.unmapProviderRanges(device, mappings, direction);
}

/** {@link unmapBacking} that returns when no IOTLB has the ranges any more. */
export function unlinkBacking(attachment: Attachment, mappings: readonly DmaMapping[], direction: DmaDirection): void {
  const { device, dma } = targetOf(attachment);
  dma.unlinkProviderRanges(device, mappings, direction);
}

/** What is still reached through a mapping that was undone. */
export function staleReachOf(attachment: Attachment, mapping: DmaMapping): StaleReach {
  const { device, dma } = targetOf(attachment);
  return dma.staleReach(device, mapping);
}

function targetOf({ importer, buffer }: Attachment): NonNullable<Importer["target"]> {
  if (importer.target !== null) return importer.target;
  throw new PeerlaneError("usage", `${importer.name} maps ${buffer.name} without a device`, {
    remedy: "an importer that fills page tables of its own asks for the backing instead",
  });
}
