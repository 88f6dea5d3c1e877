import { expect, test } from "vitest";
import { findDesign } from "../../src/lab/designs/all-designs.ts";
import { segmentsOf } from "../../src/lab/list-kinds.ts";
import { findClass } from "../../src/lab/machines/all-classes.ts";
import { outcomeOf } from "../../src/lab/outcome.ts";
import { DesignRunner } from "../../src/lab/run.ts";
import { listText } from "../../src/lab/run-id.ts";
import { shrink } from "../../src/lab/shrink.ts";

test("a long wrong list shrinks to the one segment that is enough", () => {
  const runner = new DesignRunner(findDesign("dma-map-resource"), findClass("bus-offset"));
  const segments = segmentsOf("mixed", 64);
  const whole = runner.run(segments, 1);
  expect(outcomeOf(whole)).toBe("wrong-address");
  const smallest = shrink(runner, segments, 1, whole);
  expect(listText(smallest.segments)).toBe("b");
  expect(outcomeOf(smallest.result)).toBe("wrong-address");
});

test("a refusal shrinks to a refusal with the same errno", () => {
  const runner = new DesignRunner(findDesign("special-pages"), findClass("mask-32"));
  const segments = segmentsOf("mixed", 16);
  const { result } = shrink(runner, segments, 1, runner.run(segments, 1));
  expect(result.refusal?.errno).toBe("EIO");
});
