import type { Duplex } from "node:stream";
import { PeerlaneError } from "../../pci/error.ts";
import { shellWord } from "../../pci/shell-word.ts";
import type { GuestDisk, GuestDisks } from "../../vm/guest-disks.ts";
import { runGuestShell, runInGuest } from "../../vm/run-in-guest.ts";
import { makeGuestPrinter, printBytes } from "../print.ts";
import { screenWidth, terminalOutput, wantsColor } from "../terminal.ts";
import { type BootContext, type BootOptions, withBoot } from "./boot.ts";

/** Options of `vm` with a command or a shell. */
export interface VmGuestOptions extends BootOptions {
  readonly shell?: boolean;
  /** `NAME=FILE` or `NAME=FILE,rw` each. */
  readonly disk?: readonly string[];
  /** Bytes. */
  readonly diskSize: number;
  /** Bytes. */
  readonly memory: number;
  readonly cpus: string;
}

/** What the guest is like, beside its scenario. */
interface Shape {
  readonly disks: GuestDisks;
  readonly freshDiskBytes: number;
  readonly memoryMiB: number;
  readonly cpus: number;
}

const MIB = 2 ** 20;
/** The kernel with Node in its root file system does not come up in less than half a GiB. */
const MEMORY = { option: "--memory", leastMiB: 512, mostMiB: 2 ** 20 };
const DISK = { option: "--disk-size", leastMiB: 1, mostMiB: 2 ** 22 };
const MAX_CPUS = 64;
/** What Control-] types: leaves the guest, whatever it is doing. */
const LEAVE = 0x1d;

/** `peerlane vm SCENARIO -- COMMAND…` and `--shell`: runs it in the guest and ends as it does. */
export async function runVmGuest(file: string, words: readonly string[], options: VmGuestOptions): Promise<number> {
  if (options.shell === true) refuseWithoutTerminal();
  const shape: Shape = {
    disks: parseDisks(options.disk ?? []),
    freshDiskBytes: wholeMiB(options.diskSize, DISK) * MIB,
    memoryMiB: wholeMiB(options.memory, MEMORY),
    cpus: parseCpus(options.cpus),
  };
  return withBoot(file, options, (context) =>
    options.shell === true ? runShell(context, shape) : runCommand(words, context, shape),
  );
}

function refuseWithoutTerminal(): void {
  if (process.stdin.isTTY === true && terminalOutput().isTTY === true) return;
  throw new PeerlaneError("usage", "--shell needs a terminal on standard input and output", {
    remedy: "without one, give a command: peerlane vm SCENARIO -- COMMAND",
  });
}

async function runCommand(words: readonly string[], context: BootContext, shape: Shape): Promise<number> {
  const { scenario, files, signal, progress, timeoutMs } = context;
  const colors = wantsColor("auto", terminalOutput()) ? { FORCE_COLOR: "1" } : {};
  const { exitCode } = await runInGuest(scenario, {
    ...shape,
    files,
    signal,
    command: words.map(shellWord).join(" "),
    // In the guest its output is a pipe, whatever it is here.
    environment: { COLUMNS: String(screenWidth(undefined)), ...colors },
    onStarted: () => progress.clear(),
    onOutput: makeGuestPrinter(),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  });
  return exitCode;
}

async function runShell(context: BootContext, shape: Shape): Promise<number> {
  const { scenario, files, progress, timeoutMs } = context;
  const leave = new AbortController();
  const input = process.stdin;
  let detach = (): void => {};
  try {
    const { exitCode } = await runGuestShell(scenario, {
      ...shape,
      files,
      signal: AbortSignal.any([context.signal, leave.signal]),
      environment: { TERM: process.env["TERM"] ?? "vt100" },
      onStarted: () => progress.clear(),
      attach: (guest, resize) => {
        detach = attachTerminal(guest, { resize, leave: () => leave.abort() });
      },
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    });
    return exitCode;
  } catch (error) {
    if (leave.signal.aborted) throw new PeerlaneError("operation-failed", "left by Control-]; the guest is gone");
    throw error;
  } finally {
    detach();
    input.pause();
  }
}

/** Connects this terminal with the guest's, which then draws on it and reads its keys; returns what ends that. */
function attachTerminal(
  guest: Duplex,
  { resize, leave }: { readonly resize: (rows: number, columns: number) => void; readonly leave: () => void },
): () => void {
  const { stdin, stdout } = process;
  const onInput = (chunk: Buffer): void => {
    if (chunk.includes(LEAVE)) leave();
    else guest.write(chunk);
  };
  const onResize = (): void => resize(stdout.rows || 24, stdout.columns || 80);
  stdin.setRawMode(true);
  stdin.on("data", onInput);
  stdout.on("resize", onResize);
  guest.on("data", printBytes);
  onResize();
  return () => {
    stdin.removeListener("data", onInput);
    stdout.removeListener("resize", onResize);
    stdin.setRawMode(false);
  };
}

/** Reads `NAME=FILE` and `NAME=FILE,rw`. */
function parseDisks(texts: readonly string[]): GuestDisks {
  const disks = new Map<string, GuestDisk>();
  for (const text of texts) {
    const [, name, path, suffix] = /^([^=]+)=(.+?)(,rw)?$/s.exec(text) ?? [];
    if (name === undefined || path === undefined)
      throw new PeerlaneError("usage", `'${text}' is no disk`, { remedy: "it is NAME=FILE or NAME=FILE,rw" });
    if (disks.has(name)) throw new PeerlaneError("usage", `two disks for ${name}`, { remedy: "give it one" });
    disks.set(name, { path, isWritable: suffix !== undefined });
  }
  return Object.fromEntries(disks);
}

/** A size in MiB. Throws `usage` where it is not whole ones within the option's limits. */
function wholeMiB(
  bytes: number,
  { option, leastMiB, mostMiB }: { readonly option: string; readonly leastMiB: number; readonly mostMiB: number },
): number {
  const mebibytes = bytes / MIB;
  if (Number.isInteger(mebibytes) && mebibytes >= leastMiB && mebibytes <= mostMiB) return mebibytes;
  throw new PeerlaneError("usage", `${option} cannot be ${bytes} bytes`, {
    remedy: `it is whole MiB, from ${leastMiB}M to ${mostMiB}M`,
  });
}

function parseCpus(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 1 && count <= MAX_CPUS) return count;
  throw new PeerlaneError("usage", `--cpus '${text}' is not understood`, {
    remedy: `it is a number from 1 to ${MAX_CPUS}`,
  });
}
