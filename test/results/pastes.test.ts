import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { PeerlaneError } from "../../src/pci/error.ts";
import { hasUnseen } from "../../src/pci/visible.ts";
import { JsonScanner, member, numberOf } from "../../src/results/json-at.ts";
import { readResults } from "../../src/results/read-results.ts";
import type { MeasuredEntry } from "../../src/results/results.ts";
import { resultText, shortRow } from "./short.ts";

const texts = readdirSync(join(import.meta.dirname, "texts"));

/** Figures without the columns at which they stand, which marks in front move. */
function withoutColumns(entries: readonly MeasuredEntry[]): string[][] {
  return entries.map((entry) => [String(entry.place.line), ...shortRow(entry).slice(1), entry.label]);
}

const carriers: readonly (readonly [string, (line: string) => string])[] = [
  ["mpirun --tag-output", (line) => `[1,0]<stdout>:${line}`],
  ["PRRTE", (line) => `[prterun-node1-22@1,0]<stdout>: ${line}`],
  ["srun -l", (line) => `0: ${line}`],
  ["Kubernetes' runtime", (line) => `2026-01-02T03:04:05.678901234Z stdout F ${line}`],
  ["a logger's timestamp", (line) => `[2026-01-02 03:04:05,678] ${line}`],
  ["Docker Compose", (line) => `bench-1  | ${line}`],
  ["pdsh", (line) => `node01: ${line}`],
  ["a launcher that names host and rank", (line) => `x3005c0s13b0n0.example 0: ${line}`],
  ["srun -l of many tasks", (line) => `   7: ${line}`],
  ["kubectl logs --prefix", (line) => `[pod/bench-abc-x2x9z/worker] ${line}`],
  ["the journal", (line) => `Jan 02 03:04:05 node1 bench[1234]: ${line}`],
  ["syslog of a program in a folder", (line) => `Jan  2 03:04:05 node1.example /opt/cuda/p2p[1]: ${line}`],
  ["the journal with ISO dates", (line) => `2026-01-02T03:04:05+0000 node1 bench[1234]: ${line}`],
  ["rsyslog with micro-seconds", (line) => `2026-01-02T03:04:05.123456+00:00 node1 bench[77]: ${line}`],
  ["ts", (line) => `Jan 02 03:04:05 ${line}`],
  ["ts -s", (line) => `00:00:05 ${line}`],
  ["ts -s with micro-seconds", (line) => `00:00:05.123456 ${line}`],
  ["a quote of a quote", (line) => `> > ${line}`],
  ["colours", (line) => `\x1b[1;32m${line}\x1b[0m`],
  ["a title of the terminal", (line) => `\x1b]0;bench\x07${line}`],
  ["CRLF", (line) => `${line}\r`],
  ["NUL", (line) => `\0${line}\0`],
  ["a byte order mark", (line) => `\ufeff${line}`],
  ["no-break spaces", (line) => line.replaceAll(/ {2}/g, " \u00a0")],
  ["a log of a job in a container", (line) => `3: node7-2 | 2026-01-02T03:04:05Z ${line}`],
];

describe("what carries a text changes no figure of it", () => {
  test.each(carriers)("%s", (_, carry) => {
    for (const name of texts) {
      const plain = readResults(resultText(name), name);
      const carried = readResults(resultText(name).split("\n").map(carry).join("\n"), name);
      expect(withoutColumns(carried.entries)).toEqual(withoutColumns(plain.entries));
      expect(carried.unread.count).toBe(0);
    }
  });

  test("tabs in place of blanks", () => {
    for (const name of texts.filter((text) => !text.includes("json") && text !== "bench.txt")) {
      const tabbed = resultText(name).replaceAll(/ {3,}/g, "\t");
      const rows = ({ entries }: { entries: readonly MeasuredEntry[] }): string[][] => withoutColumns(entries);
      expect(rows(readResults(tabbed))).toEqual(rows(readResults(resultText(name))));
    }
  });

  test("a column is that of the screen, marks in front of the line counted", () => {
    const text =
      "[1,0]<stdout>:\x1b[1mRunning host_to_device_memcpy_ce.\x1b[0m\nmemcpy CE CPU(row) -> GPU(column) bandwidth (GB/s)\n[1,0]<stdout>: 0\n[1,0]<stdout>: 0   26.35\n";
    expect(readResults(text).entries.map(({ place }) => place)).toEqual([{ line: 4, column: 20 }]);
  });

  test("the line of progress that a CR wrote over is no result", () => {
    const text = resultText("fio.txt").replace(
      "Starting 1 process\n",
      "Starting 1 process\nJobs: 1 (f=1): [R(1)][50.0%][r=1MiB/s]\rJobs: 1 (f=1): [R(1)][99.0%][r=2MiB/s]\n",
    );
    expect(readResults(text).unread.count).toBe(0);
    expect(readResults(text).entries).toHaveLength(6);
  });

  test("nohup's own line and prompts are no results", () => {
    const text = `nohup: ignoring input and appending output to 'nohup.out'\nroot@node1:~# ${resultText("p2p.txt")}root@node1:~# exit\n`;
    expect(readResults(text).entries).toHaveLength(readResults(resultText("p2p.txt")).entries.length);
    expect(readResults(text).unread.count).toBe(0);
  });
});

