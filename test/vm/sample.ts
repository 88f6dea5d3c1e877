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

/** Decides which boots to make: all that differ from their recording, and of the others a pairwise sample. */
export function planBoots<B>(
  boots: readonly B[],
  isRecorded: (boot: B) => boolean,
  factorsOf: (boot: B) => readonly string[],
): BootPlan<B> {
  const changed = bootsAll ? boots : boots.filter((boot) => !isRecorded(boot));
  const same = boots.filter((boot) => !changed.includes(boot));
  const sample = pairwiseSample(same, factorsOf, sampleSeed);
  const replayed = same.filter((boot) => !sample.includes(boot));
  const changes = bootsAll ? "all asked for" : `${changed.length} differ from their recording`;
  return {
    booted: [...changed, ...sample],
    replayed,
    summary: `${changed.length + sample.length} of ${boots.length} booted (${changes}, ${sample.length} sampled with seed ${sampleSeed}), ${replayed.length} replayed from recordings of equal kernel, QEMU, script and scenario`,
  };
}

/** A subset in which every pair of values of two factors occurs that occurs in the whole; which one, the seed decides. */
export function pairwiseSample<B>(
  items: readonly B[],
  factorsOf: (item: B) => readonly string[],
  seed: number,
): readonly B[] {
  const random = randomFrom(seed);
  const shuffled = items
    .map((item) => ({ item, key: random(), pairs: pairsOf(factorsOf(item)) }))
    .sort((a, b) => a.key - b.key);
  const missing = new Set(shuffled.flatMap(({ pairs }) => pairs));
  const sample: B[] = [];
  while (missing.size > 0) {
    const gains = shuffled.map(({ pairs }) => pairs.filter((pair) => missing.has(pair)).length);
    const best = shuffled[gains.indexOf(Math.max(...gains))];
    if (best === undefined) break;
    for (const pair of best.pairs) missing.delete(pair);
    sample.push(best.item);
  }
  return sample;
}

function pairsOf(factors: readonly string[]): string[] {
  return factors.flatMap((a, i) => factors.slice(i + 1).map((b, j) => JSON.stringify([i, a, i + 1 + j, b])));
}

/** SHA-256 of a recipe, as recordings carry it. */
export function recipeHash(recipe: string): string {
  return createHash("sha256").update(recipe).digest("hex");
}
