import type { Provider } from "../../memory/provider.ts";
import { type DmaAddr, PAGE_BYTES, type Pfn, physOfPfn } from "../../pci/addresses.ts";
import type { Bdf } from "../../pci/bdf.ts";
import { PeerlaneError } from "../../pci/error.ts";

/** A run of bytes in pages, as a `bio_vec` has it: a page frame, of RAM or of a peer, and not an address. */
export interface PageSegment {
  readonly kind: "pages";
  /** The first page; the others follow it. */
  readonly pfn: Pfn;
  /** Where in the first page it begins. */
  readonly offsetBytes: number;
  readonly lengthBytes: number;
}

/** A run of bytes without pages, as the RFC of 2019 has it: a DMA address that was made before the bio was submitted. */
export interface DmaSegment {
  readonly kind: "dma";
  readonly address: DmaAddr;
  readonly lengthBytes: number;
  /** What the address is good for; `null` where it goes undecorated. */
  readonly side: SideObject | null;
}

/** What travels beside a DMA address: whose memory it is and for whom it was made, to be recalled on its way. */
export interface SideObject {
  readonly provider: Provider;
  readonly madeFor: Bdf;
  /** True for a bus address, which any device with a direct path may use. */
  readonly isBus: boolean;
}

/** One of the two. */
export type BioSegment = PageSegment | DmaSegment;

/** A request for consecutive blocks. */
export interface Bio {
  readonly kind: "read" | "write";
  readonly block: number;
  readonly segments: readonly BioSegment[];
}

/** What a queue takes (`struct queue_limits`, Linux 7.2). */
export interface QueueLimits {
  readonly blockBytes: number;
  readonly maxSegments: number;
  readonly maxSegmentBytes: number;
  /** Bytes of one request. */
  readonly maxBytes: number;
  /** Pages of a peer are taken (`BLK_FEAT_PCI_P2PDMA`). */
  readonly takesPeerPages: boolean;
}

/** Bytes of a bio. */
export function bioBytes({ segments }: Bio): number {
  return segments.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);
}

/** A part of a segment: its bytes from `from` on. */
function partOfSegment(segment: BioSegment, from: number, lengthBytes: number): BioSegment {
  if (segment.kind === "dma") {
    return { ...segment, address: (segment.address + from) as DmaAddr, lengthBytes };
  }
  const at = segment.offsetBytes + from;
  const pages = Math.floor(at / PAGE_BYTES);
  return { ...segment, pfn: (segment.pfn + pages) as Pfn, offsetBytes: at - pages * PAGE_BYTES, lengthBytes };
}

/**
 * A bio as bios that a queue takes, in order: segments cut at `maxSegmentBytes`, bios at `maxSegments` and `maxBytes`, and
 * each at a block. `boundaryBytes` cuts at multiples of it on the device as well. Throws `bad-input` for bytes that are no
 * whole blocks, a segment or a block that is none, or a block that takes more segments than a request has.
 */
export function splitBio(
  bio: Bio,
  limits: QueueLimits,
  boundaryBytes: number = Number.POSITIVE_INFINITY,
): readonly Bio[] {
  const { blockBytes, maxBytes, maxSegments, maxSegmentBytes } = limits;
  const total = bioBytes(bio);
  if (total === 0 || total % blockBytes !== 0) {
    throw new PeerlaneError("bad-input", `${total} bytes are no whole blocks of ${blockBytes}`);
  }
  if (!isCount(bio.block) || !bio.segments.every(({ lengthBytes }) => isCount(lengthBytes))) {
    throw new PeerlaneError("bad-input", `${total} bytes from block ${bio.block} on are no run of blocks`);
  }
  const small = bio.segments.flatMap((segment) => cut(segment, maxSegmentBytes));
  const bios: Bio[] = [];
  let { block } = bio;
  let rest: readonly BioSegment[] = small;
  while (rest.length > 0) {
    const start = block * blockBytes;
    const toBoundary = boundaryBytes - (start % boundaryBytes);
    const room = Number.isNaN(toBoundary) ? maxBytes : Math.min(maxBytes, toBoundary);
    const offered = rest.slice(0, maxSegments).reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);
    const bytes = Math.floor(Math.min(room, offered) / blockBytes) * blockBytes;
    if (bytes === 0) {
      throw new PeerlaneError("bad-input", `a block of ${blockBytes} bytes takes more than ${maxSegments} segments`);
    }
    const [taken, left] = takeBytes(rest, bytes);
    bios.push({ ...bio, block, segments: taken });
    block += bytes / blockBytes;
    rest = left;
  }
  return bios;
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function cut(segment: BioSegment, maxBytes: number): readonly BioSegment[] {
  const parts: BioSegment[] = [];
  for (let from = 0; from < segment.lengthBytes; from += maxBytes) {
    parts.push(partOfSegment(segment, from, Math.min(maxBytes, segment.lengthBytes - from)));
  }
  return parts;
}

