import type { PageLookup } from "../memory/page-kind.ts";
import { type DmaAddr, type DmaSpan, formatAddress, type PhysRange } from "../pci/addresses.ts";
import { noEntry } from "../pci/entry-at.ts";
import { PeerlaneError } from "../pci/error.ts";

/**
 * A scatterlist with its CPU side and its DMA side apart, as flat arrays. After mapping, the DMA side may have fewer
 * entries than the CPU side (merged ones), in order, and names no CPU entry.
 */
export interface Scatterlist {
  /** Entries of the CPU side. */
  readonly count: number;
  /** CPU physical address of each entry, page granular or not; no back end maps an entry that leaves its provider or RAM. */
  readonly phys: Float64Array;
  /** Bytes of each entry, at least 1. */
  readonly lengths: Float64Array;
  /** Entries of the DMA side, 0 while not mapped. */
  dmaCount: number;
  readonly dmaAddress: Float64Array;
  readonly dmaLengths: Float64Array;
  /** 1 where the DMA address is a bus address (`SG_DMA_BUS_ADDRESS`): unmap and the IOMMU skip it. */
  readonly dmaIsBus: Uint8Array;
}

/** What the DMA API gives for a run of bytes, with what only the host knows: that no IOMMU looks at the address. */
export interface DmaEntry extends DmaSpan {
  readonly isBus: boolean;
}

/**
 * Makes a list that is not mapped; throws `bad-input` for an entry that is no run of bytes below 2^53 or, where `pages`
 * are given, leaves the provider or the RAM in which it begins. Without, the back ends refuse such an entry.
 */
export function scatterlist(entries: readonly PhysRange[], pages?: PageLookup): Scatterlist {
  const count = entries.length;
  const list: Scatterlist = {
    count,
    phys: new Float64Array(count),
    lengths: new Float64Array(count),
    dmaCount: 0,
    dmaAddress: new Float64Array(count),
    dmaLengths: new Float64Array(count),
    dmaIsBus: new Uint8Array(count),
  };
  entries.forEach(({ start, sizeBytes }, index) => {
    const isRun = Number.isSafeInteger(sizeBytes) && sizeBytes > 0 && Number.isSafeInteger(start + sizeBytes);
    if (!isRun || start < 0) {
      throw new PeerlaneError(
        "bad-input",
        `entry ${index} of the scatterlist, ${start} + ${sizeBytes}, is no run of bytes`,
      );
    }
    if (pages?.isOneMemory(start, sizeBytes) === false) {
      throw new PeerlaneError(
        "bad-input",
        `entry ${index} of the scatterlist, ${formatAddress(start)} + ${sizeBytes}, leaves its provider, or RAM`,
        { remedy: "split it where the provider's memory, or the RAM, ends" },
      );
    }
    list.phys[index] = start;
    list.lengths[index] = sizeBytes;
  });
  return list;
}

/** The DMA side as objects. */
export function dmaEntries(list: Scatterlist): readonly DmaEntry[] {
  return Array.from({ length: list.dmaCount }, (_, index) => ({
    address: (list.dmaAddress[index] ?? noEntry(index)) as DmaAddr,
    lengthBytes: list.dmaLengths[index] ?? noEntry(index),
    isBus: list.dmaIsBus[index] === 1,
  }));
}
