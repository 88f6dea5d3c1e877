import { describe, expect, test } from "vitest";
import { type Block, table } from "../../src/report/document.ts";
import { documentText } from "../../src/report/document-text.ts";
import { simulationBlocks } from "../../src/report/simulate/blocks.ts";
import { exampleText, simulate, WORKLOAD_EXAMPLES } from "../offload/workloads.ts";

const drawn = (blocks: readonly Block[], width: number): string => documentText(blocks, { width, color: false });

const HEAD = ["", "DRAM read", "DRAM written", "switches", "control"];
const ROWS = [
  ["as asked", "0 B", "0 B", "2.5 MiB", "18.1 KiB"],
  ["through RAM", "1.3 MiB", "1.3 MiB", "2.5 MiB", "18.1 KiB"],
];

describe("A table for which the screen is too narrow", () => {
  test.each<[width: number, lines: readonly string[]]>([
    [
      60,
      [
        "               DRAM read  DRAM written  switches  control",
        "  as asked     0 B        0 B           2.5 MiB   18.1 KiB",
        "  through RAM  1.3 MiB    1.3 MiB       2.5 MiB   18.1 KiB",
      ],
    ],
    [
      50,
      [
        "               DRAM read  DRAM written  switches",
        "  as asked     0 B        0 B           2.5 MiB",
        "  through RAM  1.3 MiB    1.3 MiB       2.5 MiB",
        "               control",
        "  as asked     18.1 KiB",
        "  through RAM  18.1 KiB",
      ],
    ],
    [
      30,
      [
        "               DRAM read",
        "  as asked     0 B",
        "  through RAM  1.3 MiB",
        "               DRAM written",
        "  as asked     0 B",
        "  through RAM  1.3 MiB",
        "               switches",
        "  as asked     2.5 MiB",
        "  through RAM  2.5 MiB",
        "               control",
        "  as asked     18.1 KiB",
        "  through RAM  18.1 KiB",
      ],
    ],
  ])("of %i columns goes on below, behind its first column", (width, lines) => {
    expect(
      drawn([table(HEAD, ROWS)], width)
        .trimEnd()
        .split("\n"),
    ).toEqual(lines);
  });

  test("breaks the sentences of its last column, in that column", () => {
    const rows = [["one-switch", "wrong address", "a read of BAR 0 of 0000:04:00.0 reaches BAR 0 of 0000:03:00.0"]];
    expect(
      drawn([table(["machine", "lists", "why"], rows)], 60)
        .trimEnd()
        .split("\n"),
    ).toEqual([
      "  machine     lists          why",
      "  one-switch  wrong address  a read of BAR 0 of 0000:04:00.0",
      "                             reaches BAR 0 of 0000:03:00.0",
    ]);
  });

  test("is as wide as a screen at most, and cuts nothing", () => {
    for (let width = 24; width < 70; width++) {
      const text = drawn([table(HEAD, ROWS)], width);
      expect(text).not.toContain("…");
      expect(text.split("\n").filter((line) => line.length > width)).toEqual([]);
      for (const cell of ROWS.flat()) expect(text).toContain(cell);
    }
  });
});

test.each(WORKLOAD_EXAMPLES)("no number of the workload %s is cut on a narrow screen", (name) => {
  const blocks = simulationBlocks(simulate(exampleText(name)));
  const cells = blocks.flatMap((block) => (block.kind === "table" ? block.rows.flat() : []));
  const text = drawn(blocks, 80);
  expect(text).not.toContain("…");
  for (const cell of cells) if (typeof cell === "string") expect(text).toContain(cell);
});
