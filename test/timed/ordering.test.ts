import { describe, expect, test } from "vitest";
import { blockersOf, MAY_PASS, MAY_PASS_RELAXED, TLP_CLASSES, waitersOf } from "../../src/timed/ordering.ts";

describe("Whether a TLP passes an earlier one (PCIe 6.0 table 2-41, where it leaves a choice the model's)", () => {
  test.each([
    ["posted", "posted", "no", "no"],
    ["posted", "non-posted", "yes", "yes"],
    ["posted", "completion", "yes", "yes"],
    ["non-posted", "posted", "no", "no"],
    ["non-posted", "non-posted", "no", "no"],
    ["non-posted", "completion", "yes", "yes"],
    ["completion", "posted", "no", "yes"],
    ["completion", "non-posted", "yes", "yes"],
    ["completion", "completion", "no", "no"],
  ] as const)("%s passes %s: %s; with Relaxed Ordering %s", (later, earlier, plain, relaxed) => {
    expect(MAY_PASS[later][earlier]).toBe(plain === "yes");
    expect(MAY_PASS_RELAXED[later][earlier]).toBe(relaxed === "yes");
  });

  test("for the simulation, as bits: which classes one waits for, and which wait for it", () => {
    expect(TLP_CLASSES).toEqual(["posted", "non-posted", "completion"]);
    expect([...blockersOf(MAY_PASS)]).toEqual([0b000, 0b001, 0b001]);
    expect([...blockersOf(MAY_PASS_RELAXED)]).toEqual([0b000, 0b001, 0b000]);
    expect([...waitersOf(MAY_PASS)]).toEqual([0b110, 0b000, 0b000]);
    expect([...waitersOf(MAY_PASS_RELAXED)]).toEqual([0b010, 0b000, 0b000]);
  });
});
