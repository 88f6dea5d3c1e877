import type { DifferenceView } from "../../measured/copy.ts";
import { PAGE_BYTES } from "../../pci/addresses.ts";

/** What the bytes of the target may be recognized as. */
export interface Suspects {
  /** What the transfer memory held before the source was read into it, at the start of each page. */
  readonly stamp: PageStamp;
  /** What the target held before it was written. */
  readonly targetBefore: Uint8Array;
}

/** Bytes that are found at the start of each page of a memory, and nowhere else: random ones, and the page's number. */
export type PageStamp = (page: number) => Buffer;

const SHOWN_BYTES = 16;
/** How much is looked at to say how it looks. */
const LOOK_BYTES = 512;

/** The first byte in which two buffers of one length differ; `-1` for none. Compares by halves, as the C library can. */
export function firstDifference(a: Buffer, b: Buffer): number {
  if (a.equals(b)) return -1;
  let start = 0;
  let end = a.length;
  while (end - start > 1) {
    const middle = start + Math.floor((end - start) / 2);
    if (a.compare(b, start, middle, start, middle) !== 0) end = middle;
    else start = middle;
  }
  return start;
}

/** Compares what lies at `start` of the range; `null` where both are the same. Both buffers have the same length. */
export function differenceOf(
  source: Buffer,
  target: Buffer,
  start: number,
  suspects?: Suspects,
): DifferenceView | null {
  const at = firstDifference(source, target);
  if (at < 0) return null;
  return {
    offset: start + at,
    looks: looksOf(target, at, suspects),
    source: source.toString("hex", at, at + SHOWN_BYTES),
    target: target.toString("hex", at, at + SHOWN_BYTES),
  };
}

function looksOf(target: Buffer, at: number, suspects: Suspects | undefined): DifferenceView["looks"] {
  const found = target.subarray(at, Math.min(at + LOOK_BYTES, target.length));
  if (suspects !== undefined) {
    const page = Math.floor(at / PAGE_BYTES);
    const stamp = suspects.stamp(page);
    if (stamp.equals(target.subarray(page * PAGE_BYTES, page * PAGE_BYTES + stamp.length))) return "never-read";
    if (found.equals(suspects.targetBefore.subarray(at, at + found.length))) return "never-written";
  }
  if (found.every((byte) => byte === 0)) return "zeros";
  if (found.every((byte) => byte === 0xff)) return "ones";
  return "other";
}