test("all tools one after the other give what each gives alone", () => {
  const all = readResults(texts.map(resultText).join("\n"));
  const alone = texts.flatMap((name) => [...readResults(resultText(name)).entries]);
  const rest = (entry: MeasuredEntry): string[] => shortRow(entry).slice(1);
  const sorted = (rows: string[][]): string[] => rows.map((row) => row.join(" | ")).sort();
  expect(sorted(all.entries.map(rest))).toEqual(sorted(alone.map(rest)));
  expect([...all.tools].sort()).toEqual(
    ["fio", "nccl-tests", "nvbandwidth", "p2pBandwidthLatencyTest", "peerlane bench", "perftest"].sort(),
  );
  expect(all.unread.count).toBe(0);
});

describe("a table with holes gives the rows that are whole, and says which are not", () => {
  const head =
    "Running device_to_device_memcpy_write_ce.\nmemcpy CE GPU(row) <- GPU(column) bandwidth (GB/s)\n           0         1         2\n";

  test("a row that is cut, and one that is gone", () => {
    const { entries, unread } = readResults(`${head} 0       N/A     24.61     18.40\n 1     24.58       N/A\n`);
    expect(entries.map((entry) => shortRow(entry).slice(0, 4))).toEqual([
      ["4:18", "24.61 GB/s", "gpu0", "gpu1"],
      ["4:28", "18.4 GB/s", "gpu0", "gpu2"],
    ]);
    expect(unread).toEqual({
      count: 2,
      lines: [
        { place: { line: 5, column: 2 }, text: "1     24.58       N/A", why: "row 1 has 2 of 3 figures" },
        { place: { line: 3, column: 12 }, text: "", why: "row 2 of this table is not there" },
      ],
    });
  });

  test.each([
    [" 0 N/A 1,5 2.0\n", "row 0 has 1 words that are no figures"],
    [" 7 N/A 1.5 2.0\n", "the table has no column 7, so this is no row of it"],
    [" 0 N/A 1.5 2.0\n 0 N/A 1.5 2.5\n", "row 0 is there twice"],
    ["", "rows 0, 1, 2 of this table are not there"],
  ])("%j: %s", (row, why) => {
    expect(readResults(head + row).unread.lines.map((line) => line.why)).toContain(why);
  });

  test("a head without a table, and a table without a head", () => {
    const { unread } = readResults(`${head.split("\n").slice(0, 2).join("\n")}\nRunning x.\n 0 N/A 24.61 18.40\n`);
    expect(unread.lines.map(({ place, why }) => `${place.line}: ${why}`)).toEqual([
      "2: no table follows this line",
      "4: no reader knows it",
    ]);
  });

  test("of JSON that is cut, the tests and jobs that are whole are read", () => {
    const nvbandwidth = resultText("nvbandwidth-json.txt");
    const cut = readResults(nvbandwidth.slice(0, nvbandwidth.indexOf('"46.6"')));
    expect(cut.entries.map((entry) => shortRow(entry).slice(0, 4))).toEqual([
      ["22:7", "26.11 GB/s", "gpu0", "gpu1"],
      ["25:7", "26.0712 GB/s", "gpu1", "gpu0"],
    ]);
    expect(cut.unread.lines.map(({ place, why }) => `${place.line}: ${why}`)).toEqual([
      "3: JSON that is cut or broken at line 46",
    ]);
    const fio = resultText("fio-json.txt");
    const jobs = readResults(fio.slice(0, fio.indexOf('"jobname" : "many"')));
    expect(jobs.entries.map((entry) => entry.test)).toEqual(["peer", "dram"]);
    expect(jobs.unread.count).toBe(1);
  });

  test("JSON of no tool is told once", () => {
    const { unread } = readResults(`{\n "name": "x",\n "rate": 3\n}\n${resultText("bench-json.txt")}`);
    expect(unread.lines).toEqual([{ place: { line: 1, column: 1 }, text: "{", why: "JSON of no tool that is known" }]);
  });
});

