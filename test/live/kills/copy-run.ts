import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { getPriority, setPriority } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { KillPlan } from "./plan.ts";

/** What people run. */
export const PROGRAM: string = join(import.meta.dirname, "../../../dist/peerlane.cjs");

/** Loaded first, sends a signal at the call that the variable of this name says. */
export const KILL_AT_CALL: string = join(import.meta.dirname, "programs/kill-at-call.cjs");

/** How a run of `peerlane copy` ended. */
export interface RunEnd {
  /** `null` where a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly out: string;
  readonly err: string;
  readonly milliseconds: number;
}

/** What a run is looked at for while it goes. */
export interface RunPlaces {
  /** Folder and pattern of its journal. */
  readonly journals: { readonly folder: string; readonly name: RegExp };
  /** Of a target file. */
  readonly targetFile: string | null;
  /** What is not copied yet, and about how many calls that takes. */
  readonly toWrite: number;
  readonly calls: number;
}

const PATIENCE_MS = 120_000;
const POLL_MS = 2;
/** How long a run took until it wrote, the last few times: a start is killed within it. */
let startMs = 500;

/** Runs a copy, to its end or until it is killed. */
export async function runCopy(
  words: readonly string[],
  environment: NodeJS.ProcessEnv,
  kill: KillPlan | null,
  places: RunPlaces,
): Promise<RunEnd> {
  const begun = performance.now();
  // A group of its own, to be killed as one.
  const atCall = kill?.when === "call" ? callOf(kill, places) : null;
  const program = [...(atCall === null ? [] : ["--require", KILL_AT_CALL]), PROGRAM];
  const child = spawn(process.execPath, [...program, "copy", ...words], {
    ...{ env: { ...environment, ...(atCall === null ? {} : { KILL_AT_CALL: atCall }) }, detached: true },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const text = { out: "", err: "" };
  child.stdout.on("data", (chunk) => {
    text.out += chunk;
  });
  child.stderr.on("data", (chunk) => {
    text.err += chunk;
  });
  const ended = new Promise<RunEnd>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => resolve({ code, signal, ...text, milliseconds: performance.now() - begun }));
  });
  const { pid } = child;
  // Who watches it comes first.
  if (pid !== undefined) setPriority(pid, Math.min(19, getPriority() + 5));
  const hasEnded = (): boolean => child.exitCode !== null || child.signalCode !== null;
  if (kill !== null && atCall === null && pid !== undefined) {
    if (kill.when === "start") await pause(kill.share * startMs);
    else {
      await untilIs(momentOf(kill, pid, places), hasEnded);
      if (kill.when === "journal") startMs = 0.8 * startMs + 0.2 * (performance.now() - begun);
    }
    if (kill.thenMs > 0) await pause(kill.thenMs);
    // Not a process that has ended and was reaped: its number may be somebody else's.
    if (!hasEnded()) process.kill(kill.toGroup ? -pid : pid, kill.signal);
  }
  const late = setTimeout(() => !hasEnded() && pid !== undefined && process.kill(-pid, "SIGKILL"), PATIENCE_MS);
  try {
    return await ended;
  } finally {
    clearTimeout(late);
  }
}

function callOf({ share, signal, toGroup, moment }: KillPlan, { calls }: RunPlaces): string {
  return [1 + Math.floor(share * calls), signal, toGroup ? "group" : "process", moment].join();
}

/** True from a moment of a run on. */
function momentOf({ when, share }: KillPlan, pid: number, { journals, targetFile, toWrite }: RunPlaces): () => boolean {
  const written = (bytes: number) => () => writtenBy(pid) >= bytes;
  if (when === "journal") return () => existsSync(journals.folder) && readdirSync(journals.folder).some(isOf(journals));
  if (when === "target" && targetFile !== null) {
    const before = sizeOf(targetFile);
    return () => sizeOf(targetFile) !== before;
  }
  return written(when === "all written" ? 0.98 * toWrite : Math.max(4096, share * toWrite));
}

function isOf({ name }: RunPlaces["journals"]): (each: string) => boolean {
  return (each) => name.test(each);
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? -1;
}

/** What a process has handed over to be written so far; 0 where it is gone. */
function writtenBy(pid: number): number {
  try {
    return Number(/^wchar: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, "latin1"))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

async function untilIs(condition: () => boolean, hasEnded: () => boolean): Promise<void> {
  for (const end = Date.now() + PATIENCE_MS; !condition() && !hasEnded() && Date.now() < end; ) await pause(POLL_MS);
}
