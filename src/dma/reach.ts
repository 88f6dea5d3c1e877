import { formatAddress, type PhysRange } from "../pci/addresses.ts";
import { formatBdf } from "../pci/bdf.ts";
import { PeerlaneError } from "../pci/error.ts";
import type { DmaDevice } from "./dma-device.ts";
import { type DmaFailure, dmaFailure } from "./dma-error.ts";
import type { Scatterlist } from "./scatterlist.ts";

/** The first address that a device cannot issue. */
export function reachOf(device: DmaDevice): number {
  return Math.min(2 ** device.maskBits, Number.MAX_SAFE_INTEGER);
}

/** True where a device with a given reach can issue the whole range (`dma_capable`, Linux 7.2). */
export function isReachable(address: number, sizeBytes: number, reach: number): boolean {
  return address >= 0 && address + sizeBytes <= reach;
}

/** EIO for an address that the device cannot issue. */
export function beyondMask(device: DmaDevice, address: number, sizeBytes: number): DmaFailure {
  const range = address < 0 ? `${address}` : `${formatAddress(address)} + ${sizeBytes}`;
  return dmaFailure("EIO", `${formatBdf(device.bdf)} cannot issue ${range} with ${device.maskBits} address bits`);
}

/** EINVAL where a list is empty; throws `bad-input` where it is mapped already, which would lose the mapping. */
export function refuseList(list: Scatterlist): DmaFailure | null {
  if (list.dmaCount !== 0) throw new PeerlaneError("bad-input", "the scatterlist is mapped already; unmap it first");
  return list.count === 0 ? dmaFailure("EINVAL", "the scatterlist is empty") : null;
}

/** EINVAL where a range holds no byte or is no range of addresses. */
export function refuseRange(range: PhysRange): DmaFailure | null {
  const { start, sizeBytes } = range;
  const isRange = Number.isSafeInteger(start) && start >= 0 && Number.isSafeInteger(sizeBytes) && sizeBytes > 0;
  return isRange && Number.isSafeInteger(start + sizeBytes)
    ? null
    : dmaFailure("EINVAL", `${start} + ${sizeBytes} bytes is no range of addresses`);
}

/** EINVAL where ranges are none or one of them is no range. */
export function refuseRanges(ranges: readonly PhysRange[]): DmaFailure | null {
  if (ranges.length === 0) return dmaFailure("EINVAL", "there are no ranges to map");
  for (const range of ranges) {
    const refusal = refuseRange(range);
    if (refusal !== null) return refusal;
  }
  return null;
}
