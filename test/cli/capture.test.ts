import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test, vi } from "vitest";
import { readUnchanged } from "../../src/cli/read-source.ts";
import { runCapture } from "../../src/cli/verbs/capture.ts";

const folder = mkdtempSync(join(tmpdir(), "peerlane-capture-"));
afterAll(() => rmSync(folder, { recursive: true }));

const source = join(import.meta.dirname, "../../examples/one-switch.yaml");

describe("A capture is written as its name says", () => {
  test.each<[name: string, plain: boolean, isPacked: boolean, said: string]>([
    ["server.json.gz", false, true, ""],
    ["server.JSON.GZ", false, true, ""],
    ["server.json", false, false, ""],
    ["server", false, true, "server is packed with gzip"],
    ["server", true, false, ""],
  ])("%s, plain: %s", async (name, plain, isPacked, said) => {
    const output = join(folder, name);
    const spoken = vi.spyOn(process.stderr, "write").mockReturnValue(true);
    await runCapture(source, { output, plain, format: "snapshot" });
    const words = spoken.mock.calls.join("");
    spoken.mockRestore();
    const bytes = readFileSync(output);
    expect(bytes.subarray(0, 2).equals(Buffer.from([0x1f, 0x8b]))).toBe(isPacked);
    if (!isPacked) expect(() => JSON.parse(bytes.toString())).not.toThrow();
    const { machine } = await readUnchanged(output, undefined);
    expect(machine.functions.length).toBeGreaterThan(5);
    expect(words.includes("is packed with gzip")).toBe(said !== "");
    expect(words).toContain(said);
  });

  test("and not against it", async () => {
    const output = join(folder, "x.json.gz");
    await expect(runCapture(source, { output, plain: true, format: "snapshot" })).rejects.toThrow(
      "is the name of compressed data, and --plain writes text",
    );
  });
});
