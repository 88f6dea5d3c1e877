import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, describe, expect, test } from "vitest";
import { OUTPUT_SCHEMAS } from "../../../src/report/schemas.ts";
import { PROGRAM, PROGRAM_FILE } from "../../program.ts";

const [program, ...first] = PROGRAM;
// Not in /tmp: that may be a tmpfs, which takes no direct I/O everywhere.
const folder = mkdtempSync(join(import.meta.dirname, "../../../node_modules/.bench-test-"));
const file = join(folder, "data");
const original = Buffer.alloc(8 * 2 ** 20, "original ");
writeFileSync(file, original);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function bench(...words: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(program, [...first, "bench", file, "--dram-only", ...words], {
    encoding: "utf8",
  });
  return { status, stdout, stderr };
}

interface Output {
  readonly outcome: string;
  readonly ratio: null;
  readonly sides: { readonly peer: null; readonly dram: { readonly all: { readonly ios: number } } };
  readonly slices: readonly object[];
}

function outputOf(text: string): Output {
  const value: unknown = JSON.parse(text);
  OUTPUT_SCHEMAS.bench.parse(value);
  return value as Output;
}

/** More than the program reads of itself: who has read so much measures. */
const MEASURING_BYTES = 64 * 2 ** 20;

/** What a process has read so far, from anywhere. */
function readBy(pid = 0): number {
  return Number(/^rchar: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, "latin1"))?.[1]);
}

const QUICK = ["--runtime", "0.4", "--ramp", "0"];

describe("bench of a file, through DRAM alone", () => {
  test("measures reads and leaves the file as it was", () => {
    const { status, stdout, stderr } = bench(...QUICK, "--rw", "randread", "--bs", "4k", "--json");
    expect(stderr).toBe("");
    expect(status).toBe(0);
    const output = outputOf(stdout);
    expect(output).toMatchObject({ outcome: "measured", ratio: null, sides: { peer: null } });
    expect(output.sides.dram.all.ios).toBeGreaterThan(0);
    expect(output.slices).toHaveLength(4);
    expect(readFileSync(file).equals(original)).toBe(true);
  });

  test("draws them, and shows a table", () => {
    const svg = join(folder, "plot.svg");
    const { status, stdout } = bench(...QUICK, "--svg", svg);
    expect(status).toBe(0);
    expect(stdout).toMatch(/throughput +[\d.]+ [KMG]iB\/s/);
    expect(readFileSync(svg, "utf8")).toMatch(/^<svg [\s\S]*throughput \([KMG]iB\/s\)[\s\S]*<\/svg>/);
  });

  test("prints fio's job instead of running", () => {
    const { status, stdout } = bench("--rw", "write", "--bs", "64k", "--fio");
    expect(status).toBe(0);
    expect(stdout).toContain("rw=write\nbs=65536\niodepth=8\n");
    expect(stdout).not.toContain("[peer]");
  });

  test.for<[string, readonly string[], RegExp]>([
    ["without leave to write", ["--rw", "write", "--yes"], /destroys what is there[\s\S]*--allow-write/],
    ["with leave for another file", ["--rw", "write", "--allow-write", PROGRAM_FILE, "--yes"], /--allow-write names/],
    ["with nobody to ask", ["--rw", "write", "--allow-write", file], /no terminal to ask on[\s\S]*--yes/],
    ["with a depth that there is not", ["--iodepth", "100"], /1 to 64/],
    ["with a size that is none", ["--bs", "big"], /a size is/],
  ])("is a wrong use %s, and nothing is written", ([, words, message]) => {
    const { status, stderr } = bench(...QUICK, ...words);
    expect(stderr).toMatch(message);
    expect(status).toBe(2);
    expect(readFileSync(file).equals(original)).toBe(true);
  });

  test("writes within its range alone", () => {
    const range = ["--offset", "1M", "--size", "2M"];
    const { status, stdout } = bench(...QUICK, ...range, "--rw", "write", "--allow-write", file, "--yes", "--json");
    expect(status).toBe(0);
    outputOf(stdout);
    const now = readFileSync(file);
    const [start, end] = [2 ** 20, 3 * 2 ** 20];
    expect(now.subarray(0, start).equals(original.subarray(0, start))).toBe(true);
    expect(now.subarray(end).equals(original.subarray(end))).toBe(true);
    expect(now.toString("latin1", start, end)).toMatch(/^peerlane bench [0-9a-f]{8} slot \d sector 0 /);
    writeFileSync(file, original);
  });

  test.for(["SIGINT", "SIGTERM", "SIGHUP"] as const)("shows what it has where %s ends it", async (signal) => {
    const words = ["bench", file, "--dram-only", "--runtime", "600", "--ramp", "0", "--json"];
    const child = spawn(program, [...first, ...words]);
    let stdout = "";
    child.stdout.on("data", (chunk: Buffer) => {
      stdout += chunk.toString();
    });
    const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
    while (child.exitCode === null && readBy(child.pid) < MEASURING_BYTES) await pause(20);
    child.kill(signal);
    expect(await ended).toBe(4);
    expect(outputOf(stdout).outcome).toBe("partial");
  });
});
