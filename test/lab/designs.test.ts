import { describe, expect, test } from "vitest";
import type { DesignId } from "../../src/lab/design.ts";
import { findDesign } from "../../src/lab/designs/all-designs.ts";
import { findClass } from "../../src/lab/machines/all-classes.ts";
import type { ClassId } from "../../src/lab/machines/machine-class.ts";
import { outcomeOf } from "../../src/lab/outcome.ts";
import { DesignRunner } from "../../src/lab/run.ts";
import { parseRunId } from "../../src/lab/run-id.ts";

function runner(design: DesignId, kind: ClassId): DesignRunner {
  return new DesignRunner(findDesign(design), findClass(kind));
}

function segments(list: string): ReturnType<typeof parseRunId>["segments"] {
  return parseRunId(`pfn-t:one-switch:1:${list}`).segments;
}

describe("stacked operations", () => {
  test("cut what the IOMMU joined back to where the peers belong", () => {
    const result = runner("stacked-ops", "iommu-closed-root").run(segments("rarbr2a"), 1);
    expect(outcomeOf(result)).toBe("right");
    expect(result.entryCount).toBe(7);
    expect(result.entries.map(({ isBus }) => isBus)).toEqual([false, true, false, true, false, false, true]);
  });

  test("unmap what was mapped below when a peer is refused", () => {
    const result = runner("stacked-ops", "iommu-strict").run(segments("r4b"), 1);
    expect(result.refusal).toMatchObject({ phase: "mapping", errno: "EREMOTEIO" });
    expect(result.isRestored).toBe(true);
  });
});

describe("a helper in the loop", () => {
  test("maps near peers by bus address and far ones in the same batch as RAM", () => {
    const { cost, entries, read, write } = runner("helper-in-loop", "iommu-strict").run(segments("arb"), 1);
    expect([read, write]).toEqual(["right", "right"]);
    expect(entries.map(({ isBus }) => isBus)).toEqual([true, false]);
    expect([cost.map.iovaAllocations, cost.map.iommuMapCalls]).toEqual([1, 2]);
  });
});

describe("dma_map_resource", () => {
  test("makes one IOMMU call for each segment, and flushes for each in strict mode", () => {
    const { cost } = runner("dma-map-resource", "acs-redirect-iommu").run(segments("a8"), 1);
    expect([cost.map.iommuMapCalls, cost.unmap.iommuUnmapCalls, cost.unmap.iommuFlushes]).toEqual([8, 8, 8]);
  });

  test("sends writes that a switch could pass on through the root complex where an IOMMU is", () => {
    // The other half are reads, whose completions find the way across the switch by the requester's id.
    expect(runner("dma-map-resource", "iommu-strict").run(segments("a"), 1).throughRoot).toBe(0.5);
    expect(runner("special-pages", "iommu-strict").run(segments("a"), 1).throughRoot).toBe(0);
  });

  test.for(["bus-offset", "bus-offset-negative"] as const)("reaches another's BAR with %s", (kind) => {
    const one = runner("dma-map-resource", kind);
    const outcomes = ["a", "b"].map((list) => one.run(segments(list), 1));
    const wrong = outcomes.find((result) => outcomeOf(result) === "wrong-address");
    expect(wrong?.mishap?.routeOutcome).toBe("delivered");
    expect(wrong?.mishap?.reached).not.toBe(wrong?.mishap?.expected);
    expect(wrong?.isContained).toBe(false);
  });
});

describe("provider plus ranges", () => {
  test("links all ranges of a provider into one IOVA range", () => {
    const { cost, read } = runner("provider-ranges", "acs-redirect-iommu").run(segments("a5"), 1);
    expect(read).toBe("right");
    expect([cost.map.iovaAllocations, cost.map.iommuMapCalls, cost.unmap.iommuUnmapCalls]).toEqual([1, 5, 1]);
  });
});

describe("RAM beyond a 32-bit mask", () => {
  test("is bounced, and what the device wrote is there after unmap", () => {
    for (const design of ["special-pages", "sg-has-p2p", "provider-ranges"] as const) {
      const result = runner(design, "mask-32").run(segments("r3"), 1);
      expect(outcomeOf(result), design).toBe("right");
      expect(result.cost.map.bouncedBytes, design).toBe(3 * 4096);
    }
  });
});

describe("a side object", () => {
  test("recalls for whom an address was made", () => {
    expect(outcomeOf(runner("page-less-dma", "other-device").run(segments("a"), 1))).toBe("fault");
    const { refusal } = runner("page-less-side-object", "other-device").run(segments("a"), 1);
    expect(refusal?.reason).toMatch(/the address was made for 0000:05:00.0/);
  });
});
