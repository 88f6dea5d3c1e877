import { type ChildProcess, spawn } from "node:child_process";
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import type { Duplex, Readable, Writable } from "node:stream";
import { PeerlaneError } from "../pci/error.ts";

/** How a kept process is started. */
export interface KeptOptions {
  readonly cwd?: string | undefined;
  readonly env: NodeJS.ProcessEnv;
  /** How many further descriptors it has, from 3 on: sockets to this process. Default none. */
  readonly ports?: number;
  /** Held open by the process until its end, as {@link TemporaryFolder.line} is. */
  readonly holds?: Writable | undefined;
  /** What to do when the program is not there. */
  readonly remedy: string;
}

/** A program that does not outlive this process. */
export interface KeptProcess {
  /** Its standard input is empty. */
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly ports: readonly Duplex[];
  /** Its exit code, above 128 by a signal, once it is gone and its output is read. Rejects where it cannot be started. */
  readonly ended: Promise<number>;
  /** Ends it at once, with all that it started. */
  kill(): void;
}

/**
 * The parent of a kept process, in a session of its own: no Ctrl-C and no hang-up of the terminal gets there. Its
 * standard input is held by Peerlane, which writes a line when the program has let go of its output. An end without a
 * line is Peerlane's own end, by whatever signal: the group goes, program and all. The kernel ends the program where
 * its parent is killed (`setpriv`, where there is one that can).
 *
 * No process is named by its number here, so that none that took the number of one that is gone can be hit.
 */
const KEEPER = `
if setpriv --pdeathsig KILL true; then set -- setpriv --pdeathsig KILL "$@"; fi 2>/dev/null
"$@" </dev/null &
trap '' HUP INT TERM
exec >/dev/null 2>&1
if read -r _; then wait $!; exit $?; fi
kill -KILL 0
`;

const KEEPER_STREAMS = 3;
const SIGNAL_STATUS = 128;
const SIGKILL = 9;

/** Starts a program that goes down with this process, even by SIGKILL. Throws `environment` where it is not installed. */
export function startKept(program: string, args: readonly string[], options: KeptOptions): KeptProcess {
  const { ports = 0, holds, remedy } = options;
  refuseMissing(program, remedy);
  const child = spawn("sh", ["-c", KEEPER, "peerlane-keeper", program, ...args], {
    cwd: options.cwd,
    env: options.env,
    detached: true,
    stdio: [
      ...["pipe" as const, "pipe" as const, "pipe" as const],
      ...Array.from({ length: ports }, () => "pipe" as const),
      ...(holds === undefined ? [] : [holds]),
    ],
  });
  const streams = child.stdio as unknown as [Writable, Readable, Readable, ...Duplex[]];
  const [line, stdout, stderr] = streams;
  // The keeper may be gone before it is told that all is over.
  line.on("error", () => {});
  whenBothEnd(stdout, stderr, () => line.end("\n"));
  const sockets = streams.slice(KEEPER_STREAMS, KEEPER_STREAMS + ports) as Duplex[];
  // What the program's end means is told by its exit, not by a port that broke.
  for (const socket of sockets) socket.on("error", () => {});
  return { stdout, stderr, ports: sockets, ended: endOf(child, remedy), kill: () => killGroup(child) };
}

function whenBothEnd(one: Readable, other: Readable, then: () => void): void {
  let open = 2;
  for (const stream of [one, other])
    stream.once("end", () => {
      if (--open === 0) then();
    });
}

function endOf(child: ChildProcess, remedy: string): Promise<number> {
  // A keeper that somebody killed cannot take its program along.
  child.once("exit", (_, signal) => signal !== null && signalGroup(child));
  return new Promise((resolve, reject) => {
    child.once("error", (cause) =>
      reject(new PeerlaneError("environment", `cannot start a program: ${cause.message}`, { remedy, cause })),
    );
    child.once("close", (status) => resolve(status ?? SIGNAL_STATUS + SIGKILL));
  });
}

function killGroup(child: ChildProcess): void {
  if (child.exitCode === null && child.signalCode === null) signalGroup(child);
}

/** The group has the keeper's number, which nothing else gets while the program lives. */
function signalGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // All of it is gone.
  }
}

function refuseMissing(program: string, remedy: string): void {
  const folders = (process.env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "");
  const places = program.includes("/") ? [program] : folders.map((folder) => join(folder, program));
  if (places.some(isProgram)) return;
  throw new PeerlaneError("environment", `the program ${program} is not installed`, { remedy });
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
