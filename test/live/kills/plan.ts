import { createCipheriv } from "node:crypto";
import type { Lane, Place } from "./places.ts";

const KIB = 1024;

/** Numbers and choices from a generator. */
export class Dice {
  readonly roll: () => number;

  constructor(roll: () => number) {
    this.roll = roll;
  }

  below(limit: number): number {
    return Math.floor(this.roll() * limit);
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }

  chance(share: number): boolean {
    return this.roll() < share;
  }

  /** A multiple of `unit` from `least` to `most`. */
  multiple(unit: number, least: number, most: number): number {
    const low = Math.ceil(least / unit);
    return (low + this.below(Math.floor(most / unit) - low + 1)) * unit;
  }

  /** Bytes that nothing else has: a key stream, as a generator of numbers would be slow. */
  bytes(length: number): Buffer {
    const key = Buffer.alloc(16);
    for (let at = 0; at < key.length; at += 4) key.writeUInt32LE(this.below(2 ** 32), at);
    return createCipheriv("aes-128-ctr", key, Buffer.alloc(16)).update(Buffer.alloc(length));
  }
}

/** What is there of a target file before. */
export type FileBefore = "new" | "shorter" | "as long" | "longer";

/** One copy, from where to where and how. */
export interface CopyCase {
  readonly source: Place;
  readonly target: Place;
  /** Of a file; what a disk has is fixed. */
  readonly sourceBytes: number;
  readonly before: FileBefore | null;
  /** Of a target file that is there. */
  readonly targetBytes: number;
  readonly range: { readonly sourceStart: number; readonly targetStart: number; readonly length: number };
  /** Options but for the journal. */
  readonly options: readonly string[];
  readonly isJournalNamed: boolean;
  /** About how many system calls that change something a byte takes. */
  readonly callsPerByte: number;
}

/**
 * A journal is written in two steps, each with its flush, behind one of the target; while that goes on no other is begun,
 * so of those that are due about a fifth comes: five calls, a fifth of the times.
 */
const CALLS_PER_CHECKPOINT_DUE = 1;

const LEAST_LENGTH = 192 * KIB;

/** Draws a copy from one place to another. */
export function planCase(dice: Dice, source: Place, target: Place): CopyCase {
  const sourceBytes = source.whole === null ? dice.multiple(1, 768 * KIB, source.sizeBytes) : source.sizeBytes;
  const sourceStart = offset(dice, source, sourceBytes - LEAST_LENGTH);
  const room = sourceBytes - sourceStart;
  const targetStart = offset(dice, target, target.sizeBytes - LEAST_LENGTH);
  // Files grow.
  const most = Math.min(room, target.whole === null ? room : target.sizeBytes - targetStart);
  const toTheEnd = most === room && dice.chance(0.4);
  const length = toTheEnd ? room : dice.multiple(dice.pick([1, 512, 4096]), LEAST_LENGTH, most);
  const before = target.whole === null ? dice.pick(["new", "shorter", "as long", "longer"] as const) : null;
  const end = targetStart + length;
  const lengths = { new: 0, shorter: dice.below(end), "as long": end, longer: end + 1 + dice.below(300 * KIB) };
  const syncEvery = dice.pick([64, 64, 128, 512, null]);
  const chunk = dice.pick([64, 64, 128, 256]);
  return {
    ...{ source, target, sourceBytes, before },
    targetBytes: before === null ? target.sizeBytes : lengths[before],
    range: { sourceStart, targetStart, length },
    options: [
      ...(sourceStart === 0 ? [] : ["--source-offset", String(sourceStart)]),
      ...(targetStart === 0 ? [] : ["--target-offset", String(targetStart)]),
      ...(toTheEnd ? [] : ["--length", String(length)]),
      ...["--chunk", `${chunk}K`, "--depth", dice.pick(["1", "2", "4", "8"])],
      ...(syncEvery === null ? [] : ["--sync-every", `${syncEvery}K`]),
      ...(dice.chance(0.3) ? ["--verify"] : []),
    ],
    isJournalNamed: dice.chance(0.5),
    callsPerByte: (1 / chunk + (syncEvery === null ? 0 : CALLS_PER_CHECKPOINT_DUE / Math.max(chunk, syncEvery))) / KIB,
  };
}

function offset(dice: Dice, place: Place, most: number): number {
  return dice.chance(0.3) ? 0 : dice.multiple(place.blockBytes, 0, most);
}

/** Every pair of places of a lane, in an order of its own for each seed. */
export function pairsOf(dice: Dice, { sources, targets }: Lane): readonly (readonly [number, number])[] {
  const pairs = sources.flatMap((_, i) => targets.map((_, j) => [i, j] as const));
  for (let i = pairs.length - 1; i > 0; i--) {
    const j = dice.below(i + 1);
    [pairs[i], pairs[j]] = [pairs[j] as [number, number], pairs[i] as [number, number]];
  }
  return pairs;
}

/** When a copy is killed. */
export interface KillPlan {
  /** `call`: at one of its system calls; `start`: some time after the start; the others: where the copy has come so far. */
  readonly when: "call" | "start" | "journal" | "target" | "written" | "all written";
  /** Of all calls, of the start's time, or of the bytes to be written. */
  readonly share: number;
  /** Of a kill at a call. */
  readonly moment: "before" | "during" | "after";
  readonly thenMs: number;
  readonly signal: NodeJS.Signals;
  /** Sent to the process group, as a terminal does. */
  readonly toGroup: boolean;
}

const SIGNALS = ["SIGKILL", "SIGKILL", "SIGKILL", "SIGINT", "SIGTERM", "SIGHUP"] as const;
const TIMES = ["start", "journal", "target", "written", "written", "all written"] as const;

/** Draws a moment and a way to end a copy. */
export function planKill(dice: Dice): KillPlan {
  return {
    when: dice.chance(0.6) ? "call" : dice.pick(TIMES),
    share: dice.roll(),
    moment: dice.pick(["before", "during", "after"]),
    thenMs: dice.chance(0.6) ? 0 : dice.roll() * 12,
    signal: dice.pick(SIGNALS),
    toGroup: dice.chance(0.3),
  };
}
