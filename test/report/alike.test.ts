import { describe, expect, test } from "vitest";
import { advise } from "../../src/advice/fix/advise.ts";
import { readLspci } from "../../src/host/lspci/read-lspci.ts";
import type { Machine } from "../../src/host/machine.ts";
import { unknown } from "../../src/pci/known.ts";
import { joinAlike } from "../../src/report/alike.ts";
import { documentText } from "../../src/report/document-text.ts";
import { fixBlocks } from "../../src/report/fix/blocks.ts";
import { matrixJson } from "../../src/report/matrix-json.ts";
import { reasonRemarks } from "../../src/report/matrix-reasons.ts";
import { matrixText } from "../../src/report/matrix-text.ts";
import { plainText } from "../../src/report/rich.ts";
import { PeerRoutes } from "../../src/routes/peer-routes.ts";
import { decideAll } from "../../src/rules/verdict-table.ts";
import { wholePairs } from "./whole-pairs.ts";

/** What `lspci -nn` prints of `count` NVMe controllers below eight-port switches, which tells nothing of the tree. */
function flatListing(count: number): Machine {
  const hex = (value: number): string => value.toString(16).padStart(2, "0");
  const lines = ["00:00.0 Host bridge [0600]: Intel Corporation Device [8086:09a2] (rev 01)"];
  for (let index = 0; index < count; index++) {
    if (index % 8 === 0)
      lines.push(`${hex(1 + index + index / 8)}:00.0 PCI bridge [0604]: Broadcom [1000:c030] (rev 01)`);
    const bus = hex(2 + index + Math.floor(index / 8));
    lines.push(`${bus}:00.0 Non-Volatile memory controller [0108]: Samsung [144d:a80a] (rev 01)`);
  }
  return readLspci(new TextEncoder().encode(`${lines.join("\n")}\n`), "flat.txt");
}

/** The same with a reason of its own for each function, as a snapshot may have it. */
function reasonEach(machine: Machine): Machine {
  const functions = machine.functions.map((fn, index) => ({
    ...fn,
    attachment: unknown(`because of ${"x".repeat(index)}`),
  }));
  return { ...machine, functions };
}

function lineCount(machine: Machine, width: number): number {
  const table = decideAll(machine);
  return matrixText(table, { width, color: false }, undefined, new PeerRoutes(table)).split("\n").length;
}

test.for([
  { sentences: ["nothing above 0000:03:00.0: no -t"], text: ["nothing above 0000:03:00.0: no -t"] },
  { sentences: ["above 0000:03:00.0", "above 0000:04:00.0"], text: ["above 0000:03:00.0 and 0000:04:00.0"] },
  { sentences: ["above 0000:03:00.0", "above 0000:03:00.0"], text: ["above 0000:03:00.0"] },
  { sentences: ["above 0000:03:00.0", "below 0000:03:00.0"], text: ["above 0000:03:00.0", "below 0000:03:00.0"] },
  {
    sentences: ["1", "2", "3", "4", "5"].map((at) => `above 10000:0${at}:00.0: x`),
    text: ["above 10000:01:00.0, 10000:02:00.0, 10000:03:00.0 and 2 more: x"],
  },
  { sentences: ["a\0 b", "a\0 0000:01:00.0"], text: ["a\0 b", "a\0 0000:01:00.0"] },
])("$sentences is told as $text", ({ sentences, text }) => {
  expect(joinAlike(sentences)).toEqual(text);
});

describe("a flat listing of 128 endpoints", () => {
  const machine = flatListing(128);
  const table = decideAll(machine);

  test("has one reason for all its pairs, with some of the functions that it names", () => {
    const { first, rest } = reasonRemarks(table);
    expect(rest).toEqual([]);
    expect(first.map(({ text, about }) => [plainText(text), about])).toEqual([
      ["of 16256 pairs: 0 direct, 16256 unknown", undefined],
      [
        "16256 unknown: the source does not show how the two are connected (the source does not show what is above " +
          "0000:02:00.0, 0000:03:00.0, 0000:04:00.0 and 125 more: lspci prints the tree only with -t)",
        "02:00.0 → 03:00.0, 02:00.0 → 04:00.0, 02:00.0 → 05:00.0 and 16253 more",
      ],
    ]);
  });

  test.for([
    { width: 40, most: 400 },
    { width: 100, most: 300 },
  ])("takes fewer than $most lines of $width columns", ({ width, most }) => {
    expect(lineCount(machine, width)).toBeLessThan(most);
  });

  test("draws no table of question marks", () => {
    expect(matrixText(table, { width: 40, color: false })).not.toMatch(/^provider/m);
  });

  test("keeps both hidden places of each pair in JSON, each once", () => {
    const input = { table, expectedGroups: unknown("not asked") };
    const matrix = matrixJson(input, new PeerRoutes(table));
    expect(matrix.hidden).toHaveLength(128);
    const pairs = wholePairs(matrix);
    expect(pairs).toHaveLength(128 * 127);
    expect(pairs[0]?.hidden).toEqual([
      "the source does not show what is above 0000:02:00.0: lspci prints the tree only with -t",
      "the source does not show what is above 0000:03:00.0: lspci prints the tree only with -t",
    ]);
  });

  test("has one line for what fix cannot tell of many pairs", () => {
    const [first, ...others] = table.providers;
    const pairs = first === undefined ? [] : others.map((client) => ({ provider: first, client }));
    const text = documentText(fixBlocks(advise(machine, pairs)), { width: 40, color: false });
    expect(text.match(/show what\s+is above|show\s+what is above/g)).toHaveLength(1);
    expect(text.replaceAll(/\s+/g, " ")).toContain("and 125 more: lspci prints the tree only with -t");
  });
});

test("a machine with a reason of its own for each of 64 functions is explained by its first reasons and a count", () => {
  const table = decideAll(reasonEach(flatListing(64)));
  const { first, rest } = reasonRemarks(table);
  // The counts, five reasons, and that there are more.
  expect(first).toHaveLength(7);
  expect(first.map(({ text }) => plainText(text)).at(-1)).toBe("8 more reasons below");
  // Each two of 64 devices are a kind; the first twelve are told.
  expect(rest.map(({ text }) => plainText(text)).at(-1)).toBe(
    "unknown: and 2004 more reasons for 4008 pairs; --json lists them",
  );
  expect(lineCount(reasonEach(flatListing(64)), 40)).toBeLessThan(400);
});
