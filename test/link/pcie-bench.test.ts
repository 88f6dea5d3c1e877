import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { pcieBench } from "../../src/link/pcie-bench.ts";

/**
 * Answers of the authors' own program (github.com/pcie-bench/pcie-model, Python, Apache-2.0), for every generation it has
 * from a specification, every width, payload, read request and completion boundary, and sizes from 1 to 65,536 bytes.
 * Gbit/s.
 */
const recorded = gunzipSync(readFileSync(new URL("pcie-bench.csv.gz", import.meta.url)))
  .toString()
  .trim()
  .split("\n")
  .slice(1)
  .map((line) => line.split(",").map(Number));

/** Two entries of its tables are not what the specification's formula gives, nor what stands beside them: typing errors. */
const TYPED_WRONG = [
  { generation: 1, width: 32, payload: 2048, has: "248 symbol times for credits, where 148 is the limit" },
  { generation: 2, width: 32, payload: 4096, has: "237 symbol times for Acks, where 327 is the limit" },
];

test("equals the study's own model to a billionth, but for two typing errors", () => {
  const seen = new Set<string>();
  let typed = 0;
  let compared = 0;
  for (const row of recorded) {
    const [generation = 0, width = 0, payload = 0, reads = 0, rcb = 0, bits = 0, ecrc = 0, size = 0, ...expected] = row;
    const speedGTps = [2.5, 5, 8, 16, 32][generation - 1] ?? 0;
    const model = pcieBench(
      { speedGTps, width },
      {
        addressBits: bits as 32 | 64,
        prefixes: 0,
        ecrc: ecrc === 1,
        payloadBytes: payload,
        readRequestBytes: reads,
        completionBytes: rcb === 0 ? null : rcb,
      },
    );
    const found = [model.tlpGbps, model.writeGbps(size), model.readGbps(size), model.readWriteGbps(size)];
    const isTyped = TYPED_WRONG.some(
      (each) => each.generation === generation && each.width === width && each.payload === payload,
    );
    const worst = Math.max(...found.map((value, at) => Math.abs(value / (expected[at] ?? Number.NaN) - 1)));
    if (isTyped) {
      typed++;
      expect(worst).toBeGreaterThan(1e-3);
      continue;
    }
    if (!(worst <= 1e-9)) expect({ row, found }).toEqual({ row, found: expected });
    seen.add(`${generation} ${width} ${payload} ${reads}`);
    compared++;
  }
  expect(seen.size).toBe(5 * 6 * 6 * 6 - TYPED_WRONG.length * 6);
  expect([compared, typed]).toEqual([4320 - 48, 48]);
});
