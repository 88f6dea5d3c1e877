import { type ByteRange, PAGE_BYTES } from "../../pci/addresses.ts";
import { entryAt } from "../../pci/entry-at.ts";
import { STAMP_BYTES } from "./stamps.ts";

/** One I/O to try: so many bytes of the disk from a position, into or out of memory from an offset. */
export interface Trial {
  readonly sizeBytes: number;
  readonly position: number;
  readonly bufferOffset: number;
}

/** The sizes that are tried, as far as pool and disk allow. */
export const DEFAULT_SIZES: readonly number[] = [4096, 65_536, 1_048_576];
/** The one size of a quick run. */
export const QUICK_SIZES: readonly number[] = [65_536];

/** Memory beside the largest I/O: pages for odd offsets, and blocks around the I/O that must stay as they are. */
const SPARE_BYTES = 4 * PAGE_BYTES;
/** Offsets that take turns: none, and odd numbers of pages. */
const OFFSETS: readonly number[] = [0, PAGE_BYTES, 3 * PAGE_BYTES];

/** The memory that I/Os of up to `sizeBytes` need. */
export function memoryFor(sizeBytes: number): number {
  return Math.ceil(sizeBytes / PAGE_BYTES) * PAGE_BYTES + SPARE_BYTES;
}

/** What limits the trials. */
export interface TrialLimits {
  /** Of the disk. */
  readonly range: ByteRange;
  /** I/O of the disk is in whole blocks of this size. */
  readonly blockBytes: number;
  readonly memoryBytes: number;
  readonly sizes: readonly number[];
}

/**
 * The I/Os to try, in ascending size: each size at the start, in the middle, aligned to blocks but not to itself, and at
 * the end of the range, from memory offsets that take turns. Sizes that do not fit are left out.
 */
export function planTrials({ range, blockBytes, memoryBytes, sizes }: TrialLimits): readonly Trial[] {
  const grain = Math.max(blockBytes, STAMP_BYTES);
  let turn = 0;
  return [...new Set(sizes)]
    .filter((size) => size % grain === 0 && size <= range.sizeBytes && memoryFor(size) <= memoryBytes)
    .sort((a, b) => a - b)
    .flatMap((sizeBytes) =>
      positionsOf(range, sizeBytes, grain).map((position): Trial => {
        const bufferOffset = entryAt(OFFSETS, turn++ % OFFSETS.length);
        return { sizeBytes, position, bufferOffset };
      }),
    );
}

function positionsOf({ start, sizeBytes: room }: ByteRange, size: number, grain: number): readonly number[] {
  const down = (value: number, unit: number): number => Math.floor(value / unit) * unit;
  const middle = down(room / 2, size);
  const unaligned = down(room / 3, size) + grain;
  const places = [0, middle, ...(unaligned % size === 0 ? [] : [unaligned]), down(room - size, grain)];
  return [...new Set(places)].filter((place) => place + size <= room).map((place) => start + place);
}
