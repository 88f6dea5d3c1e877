import { type Scatterlist, scatterlist } from "../dma/scatterlist.ts";
import { mixBits } from "../memory/mix-bits.ts";
import { PAGE_BYTES, type PhysAddr } from "../pci/addresses.ts";
import { PeerlaneError } from "../pci/error.ts";
import type { LabMachine } from "./lab-machine.ts";

/** What a segment is: memory of `peerA`, of `peerB`, or RAM. */
export type SegmentKind = "a" | "b" | "r";

/** The kinds of list; those of one peer tell its pair apart from the other. */
export const LIST_KINDS = ["no-peer", "mixed", "all-peer", "only-a", "only-b"] as const;

/** One of {@link LIST_KINDS}. */
export type ListKind = (typeof LIST_KINDS)[number];

/** Segments of a list at most. */
export const MAX_SEGMENTS = 4096;

/** The segments of a list of a kind and length; throws `usage` for lengths that the lab does not have. */
export function segmentsOf(listKind: ListKind, length: number): readonly SegmentKind[] {
  checkLength(length);
  return Array.from({ length }, (_, index): SegmentKind => {
    // Runs of two of one owner: what a design keeps from segment to segment has to be kept, and given up again.
    const peer = ((index + 1) >> 1) % 2 === 0 ? "a" : "b";
    if (listKind === "no-peer") return "r";
    if (listKind === "only-a") return "a";
    if (listKind === "only-b") return "b";
    return listKind === "mixed" && index % 2 === 1 ? "r" : peer;
  });
}

/** Throws `usage` unless a list may be so long. */
export function checkLength(length: number): void {
  if (Number.isInteger(length) && length >= 1 && length <= MAX_SEGMENTS) return;
  throw new PeerlaneError("usage", `a list of ${length} segments; the lab has 1 to ${MAX_SEGMENTS}`);
}

/**
 * The list itself: each segment is a page. Where a kind's pages begin depends on the seed; every other page follows the one
 * before it, so that back ends find something to join.
 */
export function listOf(machine: LabMachine, kinds: readonly SegmentKind[], seed: number): Scatterlist {
  const { ram, peers } = machine;
  const ranges = { r: ram, a: peers[0].range, b: peers[1].range };
  const pages = ram.sizeBytes / PAGE_BYTES;
  return scatterlist(
    kinds.map((kind, index) => {
      const { start } = ranges[kind];
      const page = (firstPage(seed, kind) + (index >> 1) * 5 + (index & 1)) % pages;
      return { start: (start + page * PAGE_BYTES) as PhysAddr, sizeBytes: PAGE_BYTES };
    }),
  );
}

/** A number of 12 bits, spread over seeds that follow each other. */
function firstPage(seed: number, kind: SegmentKind): number {
  return mixBits(seed * 3 + "abr".indexOf(kind)) % 4096;
}