function takeBytes(
  segments: readonly BioSegment[],
  bytes: number,
): readonly [readonly BioSegment[], readonly BioSegment[]] {
  const taken: BioSegment[] = [];
  let left = bytes;
  for (const [index, segment] of segments.entries()) {
    if (left === 0) return [taken, segments.slice(index)];
    if (segment.lengthBytes > left) {
      const rest = partOfSegment(segment, left, segment.lengthBytes - left);
      return [
        [...taken, partOfSegment(segment, 0, left)],
        [rest, ...segments.slice(index + 1)],
      ];
    }
    taken.push(segment);
    left -= segment.lengthBytes;
  }
  return [taken, []];
}

/**
 * Bios of which neighbours that go on where the one before ends are one, as far as the limits allow. Segments that go on
 * become one as well, where `isOneMemory` says that both are of one memory: a peer's page never joins another's, or RAM. A
 * DMA address joins only one with the same side object.
 */
export function mergeBios(
  bios: readonly Bio[],
  limits: QueueLimits,
  isOneMemory: (start: number, sizeBytes: number) => boolean,
): readonly Bio[] {
  const merged: Bio[] = [];
  for (const bio of bios) {
    const last = merged.at(-1);
    const follows = last?.kind === bio.kind && last.block + bioBytes(last) / limits.blockBytes === bio.block;
    const joined =
      last !== undefined && follows ? joinSegments([...last.segments, ...bio.segments], limits, isOneMemory) : null;
    const whole = joined === null || last === undefined ? null : { ...last, segments: joined };
    if (whole !== null && whole.segments.length <= limits.maxSegments && bioBytes(whole) <= limits.maxBytes) {
      merged[merged.length - 1] = whole;
    } else merged.push({ ...bio, segments: joinSegments(bio.segments, limits, isOneMemory) });
  }
  return merged;
}

function joinSegments(
  segments: readonly BioSegment[],
  { maxSegmentBytes }: QueueLimits,
  isOneMemory: (start: number, sizeBytes: number) => boolean,
): readonly BioSegment[] {
  const joined: BioSegment[] = [];
  for (const segment of segments) {
    const last = joined.at(-1);
    const lengthBytes = (last?.lengthBytes ?? 0) + segment.lengthBytes;
    const goesOn = last !== undefined && endOf(last) === startOf(segment) && lengthBytes <= maxSegmentBytes;
    const isAlike =
      last?.kind === "dma"
        ? segment.kind === "dma" && last.side === segment.side
        : last !== undefined && segment.kind === "pages" && isOneMemory(startOf(last), lengthBytes);
    if (goesOn && isAlike) joined[joined.length - 1] = { ...last, lengthBytes };
    else joined.push(segment);
  }
  return joined;
}

/** Where a segment begins in its own space of addresses. */
export function startOf(segment: BioSegment): number {
  return segment.kind === "dma" ? segment.address : physOfPfn(segment.pfn) + segment.offsetBytes;
}

function endOf(segment: BioSegment): number {
  return startOf(segment) + segment.lengthBytes;
}
