import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { PeerlaneError } from "../../src/pci/error.ts";
import { hasUnseen } from "../../src/pci/visible.ts";
import { JsonScanner } from "../../src/results/json-at.ts";
import { readResults } from "../../src/results/read-results.ts";
import type { MeasuredResults } from "../../src/results/results.ts";

const folder = join(import.meta.dirname, "../results/texts");
const texts = readdirSync(folder).map((name) => readFileSync(join(folder, name), "utf8"));
const lines = texts.flatMap((text) => text.split("\n"));

/** Reads a text; a refusal by the door is as good as results, anything else is a failure. */
function readOrRefuse(text: string): MeasuredResults | undefined {
  try {
    return readResults(text);
  } catch (error) {
    if (error instanceof PeerlaneError && (error.code === "bad-input" || error.code === "too-large")) return;
    throw error;
  }
}

function expectSound(text: string, results: MeasuredResults): void {
  const count = text.split("\n").length;
  for (const { place, bytesPerSecond, latencyNs, sizeBytes, flows, label, doubts } of results.entries) {
    expect(place.line).toBeGreaterThanOrEqual(1);
    expect(place.line).toBeLessThanOrEqual(count);
    expect(place.column).toBeGreaterThanOrEqual(1);
    expect(bytesPerSecond === null && latencyNs === null).toBe(false);
    for (const value of [bytesPerSecond, latencyNs, sizeBytes, flows]) {
      if (value !== null) expect(Number.isFinite(value)).toBe(true);
    }
    expect([label, ...doubts].some(hasUnseen)).toBe(false);
  }
  expect(results.unread.lines.some((line) => hasUnseen(line.text) || hasUnseen(line.why))).toBe(false);
  expect(results.unread.lines.length).toBe(Math.min(100, results.unread.count));
  expect(results.leftOut.every(({ why }) => !hasUnseen(why))).toBe(true);
}

const noise = fc.oneof(
  fc.string({ unit: "binary", maxLength: 60 }),
  fc.constantFrom(
    "{",
    "[",
    '{"a":',
    "}",
    "\x1b[",
    "\x1b]0;",
    "0: ",
    "[1,0]<stdout>:",
    "   D\\D     0      1",
    "\r",
    "\0",
  ),
  fc.constantFrom(...lines),
  fc.constantFrom(...lines).chain((line) => fc.nat(line.length).map((end) => line.slice(0, end))),
  fc
    .tuple(
      fc.constantFrom(...lines),
      fc.nat(),
      fc.constantFrom("9".repeat(30), "1e999", "-1", "NaN", "ffff", "\u202e", ",", " "),
    )
    .map(
      ([line, at, piece]) => `${line.slice(0, at % (line.length + 1))}${piece}${line.slice(at % (line.length + 1))}`,
    ),
);

test("any mixture of lines, whole, cut or spoilt, gives sound results or a refusal", () => {
  fc.assert(
    fc.property(fc.array(noise, { maxLength: 60 }), (mixture) => {
      const text = mixture.join("\n");
      const results = readOrRefuse(text);
      if (results !== undefined) expectSound(text, results);
    }),
    { numRuns: 1500 },
  );
});

test("a text cut at any place gives no figure that the whole text does not have, but what was cut in the middle of it", () => {
  for (const text of texts) {
    const rates = new Set(
      readResults(text).entries.map(({ bytesPerSecond, latencyNs }) => bytesPerSecond ?? latencyNs),
    );
    for (let end = 0; end < text.length; end += 7) {
      const cut = text.slice(0, text.lastIndexOf("\n", end) + 1);
      for (const { bytesPerSecond, latencyNs } of readOrRefuse(cut)?.entries ?? []) {
        expect(rates).toContain(bytesPerSecond ?? latencyNs);
      }
    }
  }
});

test("however often JSON begins and does not end, what is looked at is bounded by the length of the text", () => {
  fc.assert(
    fc.property(
      fc.constantFrom("{\n", '{"a":\n', "[\n", '{"a":1,\n', '{"a":"', '[{"a":[', '{"\\', "[1,"),
      fc.integer({ min: 1, max: 3000 }),
      (piece, count) => {
        const text = piece.repeat(count);
        const scanner = new JsonScanner(text);
        for (let at = 0; at < text.length; at += piece.length) scanner.scan(at);
        expect(scanner.steps).toBeLessThanOrEqual(9 * text.length + 2048);
      },
    ),
    { numRuns: 200 },
  );
});