describe("what is not understood", () => {
  test.each([["-5"], ["1e308"], ["1e300"], ["99999999999999999999"]])("a figure of %s is none", (value) => {
    const text = `Running host_to_device_memcpy_ce.\nmemcpy CE CPU(row) -> GPU(column) bandwidth (GB/s)\n 0 1\n 0 ${value} 26.35\n`;
    const { entries, unread } = readResults(text);
    expect(entries).toHaveLength(1);
    expect(unread.lines.map(({ place, why }) => `${place.line}: ${why}`)).toEqual([
      "4: the figure is negative, or so large that it is none",
    ]);
  });

  const known = resultText("bench-json.txt");

  test.each([
    ["BW: 12.5 GB/s between the two", true],
    ["  Bandwidth   : 171.420 MiB/s", true],
    ["latency 12 us", true],
    ["speed 196.5 Gb/s", true],
    ["3;fio-3.39;job;0;0;1;2", true],
    ["  3     1.5     2.5", true],
    ["Device 0: NVIDIA L40S", false],
    ["there are 12 of 13 things", false],
    ["uptime 3 days, load 0.5", false],
    ["", false],
  ])("%j looks like a result: %s", (line, isOne) => {
    expect(readResults(`${line}\n${known}`).unread.count).toBe(isOne ? 1 : 0);
  });

  test("a line shows no control character, and is cut", () => {
    const [line] = readResults(`\x9b31m5 GB/s \u202e${"x".repeat(500)}\n${known}`).unread.lines;
    expect(line?.text).toMatch(/^5 GB\/s x{10,}…$/);
    expect(line?.text.length).toBeLessThan(200);
    expect(hasUnseen(line?.text ?? "\n")).toBe(false);
  });

  test("a hundred lines are kept, all are counted", () => {
    const { unread } = readResults(`${"5 GB/s\n".repeat(150)}${known}`);
    expect([unread.count, unread.lines.length]).toEqual([150, 100]);
  });

  test.each([
    ["", { file: "paste.txt" }],
    ["hello\nrate: 5 GB/s\n", { file: "paste.txt", line: 2, column: 1 }],
  ])("a text without the output of any tool is refused: %j", (text, place) => {
    expect(() => readResults(text, "paste.txt")).toThrow(
      expect.objectContaining({ code: "bad-input", place, remedy: expect.stringContaining("nvbandwidth") }) as Error,
    );
  });
});

describe("a text that is too large is refused", () => {
  test.each([
    ["characters", "x".repeat(16 * 1024 * 1024 + 1)],
    ["lines", "\n".repeat(1_000_001)],
  ])("%s", (what, text) => {
    expect(() => readResults(text)).toThrow(expect.objectContaining({ code: "too-large" }) as Error);
    expect(() => readResults(text)).toThrow(new RegExp(what));
  });

  test("figures", () => {
    const head = "Running host_to_device_memcpy_ce.\nmemcpy CE CPU(row) -> GPU(column) bandwidth (GB/s)\n";
    const wide = Array.from({ length: 500 }, (_, index) => index);
    const table = `${head}   ${wide.join(" ")}\n 0 ${wide.map(() => "1.5").join(" ")}\n`;
    expect(readResults(table.repeat(500)).entries).toHaveLength(250_000);
    expect(() => readResults(table.repeat(501))).toThrow(PeerlaneError);
  });
});

test("groups of devices are made once for a run, and of too many devices they are refused", () => {
  const ranks = Array.from({ length: 1000 }, (_, rank) => `# Rank ${rank} Pid 1 on a device ${rank} [0x07] X\n`).join(
    "",
  );
  const row = " 8 2 float sum -1 1.0 2.0 3.0 0\n";
  const { entries } = readResults(`${ranks}# size count type redop root time algbw busbw #wrong\n${row.repeat(1000)}`);
  expect(entries).toHaveLength(1000);
  expect(new Set(entries.flatMap(({ from, to }) => [from, to])).size).toBe(1);
  const columns = Array.from({ length: 700 }, (_, index) => index);
  const table = `Running all_to_one_write_ce.\nmemcpy CE GPU(row) <- GPU(column) bandwidth (GB/s)\n ${columns.join(" ")}\n 0 ${columns.map(() => "1.1").join(" ")}\n`;
  expect(readResults(table.repeat(2)).entries).toHaveLength(1400);
  expect(() => readResults(table.repeat(3))).toThrow(expect.objectContaining({ code: "too-large" }) as Error);
});

describe("JSON in a text", () => {
  test("knows where its values are", () => {
    const text = 'x { "a": [1, -2.5e1], "b": {"c": "\\u00e9\\n", "d": null, "e": true}} y';
    const found = new JsonScanner(text).scan(2);
    if (!("node" in found)) throw new Error("not read");
    expect(text.slice(found.end)).toBe(" y");
    expect(member(found.node, "b", "c")?.value).toBe("é\n");
    expect(member(found.node, "b", "e")).toMatchObject({ value: true, at: text.indexOf("true") });
    expect(numberOf(member(found.node, "a"))).toBeUndefined();
    expect(member(found.node, "a", "b")).toBeUndefined();
  });

  test.each([
    '{"a":1',
    '{"a":1,}',
    '{"a" 1}',
    "{a:1}",
    "[1 2]",
    '{"a":01}',
    '{"a\n":1}',
    '{"a":"\\x"}',
    "{",
    "",
    "nul",
    "-",
  ])("%j is none", (text) => {
    expect(new JsonScanner(text).scan(0)).toHaveProperty("brokenAt");
  });

  test("nests 32 deep and no deeper", () => {
    const nested = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);
    expect(new JsonScanner(nested(33)).scan(0)).toHaveProperty("node");
    expect(new JsonScanner(nested(34)).scan(0)).toHaveProperty("brokenAt");
  });
});
