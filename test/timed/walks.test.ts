import { describe, expect, test } from "vitest";
import { findDevice } from "../../src/host/select.ts";
import { WALKED_IOMMU } from "../../src/predict/look-ups.ts";
import { decideAll } from "../../src/rules/verdict-table.ts";
import { validationPoints } from "../predict/validation.ts";
import { rows } from "../rows.ts";
import { fabricOf } from "./fabrics.ts";

/**
 * The points of docs/time.md with an IOMMU that translates, run in time. Reads of 256 and 512 bytes are not here: of these
 * the simulation has 19 to 36 and 4 to 6 % more than was measured, as nothing but the walkers holds its look-ups; nor is a
 * window of 256 KiB, all of which it remembers, as the prediction has it, and of which 4.05 in place of 5.8 GB/s were measured.
 */
describe("Requests at random through an IOMMU, in GB/s", () => {
  const points = new Map(validationPoints("nfp6000-iommu").map((point) => [point.id, point]));
  test.each(
    rows(`
      // point                       | measured | simulated
      nfp6000-iommu-read-64-512K     | 2.79     | 3.18 // 14 % more: pages beyond the 77 share their places with the first ones alone
      nfp6000-iommu-read-64-1M       | 1.90     | 1.83
      nfp6000-iommu-read-64-4M       | 1.36     | 1.40
      nfp6000-iommu-read-64-16M      | 1.26     | 1.32
      nfp6000-iommu-read-64-64M      | 1.23     | 1.30
      nfp6000-iommu-write-256-1M     | 6.31     | 6.34
      nfp6000-iommu-write-256-4M     | 6.24     | 5.58
      nfp6000-iommu-write-256-64M    | 5.66     | 5.19
      nfp6000-iommu-write-512-64M    | 6.80     | 6.65
    `),
  )("%s", (id, measured, simulated) => {
    const point = points.get(id ?? "");
    const [flow] = point?.flows ?? [];
    if (point === undefined || flow === undefined || point.windowBytes === null) throw new Error(`no point ${id}`);
    expect(Math.abs(point.measured - Number(measured))).toBeLessThan(0.006);
    const { machine, sizeBytes, windowBytes: bytes } = point;
    const table = decideAll(machine, { providers: [], clients: [findDevice(machine, flow.client)] });
    const { operation } = flow;
    const asked = {
      provider: "host-memory",
      client: 0,
      operation,
      sizeBytes,
      reach: { bytes, order: "random" },
    } as const;
    const [found] = fabricOf(table, [asked], { iommu: WALKED_IOMMU }).run({ untilNs: 300_000 }).flows;
    expect(Math.abs((found?.gbps ?? 0) - Number(simulated))).toBeLessThan(0.03);
    expect(Math.abs((found?.gbps ?? 0) / point.measured - 1)).toBeLessThan(0.16);
  });
});
