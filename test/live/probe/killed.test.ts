import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { listRescues } from "../../../src/live/probe/rescue-store.ts";
import { variedBytes } from "./fakes.ts";
import { buildOverwrite, type OverwriteProgram } from "./overwrite.ts";

const KILLS = 20;
let program: OverwriteProgram;

beforeAll(async () => {
  program = await buildOverwrite();
});
afterAll(() => program.remove());

/** Runs the program, and kills it some time after it started. */
function killAfter(delayMs: number, disk: string, state: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program.path, disk, state]);
    let complaints = "";
    child.stderr.on("data", (chunk: Buffer) => {
      complaints += chunk.toString();
    });
    child.stdout.once("data", () => setTimeout(() => child.kill("SIGKILL"), delayMs));
    child.on("close", (_, signal) => (signal === "SIGKILL" ? resolve() : reject(new Error(complaints))));
  });
}

test(`a test of writes that is killed ${KILLS} times at random points never loses the range`, {
  timeout: 900_000,
}, async () => {
  const original = variedBytes(1 << 20);
  let leftOver = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    const [disk, state] = [join(program.folder, "disk"), join(program.folder, `state-${kill}`)];
    writeFileSync(disk, original);
    await killAfter(Math.random() * 60, disk, state);
    const [left, ...others] = listRescues(state);
    expect(others).toEqual([]);
    const now = readFileSync(disk);
    if (left !== undefined) {
      leftOver++;
      expect(left.rescue.position).toBe(65_536);
      left.rescue.data.copy(now, left.rescue.position);
    }
    expect(now.equals(original)).toBe(true);
  }
  expect(leftOver).toBeGreaterThan(0);
});
