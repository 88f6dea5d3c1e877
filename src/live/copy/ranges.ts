import type { ByteRange } from "../../pci/addresses.ts";
import { PAGE_BYTES } from "../../pci/addresses.ts";
import { PeerlaneError } from "../../pci/error.ts";
import { formatSize } from "../../pci/size.ts";

/** One side of a copy, as far as arithmetic goes. */
export interface Extent {
  /** For messages. */
  readonly name: string;
  readonly sizeBytes: number;
  readonly blockBytes: number;
  /** Files grow; devices end. */
  readonly canGrow: boolean;
}

/** What is copied where. Offsets count from the start of each side; the parts count from the start of the range. */
export interface CopyRanges {
  readonly sourceStart: number;
  readonly targetStart: number;
  readonly lengthBytes: number;
  /** What moves through the transfer memory: whole blocks of both sides. The rest, less than a block, is the tail. */
  readonly bulkBytes: number;
}

/** What is asked of the ranges. */
export interface RangeRequest {
  readonly sourceOffsetBytes: number;
  readonly targetOffsetBytes: number;
  readonly lengthBytes: number | null;
  readonly chunkBytes: number;
}

/** Resolves the ranges. Throws `usage` where they do not fit: misaligned, beyond an end, or empty. */
export function resolveRanges(source: Extent, target: Extent, request: RangeRequest): CopyRanges {
  const { sourceOffsetBytes: sourceStart, targetOffsetBytes: targetStart, chunkBytes } = request;
  requireAligned("--source-offset", sourceStart, source);
  requireAligned("--target-offset", targetStart, target);
  const block = Math.max(source.blockBytes, target.blockBytes);
  const unit = Math.max(block, PAGE_BYTES);
  if (chunkBytes < unit || chunkBytes % unit !== 0) {
    throw new PeerlaneError("usage", `--chunk ${chunkBytes} is no multiple of ${unit} bytes`, {
      remedy: "a chunk is whole pages and whole blocks: --chunk 1M",
    });
  }
  const lengthBytes = request.lengthBytes ?? source.sizeBytes - sourceStart;
  if (sourceStart + lengthBytes > source.sizeBytes || lengthBytes < 0) {
    throw new PeerlaneError("usage", `${source.name} ends at ${source.sizeBytes} bytes, before what is to be copied`, {
      facts: { "asked for": `${request.lengthBytes ?? "all"} bytes from ${sourceStart}` },
      remedy: "give a smaller --length or --source-offset",
    });
  }
  if (lengthBytes === 0) {
    throw new PeerlaneError("usage", `${source.name} has nothing to copy there`, {
      remedy: "name a source that is not empty, or a smaller --source-offset",
    });
  }
  const end = targetStart + lengthBytes;
  if (!Number.isSafeInteger(end)) throw new PeerlaneError("usage", "the target range is beyond any device");
  if (!target.canGrow && end > target.sizeBytes) throw tooSmall(target, targetStart, lengthBytes);
  return { sourceStart, targetStart, lengthBytes, bulkBytes: lengthBytes - (lengthBytes % block) };
}

function tooSmall(target: Extent, targetStart: number, lengthBytes: number): PeerlaneError {
  const room = Math.max(0, target.sizeBytes - targetStart);
  return new PeerlaneError("usage", `${target.name} is too small: ${lengthBytes} bytes are to go where ${room} fit`, {
    facts: { "size of the target": `${target.sizeBytes} bytes (${formatSize(target.sizeBytes)})` },
    remedy: `copy a part with --length ${room}, or name a larger target`,
  });
}

function requireAligned(option: string, offset: number, { name, blockBytes }: Extent): void {
  if (offset % blockBytes === 0) return;
  throw new PeerlaneError("usage", `${option} ${offset} is no multiple of ${name}'s block of ${blockBytes} bytes`, {
    remedy: `the nearest that are: ${offset - (offset % blockBytes)} and ${roundUp(offset, blockBytes)}`,
  });
}

/** The next multiple. */
export function roundUp(bytes: number, unit: number): number {
  return Math.ceil(bytes / unit) * unit;
}

/** How many bytes lie in at least one of some ranges. */
export function coveredBytes(ranges: readonly ByteRange[]): number {
  let [covered, end] = [0, 0];
  for (const { start, sizeBytes } of [...ranges].sort((a, b) => a.start - b.start)) {
    covered += Math.max(0, start + sizeBytes - Math.max(start, end));
    end = Math.max(end, start + sizeBytes);
  }
  return covered;
}
