import { describe, expect, test } from "vitest";
import { machineOf } from "../../src/lab/build-machine.ts";
import { commonBridgeIn } from "../../src/lab/common-bridge.ts";
import { findDesign, MAPPING_DESIGNS } from "../../src/lab/designs/all-designs.ts";
import { runLab } from "../../src/lab/lab.ts";
import { findClass, MACHINE_CLASSES } from "../../src/lab/machines/all-classes.ts";
import { LAB_OUTCOMES, outcomeOf } from "../../src/lab/outcome.ts";
import { DesignRunner } from "../../src/lab/run.ts";
import { parseRunId } from "../../src/lab/run-id.ts";
import { cellOutcome, outcomeText } from "../../src/report/lab/words.ts";

const segments = (list: string) => parseRunId(`pfn-t:guest:1:${list}`).segments;

test.for(MACHINE_CLASSES)("$id: a pair is near where a bridge is above both, by the tree itself", (kind) => {
  const machine = machineOf(kind);
  const bdfOf = (name: string) => machine.functions.find(({ names }) => names.includes(name))?.bdf ?? (0 as never);
  const hasCommonBridge = commonBridgeIn(machine);
  const places = ["peerA", "peerB"].map((peer) => (hasCommonBridge(bdfOf(peer), bdfOf("client")) ? "near" : "far"));
  expect(places).toEqual(kind.pairs);
});

test.for(MAPPING_DESIGNS)("$id: a list of both peers ends as the worse pair does, or is refused with it", (design) => {
  for (const kind of MACHINE_CLASSES) {
    const runner = new DesignRunner(design, kind);
    const [a, b, both] = ["a", "b", "ab"].map((list) => outcomeOf(runner.run(segments(list), 1)));
    const pairs = [a ?? "right", b ?? "right"];
    const worse = pairs.toSorted((x, y) => LAB_OUTCOMES.indexOf(y) - LAB_OUTCOMES.indexOf(x))[0];
    expect(both, `${kind.id}: ${pairs.join(" and ")}`).toBe(pairs.includes("refused") ? "refused" : worse);
  }
});

test("a cell names both pairs where they differ", () => {
  const classes = [findClass("iommu-strict"), findClass("bus-offset"), findClass("one-switch")];
  const { cells } = runLab({ designs: [findDesign("raw-bar")], classes, lengths: [1] });
  const texts = cells.map((cell) => outcomeText(cell, cellOutcome(cell) ?? (null as never)));
  expect(texts).toEqual(["near: right; far: refused", "near A: right; near B: wrong address", "right"]);
});

describe("who is refused takes system memory", () => {
  test("and has nothing to fetch where it was refused at allocation", () => {
    const runner = new DesignRunner(findDesign("raw-bar"), findClass("root-ports"));
    expect(runner.fallBack(segments("arb"), 1)).toEqual({ outcome: "right", copiedBytes: 0 });
  });

  test("and has to fetch what lies in peer memory where it was refused at mapping", () => {
    const runner = new DesignRunner(findDesign("special-pages"), findClass("closed-root-complex"));
    expect(runner.fallBack(segments("arb"), 1)).toEqual({ outcome: "right", copiedBytes: 2 * 4096 });
    expect(runner.run(segments("a"), 1)).toMatchObject({ read: "refused", isRestored: true });
  });

  test("and where nothing is refused there is nothing to fall back from", () => {
    expect(new DesignRunner(findDesign("pfn-t"), findClass("one-switch")).fallBack(segments("a"), 1)).toBeNull();
  });
});

describe("what drivers do", () => {
  test("amdgpu and xe move memory that the verdict refuses to the host, and nobody is told", () => {
    const run = new DesignRunner(findDesign("ask-then-map-resource"), findClass("closed-root-complex"));
    const result = run.run(segments("arb"), 1);
    expect(result).toMatchObject({ read: "right", write: "right", refusal: null, inHostMemory: 1, isContained: true });
    // What the device wrote never got to the BAR.
    expect(result.throughRoot).toBe(0);
  });

  test("amdgpu and xe use an IOVA below a switch too: half of the bytes, the writes, pass the root complex", () => {
    const result = new DesignRunner(findDesign("ask-then-map-resource"), findClass("iommu-strict")).run(
      segments("a"),
      1,
    );
    expect(result).toMatchObject({ read: "right", throughRoot: 0.5, entries: [{ isBus: false }] });
  });

  test("NVIDIA's raw bus address turns at a switch, and faults at an IOMMU that it gets to", () => {
    const runner = new DesignRunner(findDesign("bus-address-unasked"), findClass("iommu-strict"));
    expect(outcomeOf(runner.run(segments("a"), 1))).toBe("right");
    expect(runner.run(segments("b"), 1)).toMatchObject({
      read: "fault",
      write: "fault",
      cost: { map: { mapTypeDecisions: 0 } },
    });
  });
});

describe("stores only", () => {
  test("on POWER9 stores go and loads are refused with the reason", () => {
    const result = new DesignRunner(findDesign("stores-only"), findClass("power-like")).run(segments("ar"), 1);
    expect(result).toMatchObject({ read: "refused", write: "right", isRestored: true });
    expect(result.refusal).toMatchObject({
      phase: "mapping",
      errno: "EREMOTEIO",
      reason: expect.stringMatching(/cannot load from 0000:41:00.0: its host bridge takes stores only \(power9\)/),
    });
  });
});
