import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { type KeptOptions, startKept } from "../../src/vm/kept-process.ts";

const folder = mkdtempSync(join(tmpdir(), "peerlane-kept-"));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const options: KeptOptions = { env: process.env, remedy: "install it" };

async function run(script: string, words: readonly string[] = []) {
  const child = startKept("sh", ["-c", script, "sh", ...words], options);
  const output: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => output.push(chunk));
  child.stderr.resume();
  return { status: await child.ended, output: Buffer.concat(output).toString("latin1") };
}

describe("a kept process", () => {
  test.for([
    ["exit 0", 0],
    ["exit 3", 3],
    ["kill -TERM $$", 143],
    ["kill -KILL $$", 137],
  ] as const)("ends as its program does: %s", async ([script, status]) => {
    expect((await run(script)).status).toBe(status);
  });

  test("has an empty standard input", async () => {
    expect(await run("cat; echo end")).toEqual({ status: 0, output: "end\n" });
  });

  test("is given its words as they are", async () => {
    const words = ["", " ", "a b", "$HOME", "`id`", "'", '"', "\\", "*", "-n", "a\nb"];
    expect((await run('printf "%s|" "$@"', words)).output).toBe(words.map((word) => `${word}|`).join(""));
  });

  test("loses no byte of its output", async () => {
    const { output } = await run("head -c 3000000 /dev/zero");
    expect(output.length).toBe(3_000_000);
  });

  test("has sockets from descriptor 3 on", async () => {
    const child = startKept("sh", ["-c", "read -r word <&4; echo got $word >&3"], { ...options, ports: 2 });
    child.stdout.resume();
    child.stderr.resume();
    const said: Buffer[] = [];
    child.ports[0]?.on("data", (chunk: Buffer) => said.push(chunk));
    child.ports[1]?.write("it\n");
    await child.ended;
    expect(Buffer.concat(said).toString()).toBe("got it\n");
  });

  test("is ended with all that it started", async () => {
    const child = startKept("sh", ["-c", "sleep 1000 & sleep 1000 & echo up; wait"], options);
    child.stderr.resume();
    await new Promise((resolve) => child.stdout.once("data", resolve));
    child.kill();
    // Its output ends when nobody is left who holds it.
    expect(await child.ended).toBe(137);
    child.kill();
  });

  test("that is not installed is an error with the way out", () => {
    const plain = join(folder, "plain");
    writeFileSync(plain, "no program", { mode: 0o644 });
    for (const program of ["no-such-program", plain, folder])
      expect(() => startKept(program, [], options)).toThrow(
        expect.objectContaining({
          code: "environment",
          remedy: "install it",
          message: expect.stringContaining(program),
        }),
      );
  });

  test("in a folder that is not there is one too", async () => {
    const child = startKept("true", [], { ...options, cwd: join(folder, "none") });
    child.stdout.resume();
    child.stderr.resume();
    await expect(child.ended).rejects.toMatchObject({ code: "environment" });
  });
});
