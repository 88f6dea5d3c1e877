import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { LINK_EFFICIENCY } from "../../src/predict/platform-limits.ts";
import { BOUNDS, errorOf, type Group, medianOf } from "../predict/validation.ts";
import { rows } from "../rows.ts";
import { type Checked, checkedPoints, missed, reachedBy, withTime } from "./time-page.ts";

const page = join(import.meta.dirname, "../../docs/time.md");
let checked: readonly Checked[];

beforeAll(() => {
  checked = checkedPoints();
});

test("docs/time.md is what the model says of the published measurements (npm run docs:time)", async () => {
  await expect(withTime(readFileSync(page, "utf8"), checked)).toMatchFileSnapshot(page);
});

/** What was reached: a change of the model that is worse has to say so here. Goals stand in docs/time.md. */
describe("Predictions against published measurements", () => {
  test.each(
    rows(`
      // groups           | points | median % | worst %
      peers               | 23     | 1.4      | 7.3
      host memory         | 11     | 3.6      | 14.8
      peers + host memory | 34     | 2.8      | 14.8
      gen-2 uplink        | 2      | 1.8      | 2.2
      contention          | 33     | 3.8      | 25.4
      latency             | 11     | 8.0      | 17.5
      IOMMU on            | 24     | 5.1      | 19.6
    `),
  )("%s: %s points, median %s and worst %s percent at most", (groups, count, median, worst) => {
    const { ours } = reachedBy(checked, groups.split(" + ") as Group[]);
    expect(ours.count).toBe(Number(count));
    expect(ours.median * 100).toBeLessThanOrEqual(Number(median));
    expect(ours.worst * 100).toBeLessThanOrEqual(Number(worst));
  });

  test("at least 40 points are scored, and none of them calibrates", () => {
    const scored = checked.filter(({ point }) => point.use === "score");
    expect(scored.length).toBeGreaterThanOrEqual(40);
    expect(new Set(scored.map(({ point }) => point.id)).size).toBe(scored.length);
  });

  test("NCCL's constants are five times farther off between peers, and four times over all single flows", () => {
    const peers = reachedBy(checked, ["peers"]);
    expect(peers.nccl.median / peers.ours.median).toBeGreaterThan(5);
    const all = reachedBy(checked, ["peers", "host memory"]);
    expect(all.nccl.median / all.ours.median).toBeGreaterThan(4);
  });

  test("what the page says in words: within its goal between peers, and not against host memory", () => {
    const isWithin = (group: Group): boolean => {
      const { ours } = reachedBy(checked, [group]);
      const { median, worst } = BOUNDS[group];
      return ours.worst <= worst && ours.median <= (median ?? worst);
    };
    expect([isWithin("peers"), isWithin("host memory"), isWithin("IOMMU on")]).toEqual([true, false, false]);
    const host = checked.filter(({ point }) => point.use === "score" && point.group === "host memory");
    expect([host.filter(({ point }) => point.id.startsWith("nfp6000")).length, host.length]).toEqual([9, 11]);
  });

  test("every point that is missed says what is known of it", () => {
    expect(missed(checked).filter(({ point }) => point.known === null)).toEqual([]);
    expect(missed(checked).length).toBeGreaterThan(0);
  });
});

describe("The one factor for all links", () => {
  const single = (use: string, groups: readonly string[]): readonly number[] =>
    checked
      .filter(({ point }) => point.use === use && groups.includes(point.group))
      .map(({ point, value }) => (LINK_EFFICIENCY.value * point.measured) / value)
      .sort((a, b) => a - b);

  test("is the median of the single flows that calibrate", () => {
    const factors = single("calibrate", ["peers", "host memory"]);
    expect(factors).toHaveLength(4);
    expect(medianOf(factors)).toBeCloseTo(LINK_EFFICIENCY.value, 2);
  });

  test("has the range of all points between peers", () => {
    const factors = [...single("score", ["peers"]), ...single("calibrate", ["peers"])];
    expect(Math.min(...factors)).toBeGreaterThanOrEqual(LINK_EFFICIENCY.low);
    expect(Math.min(...factors)).toBeLessThan(LINK_EFFICIENCY.low + 0.01);
    expect(Math.max(...factors)).toBeLessThanOrEqual(LINK_EFFICIENCY.high);
  });
});

test("Latencies that calibrate are met to a tenth", () => {
  const errors = checked.filter(({ point }) => point.use === "calibrate" && point.group === "latency");
  expect(errors.length).toBeGreaterThan(4);
  for (const { point, value } of errors) expect(Math.abs(errorOf(point, value)), point.id).toBeLessThan(0.1);
});
