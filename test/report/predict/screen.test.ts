import { describe, expect, test } from "vitest";
import { findDevice } from "../../../src/host/select.ts";
import { documentText } from "../../../src/report/document-text.ts";
import { predictBlocks } from "../../../src/report/predict/screen.ts";
import { decideAll } from "../../../src/rules/verdict-table.ts";
import { machineOf } from "../../policy/machines.ts";

describe("predict gpu0 mlx5_0, of two devices below a switch that redirects, in 80 columns", () => {
  const machine = machineOf("gpu-nic-server.yaml");
  const pair = { providers: [findDevice(machine, "gpu0")], clients: [findDevice(machine, "mlx5_0")] };
  const lines = (isWhole: boolean): readonly string[] =>
    documentText(predictBlocks(decideAll(machine, pair), { isWhole }), { width: 80, color: false })
      .trimEnd()
      .split("\n");

  test("is a screen of 25 lines", () => {
    expect(lines(false).length).toBeLessThanOrEqual(25);
    expect(Math.max(...lines(false).map((line) => line.length))).toBeLessThanOrEqual(80);
    expect(lines(true).length).toBeGreaterThan(25);
  });

  test("begins with the answer", () => {
    expect(lines(false).slice(0, 5)).toEqual([
      "mlx5_0 (0000:19:00.0) and the memory of gpu0 (0000:18:00.0)",
      "  mlx5_0 writes into gpu0: 44.5 GB/s (41.3–57.1), held by the link of 16:00.0,",
      "    x16 32GT/s, in packets of 64 bytes from the root complex; assumed in part",
      "  mlx5_0 reads from gpu0: 54.4 GB/s (27.4–59.8), held by the link of 16:00.0,",
      "    x16 32GT/s; assumed in part",
    ]);
  });
});
