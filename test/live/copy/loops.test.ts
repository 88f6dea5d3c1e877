/** The attack of an issue: a loop and its file, two loops on one file, and a file below a mounted file system, by the program. */
import { execFile } from "node:child_process";
import { randomFillSync } from "node:crypto";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { needProgram, PROGRAM } from "../../program.ts";
import { LoopBench, run, whyNoLoops } from "../loop-devices.ts";

const MIB = 2 ** 20;
const [program, ...first] = PROGRAM;
const why = whyNoLoops();

let bench: LoopBench;
beforeEach(() => {
  bench = new LoopBench();
});
afterEach(() => bench.close());

/** Runs `peerlane` in the bench's folder. */
function peerlane(...words: readonly string[]): Promise<{ readonly code: number; readonly says: string }> {
  const env = { ...process.env, XDG_STATE_HOME: bench.path("state"), NO_COLOR: "1" };
  return new Promise((resolve) => {
    execFile(program, [...first, ...words], { cwd: bench.folder, env }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), says: `${stdout}${stderr}`.replaceAll(/\s+/g, " ") });
    });
  });
}

function randomFile(name: string, sizeBytes: number): string {
  writeFileSync(bench.path(name), randomFillSync(Buffer.alloc(sizeBytes)));
  return bench.path(name);
}

/** Whether a file, by now on its disk, is what it was. */
function unchanged(file: string): () => boolean {
  run("sync");
  copyFileSync(file, `${file}.before`);
  return () => {
    run("sync");
    return readFileSync(file).equals(readFileSync(`${file}.before`));
  };
}

const copy = (source: string, target: string, ...more: readonly string[]) =>
  peerlane("copy", source, target, "--fallback", "--yes", ...more);

describe.skipIf(why !== null)(`peerlane with loop devices${why === null ? "" : ` (${why})`}`, () => {
  needProgram();

  test.each([
    ["a loop to its file", "loop", "file"],
    ["a file to its loop", "file", "loop"],
    ["a loop to another one of its file", "loop", "other"],
  ] as const)("copies nothing from %s, 1 MiB further: they are the same bytes", async (_, source, target) => {
    const file = randomFile("a.img", 16 * MIB);
    const ends = { file, loop: bench.attach(file), other: bench.attach(file) };
    const isUntouched = unchanged(file);
    const { code, says } = await copy(ends[source], ends[target], "--target-offset", "1M", "--length", "8M");
    expect(says).toContain("source and target are the same bytes, or some of them");
    expect(code).toBe(2);
    expect(isUntouched()).toBe(true);
  });

  test("writes to no file that backs a mounted file system: neither copy nor bench", async () => {
    const source = randomFile("a.img", 4 * MIB);
    const target = bench.file("m.img", 64 * MIB);
    bench.mount(bench.attach(target), "mnt");
    writeFileSync(bench.path("mnt/f"), "precious");
    // The file system itself would write.
    run("mount", "-o", "remount,ro", bench.path("mnt"));
    const isUntouched = unchanged(target);
    const copied = await copy(source, target);
    expect(copied.says).toMatch(/the target \S+m.img is in use: loop\d+ mounted at \S+mnt, attached as loop\d+/);
    expect(copied.code).toBe(4);
    const written = await peerlane("bench", target, "--rw", "write", "--allow-write", target, "--dram-only", "--yes");
    expect(written.says).toMatch(/m.img is in use: loop\d+ mounted at/);
    expect(written.code).toBe(4);
    expect(isUntouched()).toBe(true);
  });

  test("copies to a loop that nobody uses, and says that its source is attached elsewhere", async () => {
    const source = randomFile("a.img", 4 * MIB);
    bench.attach(source);
    const file = bench.file("b.img", 8 * MIB);
    const { code, says } = await copy(source, bench.attach(file), "--verify");
    expect(says).toMatch(/the source \S+a.img is in use \(attached as loop\d+\)/);
    expect(code).toBe(0);
    run("sync");
    expect(
      readFileSync(file)
        .subarray(0, 4 * MIB)
        .equals(readFileSync(source)),
    ).toBe(true);
  });
});
