import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
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

/** Whether a rescue file stands under its name. */
function isSaved(state: string): boolean {
  return existsSync(state) && readdirSync(state).some((name) => name.endsWith(".rescue"));
}

/** Runs the program, and kills it when it has saved the range, or some time after it started. */
function killAt(moment: "saved" | number, disk: string, state: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program.path, disk, state]);
    let complaints = "";
    child.stderr.on("data", (chunk: Buffer) => {
      complaints += chunk.toString();
    });
    child.stdout.once("data", async () => {
      if (moment !== "saved") await pause(moment);
      else while (child.exitCode === null && !isSaved(state)) await pause(1);
      child.kill("SIGKILL");
    });
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
    await killAt(kill % 4 === 0 ? "saved" : Math.random() * 60, disk, state);
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
