import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { askWhatIf } from "../../src/advice/what-if/what-if.ts";
import { compareResults } from "../../src/compare/compare.ts";
import { readScenario } from "../../src/host/scenario/scenario-machine.ts";
import { compareCsv } from "../../src/report/compare/csv.ts";
import { compareJson } from "../../src/report/compare/json.ts";
import { compareBlocks } from "../../src/report/compare/screen.ts";
import { documentMarkdown } from "../../src/report/document-markdown.ts";
import { documentText } from "../../src/report/document-text.ts";
import { OUTPUT_SCHEMAS } from "../../src/report/schemas.ts";
import { readResults } from "../../src/results/read-results.ts";
import { compared } from "../compare/machines.ts";
import { ncclTest, nvbandwidth, nvbandwidthHost, nvbandwidthLatency, p2pTest } from "../compare/tools.ts";

const examples = join(import.meta.dirname, "../../examples");
const read = (file: string): string => readFileSync(join(examples, file), "utf8");

/** As the verb reads it: with what its kernel sets at boot. */
const { after: server } = askWhatIf(readScenario(read("gpu-nic-server.yaml"), "gpu-nic-server.yaml"), {}, false);
const eightGpus = compareResults(server, readResults(read("results/nvbandwidth-eight-gpus.txt")));
const few = compared(
  [
    nvbandwidth("write", [54, 20], { names: ["NVIDIA H100 PCIe", "AMD Instinct MI210"] }),
    p2pTest("Bidirectional P2P=Enabled Bandwidth", [510, 95]),
    nvbandwidthHost("device_to_host_memcpy", "<-", [54, 110]),
    nvbandwidthLatency([700, 4000]),
    ncclTest("all_reduce_perf", [
      [8, 0.01],
      [67_108_864, 53],
    ]),
  ].join("\n"),
);

const screens = { "eight GPUs": eightGpus, "one of each": few } as const;

describe.each(Object.entries(screens))("compare of %s", (_, comparison) => {
  test.each([80, 120, 200, Number.POSITIVE_INFINITY])("in %d columns", (width) => {
    const text = documentText(compareBlocks(comparison), { width, color: false });
    expect(text).toMatchSnapshot();
    for (const line of text.split("\n")) {
      if (!line.includes("lspci")) expect(line.length).toBeLessThanOrEqual(width);
    }
  });

  test("says in its first 4 lines how many figures are what", () => {
    const [first = "", second = "", third = "", fourth = ""] = documentText(compareBlocks(comparison), {
      width: 80,
      color: false,
    }).split("\n");
    expect([first, second, third, fourth].join("\n")).toMatch(/^\d+ of \d+ figures as expected, /m);
  });

  test("in Markdown", () => {
    expect(documentMarkdown(compareBlocks(comparison))).toMatchSnapshot();
  });

  test("in JSON as its schema says, with counts that are those of its figures", () => {
    const json = compareJson(comparison);
    OUTPUT_SCHEMAS.compare.parse(JSON.parse(JSON.stringify(json)));
    const counts = { expected: 0, low: 0, better: 0, wide: 0, impossible: 0, otherLink: 0, noFigure: 0 };
    const names = { "other-link": "otherLink", "no-figure": "noFigure" } as const;
    for (const { verdict } of json.figures) {
      counts[verdict === "other-link" || verdict === "no-figure" ? names[verdict] : verdict]++;
    }
    expect(json.counts).toEqual(counts);
    expect(json.groups.reduce((sum, { count }) => sum + count, 0)).toBe(json.figures.length - counts.noFigure);
    for (const group of json.groups) expect(json.figures[group.example]).toMatchObject({ verdict: group.verdict });
  });

  test("in CSV with a row for each figure", () => {
    expect(compareCsv(comparison).trimEnd().split("\r\n")).toHaveLength(comparison.figures.length + 1);
  });
});

test("10,000 figures are no longer a screen than 72", () => {
  const many = compared(nvbandwidth("write", [54, 20]).repeat(5000));
  expect(documentText(compareBlocks(many), { width: 80, color: false }).split("\n").length).toBeLessThan(60);
});
