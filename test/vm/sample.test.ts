import { describe, expect, test } from "vitest";
import { pairsOf, planBoots, sampleOf } from "./sample.ts";

const whole = ["a", "b", "c", "d"].flatMap((shape) =>
  ["amd", "intel"].flatMap((cpu) => ["off", "strict", "pt"].map((mode) => [shape, cpu, mode])),
);

describe("a sample", () => {
  test("holds every pair of values that the whole holds, in fewer members, where pairs are the marks", () => {
    for (let seed = 0; seed < 50; seed++) {
      const sample = sampleOf(whole, pairsOf, seed);
      for (const [i, j] of [
        [0, 1],
        [0, 2],
        [1, 2],
      ] as const) {
        const pairs = (items: readonly string[][]) => new Set(items.map((item) => `${item[i]} ${item[j]}`));
        expect(pairs(sample)).toEqual(pairs(whole));
      }
      expect(sample.length).toBeLessThan(whole.length);
    }
  });

  test("holds every mark, however rare", () => {
    for (let seed = 0; seed < 50; seed++) {
      const sample = sampleOf(whole, ([shape = "", ...rest]) => [shape, ...pairsOf(rest)], seed);
      expect(new Set(sample.map(([shape]) => shape))).toEqual(new Set(["a", "b", "c", "d"]));
      expect(new Set(sample.map(([, ...rest]) => rest.join()))).toHaveLength(6);
    }
  });

  test("is another one with another seed, and the same one with the same", () => {
    const of = (seed: number) => sampleOf(whole, pairsOf, seed);
    expect(of(1)).toEqual(of(1));
    expect(new Set(Array.from({ length: 20 }, (_, seed) => JSON.stringify(of(seed)))).size).toBeGreaterThan(1);
  });
});

describe("a plan of boots", () => {
  test("boots all that differs from its recording, beside the sample", () => {
    const plan = planBoots(whole, ([shape]) => shape !== "a", pairsOf);
    expect(plan.booted.filter(([shape]) => shape === "a")).toHaveLength(6);
    expect(plan.booted.length + plan.replayed.length).toBe(whole.length);
    expect(plan.replayed.every(([shape]) => shape !== "a")).toBe(true);
  });
});
