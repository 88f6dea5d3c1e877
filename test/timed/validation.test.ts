import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { BOUNDS } from "../predict/validation.ts";
import { errorsIn, type Simulated, simulatedPoints, withSimulated } from "./simulated-page.ts";

let points: readonly Simulated[];

beforeAll(() => {
  points = simulatedPoints();
});

describe("Simulated, against published measurements", () => {
  test("docs/time.md is what the simulation says of them (npm run docs:time)", async () => {
    const page = join(import.meta.dirname, "../../docs/time.md");
    await expect(withSimulated(readFileSync(page, "utf8"), points)).toMatchFileSnapshot(page);
  });

  test("contention: at least 15 points, the median within 10 %, and no more than the max-min shares of the prediction", () => {
    const errors = errorsIn("contention", points);
    expect(errors.count).toBeGreaterThanOrEqual(15);
    expect(errors.median).toBeLessThanOrEqual(BOUNDS.contention.median ?? 0);
    for (const { point, value, error, analytic } of points.filter(({ point }) => point.group === "contention")) {
      // Flows of both kinds on one link differ in what they take of it: by turns they bring a little more than by even shares.
      expect(value, point.id).toBeLessThan(analytic * 1.03);
      // What misses by more has its reason in its file.
      if (Math.abs(error) > BOUNDS.contention.worst) expect(point.known, point.id).not.toBeNull();
    }
  });

  test("latency: each within 15 %, but for what is named here", () => {
    const latencies = points.filter(({ point }) => point.group === "latency");
    expect(latencies.length).toBeGreaterThanOrEqual(10);
    const missed = latencies.filter(({ error }) => Math.abs(error) > BOUNDS.latency.worst).map(({ point }) => point.id);
    expect(missed).toEqual([
      // The card stores a read of several requests when all of it has come; the simulation each request's bytes as they do.
      "latency-nfp6000-2048",
      // As predicted: two switches and two sockets take less here than the same steps do elsewhere.
      "latency-pex890xx-across",
    ]);
  });
});
