import fc from "fast-check";
import { expect, test } from "vitest";
import { MAPPING_DESIGNS } from "../../src/lab/designs/all-designs.ts";
import type { SegmentKind } from "../../src/lab/list-kinds.ts";
import { MACHINE_CLASSES } from "../../src/lab/machines/all-classes.ts";
import type { ClassId } from "../../src/lab/machines/machine-class.ts";
import { outcomeOf } from "../../src/lab/outcome.ts";
import { DesignRunner } from "../../src/lab/run.ts";
import { parseRunId, runId } from "../../src/lab/run-id.ts";

const runners = new Map<string, DesignRunner>();

/** One runner for each design and machine: a run must leave nothing behind that changes the next one. */
function benchOf(design: (typeof MAPPING_DESIGNS)[number], kind: (typeof MACHINE_CLASSES)[number]): DesignRunner {
  const key = `${design.id} ${kind.id}`;
  const runner = runners.get(key) ?? new DesignRunner(design, kind);
  runners.set(key, runner);
  return runner;
}

const plans = fc.record({
  design: fc.constantFrom(...MAPPING_DESIGNS),
  kind: fc.constantFrom(...MACHINE_CLASSES),
  seed: fc.nat({ max: 999_999_999 }),
  segments: fc.array(fc.constantFrom<SegmentKind>("a", "b", "r"), { minLength: 1, maxLength: 24 }),
});

/** Hardware that does otherwise than the rules say, and the one class on which the rules leave an offset out of account. */
const RULES_ARE_WRONG: readonly ClassId[] = [
  "acs-no-forwarding",
  "bus-offset-root-ports",
  "writes-only",
  "emulated-switch",
];

test("whatever a design says, everything is unmapped again, and only a wrong address writes elsewhere", () => {
  fc.assert(
    fc.property(plans, ({ design, kind, seed, segments }) => {
      const result = benchOf(design, kind).run(segments, seed);
      expect(result.isRestored).toBe(true);
      if (outcomeOf(result) !== "wrong-address") expect(result.isContained).toBe(true);
      if (!segments.includes("a") && !segments.includes("b")) expect(outcomeOf(result)).toBe("right");
    }),
    { numRuns: 1500 },
  );
});

test("what Linux maps today is right wherever the hardware does as the rules say", () => {
  const today = MAPPING_DESIGNS.filter(({ id }) => id === "special-pages" || id === "provider-ranges");
  const kinds = MACHINE_CLASSES.filter(({ id }) => !RULES_ARE_WRONG.some((wrong) => wrong === id));
  fc.assert(
    fc.property(plans, fc.constantFrom(...today), fc.constantFrom(...kinds), ({ seed, segments }, design, kind) => {
      expect(["right", "refused"]).toContain(outcomeOf(benchOf(design, kind).run(segments, seed)));
    }),
    { numRuns: 1000 },
  );
});

test("the id of any run leads back to it", () => {
  fc.assert(
    fc.property(plans, (plan) => {
      expect(parseRunId(runId(plan))).toEqual(plan);
    }),
  );
});
