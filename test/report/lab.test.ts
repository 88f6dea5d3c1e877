import { describe, expect, test } from "vitest";
import { findDesign } from "../../src/lab/designs/all-designs.ts";
import { runLab } from "../../src/lab/lab.ts";
import { findClass } from "../../src/lab/machines/all-classes.ts";
import { runOnce } from "../../src/lab/run.ts";
import { parseRunId } from "../../src/lab/run-id.ts";
import { labStatements } from "../../src/lab/statements/all-statements.ts";
import { documentText } from "../../src/report/document-text.ts";
import { labBlocks } from "../../src/report/lab/blocks.ts";
import { labJson, replayJson } from "../../src/report/lab/json.ts";
import { labPage } from "../../src/report/lab/page.ts";
import { replayBlocks } from "../../src/report/lab/replay.ts";
import { OUTPUT_SCHEMAS } from "../../src/report/schemas.ts";

const SCREEN = { width: 100, color: false } as const;

function small(designs: readonly string[]): Parameters<typeof labBlocks>[0] {
  const classes = ["one-switch", "bus-offset", "iommu-closed-root", "writes-only"].map(findClass);
  const result = runLab({ designs: designs.map(findDesign), classes, lengths: [1, 2] });
  return { result, statements: labStatements(result), measured: [] };
}

describe("the lab as JSON", () => {
  test("meets its schema", () => {
    OUTPUT_SCHEMAS.lab.parse(JSON.parse(JSON.stringify(labJson(small(["raw-bar", "dma-map-resource"])))));
  });

  test.for(["dma-map-resource:bus-offset:1:b", "raw-bar:guest:1:a", "special-pages:one-switch:1:mixed-64"])(
    "a replay of %s meets its schema",
    (id) => {
      const plan = parseRunId(id);
      OUTPUT_SCHEMAS["lab-replay"].parse(JSON.parse(JSON.stringify(replayJson(plan, runOnce(plan)))));
    },
  );
});

describe("the lab as a screen", () => {
  test("is as wide as asked at most, and names counter-examples", () => {
    const text = documentText(labBlocks(small(["raw-bar", "dma-map-resource", "special-pages"])), SCREEN);
    expect(text.split("\n").filter((line) => line.length > SCREEN.width)).toEqual([]);
    expect(text).toContain("dma-map-resource:bus-offset:1:b");
  });

  test("tells of a statement only where what decides was run", () => {
    const text = documentText(labBlocks(small(["special-pages"])), SCREEN);
    expect(text).toContain("The struct page is used for a single flag");
    expect(text).not.toContain("dma_map_p2p");
  });

  test("says why designs refuse, where these are few", () => {
    const classes = ["bus-offset", "power-like"].map(findClass);
    const result = runLab({ designs: ["no-offsets", "stores-only"].map(findDesign), classes, lengths: [1] });
    const text = documentText(labBlocks({ result, statements: [], measured: [] }), SCREEN).replaceAll(/\s+/g, " ");
    expect(text).toContain(
      "no-offsets:bus-offset:1:a: at allocation: ENODEV, bus addresses at 0000:03:00.0 are 67108864",
    );
    expect(text).toContain("at mapping: EREMOTEIO, 0000:01:00.0 cannot load from 0000:41:00.0");
  });

  test("a replay shows the hops of the first wrong request", () => {
    const plan = parseRunId("dma-map-resource:bus-offset:1:b");
    const text = documentText(replayBlocks(plan, runOnce(plan)), SCREEN);
    expect(text).toContain("belongs to BAR 0 of 0000:04:00.0");
    expect(text).toContain("reaches BAR 0 of 0000:03:00.0");
    expect(text).toMatch(/across +0x/);
  });
});

test("the page is the same each time", () => {
  expect(labPage(small(["raw-bar"]))).toBe(labPage(small(["raw-bar"])));
});
