import type { DmaAddr, PhysRange } from "../pci/addresses.ts";
import type { DmaDevice } from "./dma-device.ts";
import type { DmaResult } from "./dma-error.ts";
import type { DmaMapping } from "./dma-ops.ts";
import { beyondMask, isReachable, reachOf } from "./reach.ts";

/** Each range at its physical address plus an offset; EIO where the device cannot issue one of them. */
export function offsetMappings(
  device: DmaDevice,
  ranges: readonly PhysRange[],
  offset: number,
  isBus: boolean,
): DmaResult<readonly DmaMapping[]> {
  const reach = reachOf(device);
  const mappings: DmaMapping[] = [];
  for (const { start, sizeBytes } of ranges) {
    const address = start + offset;
    if (!isReachable(address, sizeBytes, reach)) return beyondMask(device, address, sizeBytes);
    mappings.push({ address: address as DmaAddr, lengthBytes: sizeBytes, isBus });
  }
  return { ok: true, value: mappings };
}
