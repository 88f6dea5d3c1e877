import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";

/** "If every dma_ops provider has to do exactly this on every page it may lead to a lot of duplicate code": what each has. */
function linesOf(file: string, pattern: RegExp): number {
  const text = readFileSync(join(import.meta.dirname, "../../src", file), "utf8");
  return text.split("\n").filter((line) => pattern.test(line) && !line.trim().startsWith("*")).length;
}

describe("what a back end has to have for peers", () => {
  test("with a helper in the loop: one call for each loop, and one for the refusal", () => {
    const loops = linesOf("lab/host-mapping.ts", /^ {2}#map(Direct|Iommu)\(/);
    expect(loops).toBe(2);
    expect(linesOf("lab/host-mapping.ts", /= placeBy\(hook, /)).toBe(loops);
    expect(linesOf("lab/host-mapping.ts", /hook\.refusal\(/)).toBe(loops);
    // The check and the offset stand once, in the helper.
    expect(linesOf("lab/host-mapping.ts", /busOffset|mapType/)).toBe(0);
  });

  test("in the mapping layer of today: every back end that takes peers asks in each of its mapping calls", () => {
    for (const file of ["dma/direct.ts", "dma/iommu.ts"]) {
      expect(linesOf(file, /#segments\.classify\(/), file).toBe(2);
      expect(linesOf(file, /#segments\.classifyRanges\(/), file).toBe(1);
    }
  });
});
