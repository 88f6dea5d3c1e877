/** What the programs that run inside the guest share; bundled into each. Results go to standard output, one JSON a line. */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, fsyncSync, openSync, readFileSync, readSync, writeFileSync, writeSync } from "node:fs";

/** How a command in the guest ended. */
export interface Ended {
  /** Exit code; `null` where a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly seconds: number;
}

/** A command that runs. */
export interface Running {
  readonly process: ChildProcess;
  readonly ended: Promise<Ended>;
}

/** Runs one check and reports how it went, with facts for people. */
export async function check(name: string, work: () => Promise<unknown>): Promise<void> {
  const start = Date.now();
  try {
    const facts = (await work()) ?? {};
    report({ name, seconds: (Date.now() - start) / 1000, facts });
  } catch (error) {
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
    report({ name, seconds: (Date.now() - start) / 1000, error: message });
  }
}

function report(result: object): void {
  process.stdout.write(`${JSON.stringify(result)}\n`);
}

/** Throws with what was seen where a condition does not hold. */
export function must(condition: boolean, message: string, seen?: unknown): void {
  if (!condition) throw new Error(seen === undefined ? message : `${message}: ${JSON.stringify(seen)}`);
}

/** Starts `peerlane` with arguments. */
export function start(args: readonly string[], environment: Readonly<Record<string, string>> = {}): Running {
  const begun = process.hrtime.bigint();
  const child = spawn("peerlane", args, { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...environment } });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => {
      resolve({ code, signal, stdout, stderr, seconds: Number(process.hrtime.bigint() - begun) / 1e9 });
    });
  });
  return { process: child, ended };
}

/** Runs `peerlane` to its end. */
export function run(args: readonly string[], environment?: Readonly<Record<string, string>>): Promise<Ended> {
  return start(args, environment).ended;
}

/** A provider's p2pmem, from sysfs. */
export function poolOf(bdf: string): { readonly size: number; readonly available: number } {
  const number = (file: string) => Number(readFileSync(`/sys/bus/pci/devices/${bdf}/p2pmem/${file}`, "utf8"));
  return { size: number("size"), available: number("available") };
}

/** Reads again and again how much of a provider's p2pmem is free, at little cost. */
export function availableIn(bdf: string): () => number {
  const file = openSync(`/sys/bus/pci/devices/${bdf}/p2pmem/available`, "r");
  const text = Buffer.alloc(32);
  return () => Number(text.toString("latin1", 0, readSync(file, text, 0, text.length, 0)));
}

/** Takes all memory of a pool until `free` is called. */
export async function holdPool(bdf: string): Promise<{ readonly free: () => Promise<void> }> {
  const script = `
    const koffi = require("/opt/peerlane/node_modules/koffi");
    const mmap = koffi.load(null).func("intptr_t mmap(uintptr_t, size_t, int, int, int, int64_t)");
    const file = require("fs").openSync("/sys/bus/pci/devices/${bdf}/p2pmem/allocate", "r+");
    for (let size = 2 ** 24; size >= 4096; size /= 2) while (mmap(0, size, 3, 1, file, 0) !== -1);
    setInterval(() => {}, 1000);`;
  const holder = spawn("node", ["-e", script], { stdio: "ignore" });
  const closed = new Promise((resolve) => holder.on("close", resolve));
  must(await until(() => poolOf(bdf).available === 0), "the pool is not taken", poolOf(bdf));
  return {
    free: async () => {
      holder.kill("SIGKILL");
      await closed;
    },
  };
}

/** The PCI address of an NVMe controller (`nvme0`). */
export function bdfOf(controller: string): string {
  return readFileSync(`/sys/class/nvme/${controller}/address`, "utf8").trim();
}

/** Bytes of a disk or file, past what the page cache remembers. */
export function readBytes(path: string, position: number, length: number): Buffer {
  writeFileSync("/proc/sys/vm/drop_caches", "1");
  const bytes = Buffer.alloc(length);
  const file = openSync(path, "r");
  try {
    for (let done = 0; done < length; ) {
      const count = readSync(file, bytes, done, length - done, position + done);
      if (count === 0) throw new Error(`${path} ends at ${position + done}`);
      done += count;
    }
  } finally {
    closeSync(file);
  }
  return bytes;
}

/** Writes bytes to a disk or file, and waits until they are there. */
export function writeBytes(path: string, position: number, bytes: Uint8Array): void {
  const file = openSync(path, "r+");
  try {
    for (let done = 0; done < bytes.length; )
      done += writeSync(file, bytes, done, bytes.length - done, position + done);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** What is waited for shares the emulated CPU with this: looking costs it time. */
const POLL_MS = 40;

/** Far longer than anything takes, however busy the machine is: a limit for what hangs. */
export const PATIENCE_MS = 300_000;

/** Waits until a condition holds; `false` where it never did. */
export async function until(condition: () => boolean): Promise<boolean> {
  for (const end = Date.now() + PATIENCE_MS; Date.now() < end; ) {
    if (condition()) return true;
    await pause(POLL_MS);
  }
  return condition();
}

export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
