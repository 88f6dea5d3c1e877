import { isTranslating, type Machine } from "../host/machine.ts";
import { type Bdf, formatBdf } from "../pci/bdf.ts";
import type { PciFunction } from "../pci/function.ts";
import { isUnknown, type Known } from "../pci/known.ts";
import { formatSize } from "../pci/size.ts";
import type { Topology } from "../pci/topology.ts";
import type { PeerDirection } from "../routes/peer-routes.ts";
import type { DataPath } from "./crossings.ts";

type Column = readonly [value: number, low: number, high: number];

/** Bytes of the pages that a working set is taken to be mapped by. */
const PAGE_BYTES = 4096;
/** How many times as far 2 MiB pages reach. */
const LARGE_PAGE_TIMES = 512;

/**
 * What look-ups of an IOMMU cost. The first two are fitted to the points of docs/time.md that read 64 bytes at random, the
 * third is what a single read of them took longer; the ranges are what other hosts of Xeon E5 v2 to v4 showed. MODEL: every
 * IOMMU as these. A Sandy Bridge, whose walks took up to 200 ns, is outside.
 */
export const LOOK_UP: Readonly<Record<"reachPages" | "walkNs" | "walkLatencyNs", Column>> = {
  /** Pages whose translations are at hand: of IOTLB and page walk caches together. */
  reachPages: [77, 64, 128],
  /** Nanoseconds from one end of a walk to the next one's; several go on at once. */
  walkNs: [49.5, 44, 60],
  /** Nanoseconds that a request waits for its walk. */
  walkLatencyNs: [280, 230, 350],
};

/** Bytes whose translations are at hand, in pages of 4 KiB. */
export const REACH_BYTES: number = LOOK_UP.reachPages[0] * PAGE_BYTES;

const WALKERS = Math.round(LOOK_UP.walkLatencyNs[0] / LOOK_UP.walkNs[0]);

/**
 * The same for a model that walks page by page, as {@link LOOK_UP} has it together: translations that are remembered, walks
 * at once, and nanoseconds of each, so that they end as often as there.
 */
export const WALKED_IOMMU: Readonly<Record<"entries" | "walkers" | "walkNs" | "pageBytes", number>> = {
  entries: LOOK_UP.reachPages[0],
  walkers: WALKERS,
  walkNs: WALKERS * LOOK_UP.walkNs[0],
  pageBytes: PAGE_BYTES,
};

/** The look-ups that a path's requests need, in the IOMMU of the root complex. */
export interface LookUps {
  /** Bytes over which requests go, at random; `null`: not said, and taken as within reach. */
  readonly windowBytes: number | null;
  /** The part of the pages touched whose translation is not at hand. */
  readonly missed: { readonly value: number; readonly low: number; readonly high: number };
  /** Who asks with translations of its own (ATS), which are not looked up; else `null`. */
  readonly translatedBy: Bdf | null;
}

/**
 * The look-ups of a path; `null` where its requests meet no IOMMU that translates: they turn in a switch, or pass through.
 * Unknown where the mode is not known and would make a difference. `requester` is who reads or writes.
 */
export function lookUpsOf(
  { iommu: { mode } }: Machine,
  topology: Topology,
  { turn }: DataPath,
  requester: Bdf,
  windowBytes: number | null,
): Known<LookUps | null> {
  if (turn !== "root-complex") return null;
  const isTranslated = hasAtsOn(topology.functionOf(requester));
  if (isUnknown(mode)) return isTranslated ? null : mode;
  if (!isTranslating(mode)) return null;
  if (isTranslated) {
    return { windowBytes, missed: { value: 0, low: 0, high: 0 }, translatedBy: requester };
  }
  if (windowBytes === null) return { windowBytes, missed: { value: 0, low: 0, high: 1 }, translatedBy: null };
  const [value, fewest, most] = LOOK_UP.reachPages.map((pages) => Math.max(0, 1 - (pages * PAGE_BYTES) / windowBytes));
  return { windowBytes, missed: { value: value ?? 0, low: most ?? 0, high: fewest ?? 0 }, translatedBy: null };
}

const EXTENDED_ATS = 0x0f;

function hasAtsOn({ capabilities }: PciFunction): boolean {
  if (isUnknown(capabilities)) return false;
  return capabilities.some(
    ({ space, id, decoded }) => space === "extended" && id === EXTENDED_ATS && decoded["enabled"] === true,
  );
}

/**
 * 10^9 data bytes per second of what would be `gbps` without look-ups: each transfer touches its pages, and of `missed` of
 * them a walk is waited for. Writes are sent and not waited for, so that links and walks work at once and the slower one
 * holds. MODEL: of reads the two times add as the sides of a right angle, between at once and one after the other.
 */
export function withWalks(
  operation: PeerDirection,
  gbps: number,
  sizeBytes: number,
  missed: number,
  walkNs: number,
): number {
  const transferNs = sizeBytes / gbps;
  const walksNs = missed * walkNs * Math.ceil(sizeBytes / PAGE_BYTES);
  if (operation === "write") return walksNs <= transferNs ? gbps : sizeBytes / walksNs;
  return walksNs === 0 ? gbps : sizeBytes / Math.hypot(transferNs, walksNs);
}

/** What is taken of a path's look-ups, in words; of a path without any only where a window was asked for. */
export function lookUpWords(lookUps: Known<LookUps | null>, asked: number | null): string | null {
  if (isUnknown(lookUps)) {
    return `it is assumed that no IOMMU translates; where one does, look-ups may cost, most of all those of small requests over more than ${formatSize(REACH_BYTES)} (${lookUps.unknown})`;
  }
  if (lookUps === null) {
    if (asked === null) return null;
    return `a working set of ${formatSize(asked)} is like any other: no IOMMU translates on the way`;
  }
  const { translatedBy, windowBytes, missed } = lookUps;
  const reach = `${formatSize(REACH_BYTES)} of 4 KiB pages (${LARGE_PAGE_TIMES} times as much of 2 MiB pages)`;
  if (translatedBy !== null) {
    return `ATS of ${formatBdf(translatedBy)} is on: its requests come translated, and none waits for a walk of the IOMMU`;
  }
  if (windowBytes === null) {
    return `the IOMMU translates, and the working set is within its reach, taken as ${reach}; the low end is far beyond it (--window says how large it is)`;
  }
  if (missed.value === 0)
    return `a working set of ${formatSize(windowBytes)} is within the IOMMU's reach, taken as ${reach}`;
  return `a working set of ${formatSize(windowBytes)} at random, beyond the IOMMU's reach, taken as ${reach}`;
}

/** What look-ups cost a path, as the name of a loss; only of a path that has some. */
export function walkWords({ windowBytes, missed }: LookUps): string {
  const set = windowBytes === null ? "a working set beyond its reach" : `a working set of ${formatSize(windowBytes)}`;
  return `the IOMMU walks its tables for ${Math.round(missed.value * 100)} % of the 4 KiB pages of ${set}`;
}
