import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { randomFrom } from "../random.ts";

/**
 * What is booted: `all`, or what differs from its recording and a sample of the rest (the default). `PEERLANE_BOOTS`;
 * recording boots all.
 */
export const bootsAll: boolean = process.env["PEERLANE_BOOTS"] === "all" || process.env["PEERLANE_RECORD"] === "1";

/** The seed of the sample: of the commit, so that each commit boots others; `PEERLANE_BOOT_SEED` repeats one. */
export const sampleSeed: number = Number(
  process.env["PEERLANE_BOOT_SEED"] ?? Number.parseInt(commit().slice(0, 7), 16),
);

function commit(): string {
  try {
    return execFileSync("git", ["rev-parse", "HEAD"], { cwd: import.meta.dirname, encoding: "utf8" });
  } catch {
    // A package without its history: one sample as good as any.
    return "0000001";
  }
}

/** What is booted of a suite, and how many of it and why. */
export interface BootPlan<B> {
  readonly booted: readonly B[];
  readonly replayed: readonly B[];
  /** For people: what was done with which. */
  readonly summary: string;
}

/** Decides which boots to make: all that differ from their recording, and of the others a sample with every mark. */
export function planBoots<B>(
  boots: readonly B[],
  isRecorded: (boot: B) => boolean,
  marksOf: (boot: B) => readonly string[],
): BootPlan<B> {
  const changed = bootsAll ? boots : boots.filter((boot) => !isRecorded(boot));
  const same = boots.filter((boot) => !changed.includes(boot));
  const sample = sampleOf(same, marksOf, sampleSeed);
  const replayed = same.filter((boot) => !sample.includes(boot));
  const changes = bootsAll ? "all asked for" : `${changed.length} differ from their recording`;
  return {
    booted: [...changed, ...sample],
    replayed,
    summary: `${changed.length + sample.length} of ${boots.length} booted (${changes}, ${sample.length} sampled with seed ${sampleSeed}), ${replayed.length} replayed from recordings of equal kernel, QEMU, script and scenario`,
  };
}

/** A small subset in which every mark occurs that some item bears; which one, the seed decides. */
export function sampleOf<B>(items: readonly B[], marksOf: (item: B) => readonly string[], seed: number): readonly B[] {
  const random = randomFrom(seed);
  const shuffled = items.map((item) => ({ item, key: random(), marks: marksOf(item) })).sort((a, b) => a.key - b.key);
  const missing = new Set(shuffled.flatMap(({ marks }) => marks));
  const sample: B[] = [];
  while (missing.size > 0) {
    const gains = shuffled.map(({ marks }) => marks.filter((mark) => missing.has(mark)).length);
    const best = shuffled[gains.indexOf(Math.max(...gains))];
    if (best === undefined) break;
    for (const mark of best.marks) missing.delete(mark);
    sample.push(best.item);
  }
  return sample;
}

/** Marks for a pairwise sample: each pair of values of two factors. */
export function pairsOf(factors: readonly string[]): string[] {
  return factors.flatMap((a, i) => factors.slice(i + 1).map((b, j) => JSON.stringify([i, a, i + 1 + j, b])));
}

/** SHA-256 of a recipe, as recordings carry it. */
export function recipeHash(recipe: string): string {
  return createHash("sha256").update(recipe).digest("hex");
}
