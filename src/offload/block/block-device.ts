import type { NvmeDriver } from "../../devices/nvme/driver.ts";
import type { System } from "../../devices/system.ts";
import { isReachable, reachOf } from "../../dma/reach.ts";
import { dmaEntries, type Scatterlist, scatterlist } from "../../dma/scatterlist.ts";
import type { PageLookup } from "../../memory/page-kind.ts";
import type { DmaSpan, PhysAddr } from "../../pci/addresses.ts";
import { type Bdf, formatBdf } from "../../pci/bdf.ts";
import { PeerlaneError } from "../../pci/error.ts";
import {
  type Bio,
  type BioSegment,
  type DmaSegment,
  mergeBios,
  type QueueLimits,
  type SideObject,
  splitBio,
  startOf,
} from "./bio.ts";

/** How a bio ended: `EREMOTEIO` where a queue takes no peer pages, `EINVAL` where a pair or an address is refused. */
export type BlockStatus = "ok" | "EREMOTEIO" | "EINVAL" | "EIO";

/** What became of a bio, and why where it failed. */
export interface BlockResult {
  readonly status: BlockStatus;
  readonly reason: string;
}

/** Something that takes bios: a drive, or a stack of them. */
export interface BlockDevice {
  readonly limits: QueueLimits;
  /** Carries bios out, in order, merged and split as its limits want it; the first that is not right ends it. */
  submit(bios: readonly Bio[]): BlockResult;
}

const OK: BlockResult = { status: "ok", reason: "" };

/** Limits of an NVMe queue as Linux sets them, in the model's numbers. */
const NVME_LIMITS: Omit<QueueLimits, "blockBytes"> = {
  maxSegments: 127,
  maxSegmentBytes: 2 ** 32,
  maxBytes: 2 ** 20,
  takesPeerPages: true,
};

/**
 * The queue of an NVMe namespace. Pages are mapped for the drive by the DMA API, as a list for each run of them; DMA addresses
 * travel on as they are, and the side object, where there is one, is asked whether they are good for this drive.
 */
export class NvmeBlockDevice implements BlockDevice {
  readonly limits: QueueLimits;
  /** Requests that went to the drive. */
  requests = 0;
  readonly #system: System;
  readonly #driver: NvmeDriver;

  constructor(system: System, driver: NvmeDriver, limits: Partial<QueueLimits> = {}) {
    this.#system = system;
    this.#driver = driver;
    this.limits = { ...NVME_LIMITS, blockBytes: driver.controller.blockBytes, ...limits };
    const { maxSegments, maxSegmentBytes, maxBytes } = this.limits;
    if (![maxSegments, maxSegmentBytes, maxBytes].every((limit) => Number.isSafeInteger(limit) && limit > 0)) {
      throw new PeerlaneError("bad-input", "a limit of a queue is no number from 1 on");
    }
  }

  /** The drive. */
  get fn(): Bdf {
    return this.#driver.controller.fn;
  }

  submit(bios: readonly Bio[]): BlockResult {
    const { maps } = this.#system;
    const isOneMemory = (start: number, sizeBytes: number): boolean => maps.isOneMemory(start as PhysAddr, sizeBytes);
    for (const merged of mergeBios(bios, this.limits, isOneMemory)) {
      for (const bio of splitBio(merged, this.limits)) {
        const result = this.#request(bio);
        if (result.status !== "ok") return result;
      }
    }
    return OK;
  }

  #request(bio: Bio): BlockResult {
    const refusal = this.#refusal(bio);
    if (refusal !== null) return refusal;
    const lists: Scatterlist[] = [];
    const direction = bio.kind === "read" ? "from-device" : "to-device";
    const device = this.#system.deviceOf(this.fn);
    const ops = this.#system.opsOf(this.fn);
    try {
      const spans: DmaSpan[] = [];
      for (const run of runsOf(bio.segments)) {
        if (run[0]?.kind === "dma") {
          spans.push(...(run as readonly DmaSegment[]).map(({ address, lengthBytes }) => ({ address, lengthBytes })));
          continue;
        }
        const entries = run.map((segment) => ({ start: startOf(segment) as PhysAddr, sizeBytes: segment.lengthBytes }));
        const list = scatterlist(entries, this.#system.maps);
        const mapped = ops.mapList(device, list, direction);
        // What the mapping refuses is `BLK_STS_INVAL` (Linux 7.2).
        if (!mapped.ok) return { status: "EINVAL", reason: mapped.reason };
        lists.push(list);
        spans.push(...dmaEntries(list));
      }
      this.requests++;
      const status = this.#driver.transfer(bio.kind, bio.block, spans);
      return status === "success" ? OK : { status: "EIO", reason: `${formatBdf(this.fn)}: ${status}` };
    } finally {
      for (const list of lists) ops.unmapList(device, list, direction);
    }
  }

  #refusal(bio: Bio): BlockResult | null {
    const refused = refusePeerPages(this.#system.maps, this.limits, bio, `the queue of ${formatBdf(this.fn)}`);
    if (refused !== null) return refused;
    for (const segment of bio.segments) {
      if (segment.kind === "dma" && segment.side !== null && !this.#isGood(segment, segment.side)) {
        const { madeFor, provider } = segment.side;
        const whose = `memory of ${formatBdf(provider.owner)}`;
        return {
          status: "EINVAL",
          reason: `the address of ${whose} was made for ${formatBdf(madeFor)}, and is not good for ${formatBdf(this.fn)}`,
        };
      }
    }
    return null;
  }

