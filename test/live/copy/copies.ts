import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { needProgram, PROGRAM } from "../../program.ts";

/** What a run of `peerlane copy` came to. */
export interface Outcome {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

/** A folder with a state folder of its own, in which `peerlane copy` runs. */
export interface CopyBench {
  readonly folder: string;
  readonly env: NodeJS.ProcessEnv;
  readonly path: (name: string) => string;
  readonly start: (...words: readonly string[]) => ChildProcess;
  readonly copy: (...words: readonly string[]) => Promise<Outcome>;
}

/** Makes a bench for one test file, on a file system that has direct I/O. */
export function copyBench(): CopyBench {
  needProgram();
  const [program, ...first] = PROGRAM;
  const folder = mkdtempSync(join(tmpdir(), "peerlane-copy-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const env = { ...process.env, XDG_STATE_HOME: join(folder, "state"), NO_COLOR: "1" };
  const start = (...words: readonly string[]): ChildProcess =>
    spawn(program, [...first, "copy", ...words], { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] });
  return {
    folder,
    env,
    path: (name) => join(folder, name),
    start,
    copy: (...words) => ended(start(...words)),
  };
}

/** Waits for the end of a run. */
export function ended(child: ChildProcess): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const text = { out: "", err: "" };
    child.stdout?.on("data", (chunk) => {
      text.out += chunk;
    });
    child.stderr?.on("data", (chunk) => {
      text.err += chunk;
    });
    child.on("error", reject);
    child.on("close", (status) => resolve({ status, ...text }));
  });
}

/** Whether `lengthBytes` of two files are the same, from an offset of each. */
export function sameBytes(a: string, aStart: number, b: string, bStart: number, lengthBytes: number): boolean {
  const files = [openSync(a, "r"), openSync(b, "r")] as const;
  const buffers = [Buffer.alloc(2 ** 20), Buffer.alloc(2 ** 20)] as const;
  try {
    for (let done = 0; done < lengthBytes; ) {
      const want = Math.min(2 ** 20, lengthBytes - done);
      const first = readSync(files[0], buffers[0], 0, want, aStart + done);
      const second = readSync(files[1], buffers[1], 0, want, bStart + done);
      if (first !== want || second !== want) return false;
      if (buffers[0].compare(buffers[1], 0, want, 0, want) !== 0) return false;
      done += want;
    }
    return true;
  } finally {
    for (const file of files) closeSync(file);
  }
}

/** Writes bytes into a file without changing its size otherwise. */
export function overwrite(path: string, position: number, bytes: Buffer): void {
  const file = openSync(path, "r+");
  writeSync(file, bytes, 0, bytes.length, position);
  closeSync(file);
}
