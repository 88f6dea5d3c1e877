import { expect, test } from "vitest";
import { judgeMachine } from "./judge.ts";
import { Judgement } from "./judgement.ts";

/**
 * Machines that are made up, and all advice about them, by an independent judge: a generator, a walk of the rules, a boot
 * and IOMMU groups of its own, for which it puts a machine together anew with a card in another slot. What `fix` proposes
 * is carried out, no part of it may be enough, and no way of one or two steps may be missed.
 * PEERLANE_ADVICE_RUNS pairs are judged (`npm run fuzz:advice`: a million), from PEERLANE_ADVICE_SEED on.
 */

const runs = Number(process.env["PEERLANE_ADVICE_RUNS"] ?? 100_000);
const firstSeed = Number(process.env["PEERLANE_ADVICE_SEED"] ?? 1);
const PATIENT = { timeout: Math.max(600_000, runs * 10) };

test(
  `${runs} pairs in all advice about machines that are made up, from seed ${firstSeed} on: none is wrong, and no way of one or two steps is missed`,
  PATIENT,
  () => {
    const judgement = new Judgement();
    for (let seed = firstSeed; judgement.judged < runs; seed++) judgeMachine(judgement, seed);
    expect(judgement.faults.slice(0, 20)).toEqual([]);
    // A running machine does not show all that firmware left, and most of it is known all the same.
    expect(judgement.hidden / judgement.judged).toBeLessThan(0.1);
    // What is hardly judged is not known to be right.
    const shares = new Map([...judgement.pairs].map(([verb, count]) => [verb, count / judgement.judged]));
    for (const verb of ["as it is", "what-if", "move"]) expect(shares.get(verb), verb).toBeGreaterThan(0.1);
    for (const verb of ["fix", "fix --all", "diff"]) expect(shares.get(verb), verb).toBeGreaterThan(0.02);
    for (const verb of ["find", "check", "history"]) expect(shares.get(verb), verb).toBeGreaterThan(0.001);
    for (const what of ["proposals of fix", "parts of proposals of fix", "one-step searches", "two-step searches"]) {
      expect(judgement.others.get(what), what).toBeGreaterThan(runs / 1000);
    }
  },
);
