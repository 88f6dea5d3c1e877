import { describe, expect, test } from "vitest";
import type { BenchView } from "../../../src/measured/bench.ts";
import { documentMarkdown } from "../../../src/report/document-markdown.ts";
import { documentText } from "../../../src/report/document-text.ts";
import { benchBlocks } from "../../../src/report/live/bench/blocks.ts";
import { benchJson } from "../../../src/report/live/bench/json.ts";
import { benchSvg } from "../../../src/report/live/bench/plot.ts";
import { latencyText, rateText, threeFigures } from "../../../src/report/live/bench/words.ts";
import { OUTPUT_SCHEMAS } from "../../../src/report/schemas.ts";
import { sampleBench } from "./bench-view.ts";

const screen = (view: BenchView): string => documentText(benchBlocks(view), { width: 120, color: false });

/** A view that has no figures. */
function without(view: BenchView, outcome: BenchView["outcome"], what: string): BenchView {
  const why = { what, remedy: "do this" };
  return { ...view, sides: { peer: null, dram: null }, slices: [], ratio: null, outcome, why };
}

describe("a benchmark", () => {
  test("is a table of peer, DRAM and their ratio", () => {
    const text = screen(sampleBench());
    expect(text).toMatch(/peer +DRAM +peer \/ DRAM\n/);
    expect(text).toMatch(/throughput +1\.7 GiB\/s +2\.8 GiB\/s +0\.598\n/);
    expect(text).toMatch(/latency p99\.9 +5\.16 ms +3\.08 ms +1\.67\n/);
    expect(text).toContain("through the memory of nvme0 (0000:03:00.0, x4 16GT/s), direct, 4 hops");
    expect(text).toContain("0.598 of DRAM's; slices beside each other: 0.55 to 0.64");
    expect(text).toContain("DRAM traffic is unknown: this system shows no memory controller's counters");
    expect(documentMarkdown(benchBlocks(sampleBench()))).toMatch(/\| +\| peer +\| DRAM +\| peer \/ DRAM +\|/);
  });

  test("of one side has no ratio", () => {
    const view = sampleBench();
    const text = screen({ ...view, path: null, ratio: null, sides: { ...view.sides, peer: null } });
    expect(text).not.toContain("peer");
    expect(text).toMatch(/throughput +2\.8 GiB\/s\n/);
  });

  test("of a mix shows reads and writes apart", () => {
    const view = sampleBench();
    const mixed = (side: BenchView["sides"]["peer"]) =>
      side === null ? null : { ...side, read: side.all, write: side.all };
    const text = screen({ ...view, sides: { peer: mixed(view.sides.peer), dram: mixed(view.sides.dram) } });
    expect(text).toMatch(/read latency p99 /);
    expect(text).toMatch(/write latency p99 /);
    expect(text).not.toMatch(/^ +latency/m);
  });

  test("says errors by name, and when it was itself the limit", () => {
    const view = sampleBench();
    const { peer } = view.sides;
    const busy = peer === null ? null : { ...peer, loopUtilization: 0.97, errors: { EIO: 3, short: 1 } };
    const text = screen({ ...view, sides: { ...view.sides, peer: busy } });
    expect(text).toContain("errors through peer: 3 × EIO, 1 × short");
    expect(text).toContain("peer: this program itself was busy for 97 % of the time: its own limit is in the figures");
  });

  test.for(["refused", "loses-data", "failed", "partial"] as const)("that is %s says why", (outcome) => {
    const text = screen(without(sampleBench(), outcome, "this is why"));
    expect(text).toContain("this is why\n  do this");
    expect(text).not.toContain("throughput");
  });

  test("is JSON that its schema knows, with figures and without", () => {
    for (const view of [sampleBench(), without(sampleBench(), "loses-data", "lost")])
      OUTPUT_SCHEMAS.bench.parse(JSON.parse(JSON.stringify(benchJson(view))));
    expect(benchJson(sampleBench())).toMatchObject({ job: { rw: "randread", bs: 131_072, iodepth: 8, runtime: 8 } });
  });
});

describe("the plot", () => {
  test("is an SVG with both sides, titles and units", () => {
    const svg = benchSvg(sampleBench());
    expect(svg).toMatch(/^<svg [^>]*><title>nvme1n1: randread, blocks of 128 KiB, depth 8<\/title><style>@media/);
    for (const text of [
      "throughput (GiB/s)",
      "latency (seconds, logarithmic)",
      "peer memory",
      "DRAM",
      "99.9 %",
      "1 ms",
    ])
      expect(svg).toContain(`>${text}<`);
    expect(svg).not.toMatch(/NaN|undefined|Infinity/);
  });

  test("of one side, one slice and equal latencies is drawn", () => {
    const view = sampleBench();
    const { dram } = view.sides;
    const flat = dram === null ? null : { ...dram, distribution: [{ percentile: 100, latencyNs: 1000 }] };
    const slices = view.slices.filter(({ side, index }) => side === "dram" && index === 0);
    const name = `/a<&/${"long".repeat(30)}`;
    const target = { ...view.target, name };
    const svg = benchSvg({ ...view, target, path: null, ratio: null, slices, sides: { peer: null, dram: flat } });
    expect(svg).not.toMatch(/NaN|undefined|Infinity|peer/);
    expect(svg).toContain("<title>…onglonglong");
  });
});

test.for<[number, string]>([
  [850, "850 ns"],
  [12_345, "12.3 µs"],
  [999_499, "999 µs"],
  [999_500, "1 ms"],
  [104_000_000, "104 ms"],
  [2_500_000_000, "2.5 s"],
])("%d nanoseconds are %s", ([nanoseconds, text]) => {
  expect(latencyText(nanoseconds)).toBe(text);
});

test("figures have three digits, or all that are whole", () => {
  expect([0, 0.28149, 3.876, 45.67, 13_962.4].map(threeFigures)).toEqual(["0", "0.281", "3.88", "45.7", "13962"]);
  expect(rateText(1.5 * 2 ** 30)).toBe("1.5 GiB/s");
});
