import type { Damage, Filling } from "../../measured/probe.ts";
import { readStamp, STAMP_BYTES } from "./stamps.ts";

const SHOWN_BYTES = 16;

/** A buffer as it is, as it should be, and as it was before; all of one length. */
export interface Comparison {
  readonly actual: Buffer;
  readonly expected: Buffer;
  readonly before: Buffer;
  /** Of the run, to know its stamps. */
  readonly nonce: Uint8Array;
  /** Address of the first block, where blocks are stamped with their addresses. */
  readonly address: number;
}

/** Compares byte for byte, and names what is wrong. */
export function findDamage(comparison: Comparison): Damage {
  const { actual, expected, before } = comparison;
  const first = firstDifference(actual, expected);
  if (first < 0) return { kind: "right" };
  if (actual.equals(before)) return { kind: "untouched" };
  if (isFilled(actual, 0xff)) return { kind: "all-ones" };
  if (isFilled(actual, 0)) return { kind: "all-zeros" };
  const rest = fillingOf(actual.subarray(first), before.subarray(first));
  if (first > 0 && rest !== null) return { kind: "torn", bytes: first, rest };
  return blockDamage(comparison, first);
}

/** Position of the first byte that differs, -1 where none does. */
function firstDifference(a: Buffer, b: Buffer): number {
  if (a.equals(b)) return -1;
  let start = 0;
  while (a.subarray(start, start + STAMP_BYTES).equals(b.subarray(start, start + STAMP_BYTES))) start += STAMP_BYTES;
  while (a[start] === b[start]) start++;
  return start;
}

/** True where all bytes are `value`. */
export function isFilled(bytes: Buffer, value: number): boolean {
  return bytes.length > 0 && bytes[0] === value && bytes.subarray(1).equals(bytes.subarray(0, bytes.length - 1));
}

function fillingOf(rest: Buffer, before: Buffer): Filling | null {
  if (rest.equals(before)) return "before";
  if (isFilled(rest, 0xff)) return "ones";
  return isFilled(rest, 0) ? "zeros" : null;
}

function blockDamage(comparison: Comparison, firstOffset: number): Damage {
  const { actual, expected, before } = comparison;
  const wrong: number[] = [];
  for (let offset = 0; offset < actual.length; offset += STAMP_BYTES) {
    if (!blockAt(actual, offset).equals(blockAt(expected, offset))) wrong.push(offset);
  }
  const blocks = wrong.length;
  if (wrong.every((offset) => blockAt(actual, offset).equals(blockAt(before, offset)))) {
    return { kind: "holes", firstOffset: wrong[0] ?? firstOffset, blocks };
  }
  const moved = movedBlocks(comparison, wrong);
  const [firstMoved] = moved;
  if (firstMoved !== undefined) {
    return { kind: "reordered", firstOffset: firstMoved.offset, from: firstMoved.from, blocks: moved.length };
  }
  return {
    kind: "corrupted",
    firstOffset,
    blocks,
    expected: expected.subarray(firstOffset, firstOffset + SHOWN_BYTES).toString("hex"),
    actual: actual.subarray(firstOffset, firstOffset + SHOWN_BYTES).toString("hex"),
  };
}

interface Moved {
  readonly offset: number;
  readonly from: number;
}

/** The wrong blocks that hold the data of another block, which is known by what it holds or by its stamp. */
function movedBlocks({ actual, expected, nonce, address }: Comparison, wrong: readonly number[]): readonly Moved[] {
  const places = placesOfBlocks(expected);
  return wrong.flatMap((offset): Moved[] => {
    const block = blockAt(actual, offset);
    const from = places.get(block.toString("latin1"));
    if (from !== undefined && from >= 0) return [{ offset, from }];
    const stamp = readStamp(nonce, block);
    if (stamp === null || stamp.kind === "canary" || stamp.address === address + offset) return [];
    return [{ offset, from: stamp.address - address }];
  });
}

/** Offsets by content; -1 for content that is there more than once, which tells nothing. */
function placesOfBlocks(bytes: Buffer): Map<string, number> {
  const places = new Map<string, number>();
  for (let offset = 0; offset < bytes.length; offset += STAMP_BYTES) {
    const content = blockAt(bytes, offset).toString("latin1");
    places.set(content, places.has(content) ? -1 : offset);
  }
  return places;
}

function blockAt(bytes: Buffer, offset: number): Buffer {
  return bytes.subarray(offset, offset + STAMP_BYTES);
}

/** True where each block differs from every other: only then does a comparison show that none was moved. */
export function areBlocksDistinct(bytes: Buffer): boolean {
  return [...placesOfBlocks(bytes).values()].every((offset) => offset >= 0);
}

const FILLINGS: Readonly<Record<Filling, string>> = {
  before: "what was there before is behind it",
  ones: "all ones are behind it",
  zeros: "all zeros are behind it",
};

/** A damage in words. */
export function damageText(damage: Damage): string {
  switch (damage.kind) {
    case "right":
      return "right";
    case "untouched":
      return "untouched: nothing arrived";
    case "all-ones":
      return "all ones";
    case "all-zeros":
      return "all zeros";
    case "torn":
      return `torn after ${damage.bytes} bytes: ${FILLINGS[damage.rest]}`;
    case "holes":
      return `${countText(damage.blocks)} not written, the first at byte ${damage.firstOffset}`;
    case "reordered":
      return `reordered: ${countText(damage.blocks)} of elsewhere; at byte ${damage.firstOffset} is what belongs at ${damage.from}`;
    case "corrupted":
      return `corrupted from byte ${damage.firstOffset} on: ${damage.actual} instead of ${damage.expected}`;
  }
}

function countText(blocks: number): string {
  return blocks === 1 ? "1 block" : `${blocks} blocks`;
}