  /** Recalls what the address was made for: the same drive, or a bus address that this one can issue and reaches directly. */
  #isGood({ address, lengthBytes }: DmaSegment, { provider, madeFor, isBus }: SideObject): boolean {
    if (madeFor === this.fn) return true;
    const reach = reachOf(this.#system.deviceOf(this.fn));
    return isBus && isReachable(address, lengthBytes, reach) && this.#system.decide(provider, this.fn) === "bus-addr";
  }
}

/** EREMOTEIO for pages of a peer where a queue does not take them, as pinning says (`try_grab_folio`, Linux 7.2). */
function refusePeerPages(pages: PageLookup, limits: QueueLimits, { segments }: Bio, what: string): BlockResult | null {
  if (limits.takesPeerPages) return null;
  const isPeer = segments.some((one) => one.kind === "pages" && pages.kindAt(startOf(one) as PhysAddr) === "peer");
  return isPeer ? { status: "EREMOTEIO", reason: `${what} takes no peer pages` } : null;
}

function runsOf(segments: readonly BioSegment[]): readonly (readonly BioSegment[])[] {
  const runs: BioSegment[][] = [];
  for (const segment of segments) {
    const last = runs.at(-1);
    if (last?.[0]?.kind === segment.kind) last.push(segment);
    else runs.push([segment]);
  }
  return runs;
}

/**
 * Limits of a device on top of others: the least of each, and peer pages only where all parts take them
 * (`queue_limits_stack_bdev`: a stacked queue clears the flag unless all have it, Linux 7.2 and 7.3).
 */
export function stackedLimits(parts: readonly BlockDevice[]): QueueLimits {
  const [first, ...others] = parts.map(({ limits }) => limits);
  if (first === undefined) throw new PeerlaneError("bad-input", "a stack of no devices");
  if (others.some(({ blockBytes }) => blockBytes !== first.blockBytes)) {
    throw new PeerlaneError("bad-input", "the devices of a stack have blocks of different sizes");
  }
  return others.reduce(
    (all, one) => ({
      blockBytes: all.blockBytes,
      maxSegments: Math.min(all.maxSegments, one.maxSegments),
      maxSegmentBytes: Math.min(all.maxSegmentBytes, one.maxSegmentBytes),
      maxBytes: Math.min(all.maxBytes, one.maxBytes),
      takesPeerPages: all.takesPeerPages && one.takesPeerPages,
    }),
    first,
  );
}

/** md's raid0 in chunks, or raid1: what is written goes to one member by its place, or to all of them. */
export class MdDevice implements BlockDevice {
  readonly limits: QueueLimits;
  readonly #pages: PageLookup;
  readonly #level: "raid0" | "raid1";
  readonly #members: readonly BlockDevice[];
  readonly #chunkBytes: number;

  constructor(
    pages: PageLookup,
    level: "raid0" | "raid1",
    members: readonly BlockDevice[],
    chunkBytes: number = 2 ** 16,
  ) {
    this.#pages = pages;
    this.limits = stackedLimits(members);
    if (!(chunkBytes > 0) || chunkBytes % this.limits.blockBytes !== 0) {
      throw new PeerlaneError("bad-input", "a chunk is no whole blocks");
    }
    this.#level = level;
    this.#members = members;
    this.#chunkBytes = chunkBytes;
  }

  submit(bios: readonly Bio[]): BlockResult {
    const chunk = this.#chunkBytes / this.limits.blockBytes;
    for (const bio of bios) {
      const refused = refusePeerPages(this.#pages, this.limits, bio, "the stacked queue");
      if (refused !== null) return refused;
      const parts = this.#level === "raid0" ? splitBio(bio, this.limits, this.#chunkBytes) : [bio];
      for (const part of parts) {
        const index = Math.floor(part.block / chunk);
        const result =
          this.#level === "raid0"
            ? this.#member(index % this.#members.length).submit([
                { ...part, block: Math.floor(index / this.#members.length) * chunk + (part.block % chunk) },
              ])
            : this.#mirror(part);
        if (result.status !== "ok") return result;
      }
    }
    return OK;
  }

  #mirror(bio: Bio): BlockResult {
    if (bio.kind === "read") return this.#member(0).submit([bio]);
    for (const member of this.#members) {
      const result = member.submit([bio]);
      if (result.status !== "ok") return result;
    }
    return OK;
  }

  #member(index: number): BlockDevice {
    return this.#members[index] as BlockDevice;
  }
}

/** NVMe multipath: one namespace behind several controllers, of which the bio's path is chosen when it is submitted. */
export class MultipathDevice implements BlockDevice {
  readonly limits: QueueLimits;
  /** The path that is in use. */
  current = 0;
  readonly #pages: PageLookup;
  readonly #paths: readonly BlockDevice[];

  constructor(pages: PageLookup, paths: readonly BlockDevice[]) {
    this.#pages = pages;
    this.limits = stackedLimits(paths);
    this.#paths = paths;
  }

  submit(bios: readonly Bio[]): BlockResult {
    const path = this.#paths[this.current];
    if (path === undefined) throw new PeerlaneError("bad-input", `there is no path ${this.current}`);
    for (const bio of bios) {
      const refused = refusePeerPages(this.#pages, this.limits, bio, "the queue of the multipath head");
      if (refused !== null) return refused;
    }
    return path.submit(bios);
  }
}
