import { SaxesParser } from "saxes";
import { describe, expect, test } from "vitest";
import type { BenchView, DistributionPoint } from "../../../src/measured/bench.ts";
import { evenStep, logarithmicTicks, multiplesOf } from "../../../src/report/live/bench/chart.ts";
import { benchSvg } from "../../../src/report/live/bench/plot.ts";
import { sampleBench } from "./bench-view.ts";

test.for<[span: number, count: number, step: number]>([
  [3.2, 8, 0.5],
  [8, 8, 1],
  [8.1, 8, 2],
  [0.9, 8, 0.2],
  [1023, 8, 200],
  [5e6, 5, 1e6],
])("a span of %d in at most %d parts has a step of %d", ([span, count, step]) => {
  expect(evenStep(span, count)).toBeCloseTo(step, 12);
});

test("multiples have no digits that only the arithmetic made", () => {
  expect(multiplesOf(0.1, 0, 0.5)).toEqual([0, 0.1, 0.2, 0.3, 0.4, 0.5]);
  expect(multiplesOf(0.5, 0.7, 2)).toEqual([1, 1.5, 2]);
});

test.for<[least: number, most: number, ticks: readonly number[]]>([
  [90, 20_000_000, [100, 1000, 10_000, 100_000, 1_000_000, 10_000_000]],
  [900, 60_000, [1000, 2000, 5000, 10_000, 20_000, 50_000]],
  [8000, 60_000, [10_000, 20_000, 50_000]],
  // Neither 1, 2 nor 5 of any decade lies within.
  [2170, 4800, [3000, 4000]],
  [1000, 1010, [1000, 1002, 1004, 1006, 1008, 1010]],
])("a logarithmic axis from %d to %d has lines at %j", ([least, most, ticks]) => {
  expect(logarithmicTicks(least, most)).toEqual(ticks);
});

/** The words of a picture, as a reader of XML has them; throws where it is not well-formed. */
function textsOf(svg: string): readonly string[] {
  const texts: string[] = [];
  const parser = new SaxesParser({ fragment: false });
  parser.on("text", (text) => {
    if (text.trim() !== "" && !text.startsWith("@media")) texts.push(text);
  });
  parser.write(svg).close();
  return texts;
}

function withDistribution(view: BenchView, distribution: readonly DistributionPoint[]): BenchView {
  const { peer, dram } = view.sides;
  const cut = (side: typeof peer) => (side === null ? null : { ...side, distribution });
  return { ...view, sides: { peer: cut(peer), dram: cut(dram) } };
}

describe("the plot", () => {
  test("says at each point what it is", () => {
    expect(textsOf(benchSvg(sampleBench()))).toContain("peer memory, slice 1: 1.7 GiB/s");
    expect(textsOf(benchSvg(sampleBench()))).toContainEqual(expect.stringMatching(/^DRAM, the slowest: [\d.]+ ms$/));
  });

  test("of names that are made to forge it is well-formed, and shows what they are made of", () => {
    const view = sampleBench();
    const name = '"/><script>alert("one")</script>\u202e\u0000\u001b[31m\n';
    const svg = benchSvg({ ...view, target: { ...view.target, name } });
    expect(svg).not.toContain("<script");
    expect(textsOf(svg)[0]).toMatch(/^….*<\/script>\\u202e\\x00\\x1b\[31m\\n: randread/);
  });

  test("of a lone half of a character, of a name of any length and of a long CPU's name stays within its width", () => {
    const view = sampleBench();
    const machine = { ...view.table.machine, cpu: { ...view.table.machine.cpu, name: "x".repeat(500) } };
    const target = { ...view.target, name: `\ud83d${"😀".repeat(300)}` };
    const texts = textsOf(benchSvg({ ...view, target, table: { ...view.table, machine } }));
    expect(Math.max(...texts.map((text) => [...text].length))).toBeLessThanOrEqual(110);
  });

  test("without a read or write that ended says so", () => {
    const texts = textsOf(benchSvg(withDistribution(sampleBench(), [])));
    expect(texts).toContain("no read or write ended: there are no latencies to draw");
  });

  test.for([[0], [1], [3_100_000]])("of latencies that all are %d ns has places and labels", ([latencyNs = 0]) => {
    const svg = benchSvg(withDistribution(sampleBench(), [{ percentile: 50, latencyNs }]));
    expect(svg).not.toMatch(/NaN|Infinity|undefined/);
    expect(textsOf(svg).some((text) => /^[\d.]+ (?:ns|ms)$/.test(text))).toBe(true);
  });
});
