import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { expect, it } from "vitest";
import { lacking } from "../../cli/shell.ts";
import { PROGRAM } from "../../program.ts";
import { copyBench, type Outcome } from "./copies.ts";

const bench = copyBench();
const without = lacking("script");
const bytes = randomBytes(3 * 2 ** 20);

/** Runs `peerlane copy` on a terminal of its own, and types once it asks. */
function onTerminal(words: string, typed = ""): Promise<Outcome> {
  const command = `${PROGRAM.join(" ")} copy ${words}`;
  const child = spawn("script", ["-qec", command, "/dev/null"], {
    cwd: bench.folder,
    env: { ...bench.env, TERM: "xterm" },
  });
  let out = "";
  let hasTyped = false;
  child.stdout.on("data", (chunk) => {
    out += chunk;
    if (hasTyped || !out.includes("to go on: ")) return;
    hasTyped = true;
    child.stdin.write(typed);
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (status) => resolve({ status, out, err: "" }));
  });
}

function prepare(): void {
  writeFileSync(bench.path("a.bin"), bytes);
  writeFileSync(bench.path("b.bin"), "precious");
}

it.skipIf(without !== "")(`On a terminal it asks before it overwrites, and yes lets it${without}`, async () => {
  prepare();
  const { out, status } = await onTerminal("a.bin b.bin --fallback", "yes\r");
  expect(out).toMatch(/Overwrite .*b\.bin \(8 B\)\? What is there will be lost/);
  expect(status).toBe(0);
  expect(readFileSync(bench.path("b.bin")).equals(bytes)).toBe(true);
});

it.skipIf(without !== "").each([
  ["no", "no\r"],
  ["an empty line", "\r"],
  ["y", "y\r"],
  ["Ctrl-C", "\u0003"],
  ["Ctrl-D", "\u0004"],
])(`With %s for an answer nothing is copied${without}`, async (_, typed) => {
  prepare();
  const { out, status } = await onTerminal("a.bin b.bin --fallback", typed);
  expect(out).toContain("nothing was copied");
  expect(status).toBe(4);
  expect(readFileSync(bench.path("b.bin"), "utf8")).toBe("precious");
});

it.skipIf(without !== "")(`On a terminal it shows how far it is, and in a pipe it does not${without}`, async () => {
  prepare();
  const words = ["a.bin", "c.bin", "--fallback", "--yes", "--chunk", "4K", "--depth", "1"];
  const shown = await onTerminal(words.join(" "));
  expect(shown.out).toMatch(/copying \d+ %: [\d.]+ .iB of 3 MiB, .*\/s/);
  const piped = await bench.copy(...words);
  expect([piped.status, piped.err]).toEqual([0, ""]);
});
