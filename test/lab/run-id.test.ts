import { describe, expect, test } from "vitest";
import { listText, parseRunId, runId } from "../../src/lab/run-id.ts";

describe("an id of a run", () => {
  test.for([
    "dma-map-resource:bus-offset:1:b",
    "special-pages:one-switch:0:r3a",
    "stacked-ops:iommu-strict:999999999:arar2b4096".replace("4096", "12"),
  ])("%s is read and written alike", (id) => {
    expect(runId(parseRunId(id))).toBe(id);
  });

  test("names lists by kind and length", () => {
    expect(listText(parseRunId("pfn-t:guest:1:all-peer-6").segments)).toBe("ab2a2b");
    expect(listText(parseRunId("pfn-t:guest:1:mixed-6").segments)).toBe("arbrar");
    expect(listText(parseRunId("pfn-t:guest:1:no-peer-4096").segments)).toBe("r4096");
  });

  test.for([
    ["", /is no id of a run/],
    ["pfn-t:guest:1", /is no id of a run/],
    ["pfnt:guest:1:a", /no design 'pfnt' in the lab/],
    ["pfn-t:gast:1:a", /no machine class 'gast' in the lab/],
    ["pfn-t:guest:x:a", /'x' is no seed/],
    ["pfn-t:guest:1:", /is no list/],
    ["pfn-t:guest:1:c", /is no list/],
    ["pfn-t:guest:1:a0", /0 segments/],
    ["pfn-t:guest:1:a4097", /4097 segments/],
    ["pfn-t:guest:1:mixed-99999", /99999 segments/],
    [`pfn-t:guest:1:${"a".repeat(100_000)}`, /is no list/],
  ] as const)("%s is refused with the way out", ([id, message]) => {
    expect(() => parseRunId(id)).toThrow(message);
  });
});
