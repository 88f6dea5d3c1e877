import { constants } from "node:os";
import type { Duplex } from "node:stream";
import { PeerlaneError } from "../pci/error.ts";
import { runCommand } from "./command.ts";
import { startKept } from "./kept-process.ts";
import type { QemuMachine } from "./qemu.ts";
import type { TemporaryFolder } from "./temporary-folder.ts";

/** A run of QEMU. */
export interface QemuRun {
  readonly machine: QemuMachine;
  readonly kernelImage: string;
  readonly initramfs: string;
  /** Beside those of the machine. */
  readonly kernelParameters?: string;
  readonly memoryMiB: number;
  readonly cpus: number;
  /** Given the guest's further serial ports in order (`/dev/ttyS1` first); the console is `/dev/ttyS0`. At most 3. */
  readonly ports: readonly ((port: Duplex) => void)[];
  /** Further arguments of QEMU. */
  readonly extraArguments?: readonly string[];
  /** For QEMU's own temporary files. */
  readonly folder: TemporaryFolder;
  readonly signal?: AbortSignal;
  /** Gives up after this long; `null`: never. */
  readonly timeoutMs: number | null;
}

/** What QEMU's arguments are made of. */
export type QemuArguments = Pick<
  QemuRun,
  "machine" | "kernelImage" | "initramfs" | "kernelParameters" | "memoryMiB" | "cpus" | "ports" | "extraArguments"
>;

const QEMU = "qemu-system-x86_64";
const remedy = "install it: apt-get install qemu-system-x86";
const CONSOLE_KEPT = 64 * 1024;
/** Standard input, output and error of QEMU come first. */
const FIRST_PORT_FD = 3;
/** A shell's exit code of a program that a signal ended is above this. */
const SIGNAL_STATUS = 128;

/** The version of the installed QEMU (`7.2.22`). Throws `environment` where there is none. */
export async function qemuVersion(signal?: AbortSignal): Promise<string> {
  const text = await runCommand(QEMU, ["--version"], { remedy, ...(signal === undefined ? {} : { signal }) });
  return /version (\S+)/.exec(text)?.[1] ?? "unknown";
}

/**
 * Runs QEMU until the guest powers off; returns the end of its console. Throws `operation-failed` where QEMU fails or
 * the guest does not finish in time, and the signal's own error where that ends it. QEMU is gone when this returns,
 * and soon after this process has ended, in whatever way.
 */
export async function runQemu(run: QemuRun): Promise<string> {
  const { signal, timeoutMs } = run;
  signal?.throwIfAborted();
  const timeout = timeoutMs === null ? undefined : AbortSignal.timeout(timeoutMs);
  const child = startKept(QEMU, qemuArguments(run), {
    env: { ...process.env, TMPDIR: run.folder.path },
    ports: run.ports.length,
    holds: run.folder.line,
    remedy,
  });
  const stop = AbortSignal.any([signal, timeout].filter((each) => each !== undefined));
  stop.addEventListener("abort", child.kill);
  let console = "";
  let complaints = "";
  child.stdout.on("data", (chunk: Buffer) => {
    console = (console + chunk.toString("latin1")).slice(-CONSOLE_KEPT);
  });
  child.stderr.on("data", (chunk: Buffer) => {
    complaints = (complaints + chunk.toString("utf8")).slice(-CONSOLE_KEPT);
  });
  child.ports.forEach((port, index) => {
    run.ports[index]?.(port);
  });
  const status = await child.ended;
  signal?.throwIfAborted();
  if (status === 0) return console;
  if (timeout?.aborted === true) throw withConsole(`the guest did not finish in ${(timeoutMs ?? 0) / 1000} s`, console);
  const why = withoutWarnings(complaints) || `it ended by ${endedBy(status)}`;
  throw new PeerlaneError("operation-failed", `QEMU failed: ${why}`);
}

/** An exit code as a shell gives it, in words. */
function endedBy(status: number): string {
  const signal = Object.entries(constants.signals).find(([, number]) => number === status - SIGNAL_STATUS)?.[0];
  return signal ?? `exit ${status}`;
}

/**
 * With room for one CPU only, QEMU's TCG leaves out memory barriers and locked instructions are not atomic
 * (tcg_cpu_init_cflags, 7.2), though its devices run in another thread. The NVMe driver's shadow doorbells need them: now
 * and then a doorbell is lost, and all I/O of that queue stands still for the driver's timeout of 30 s, twice.
 */
const LEAST_CPU_SLOTS = 2;

/**
 * The guest's kernel takes its timer for granted: it counts ticks at boot, and an emulator that gets too little of the
 * CPU in that moment makes it panic ("IO-APIC + timer doesn't work").
 */
const TRUST_TIMER = "no_timer_check";

/** QEMU's arguments for a run. */
export function qemuArguments({ machine, ports, ...run }: QemuArguments): string[] {
  const serial = ports.flatMap((_, index) => [
    ...["-chardev", `socket,id=port${index},fd=${FIRST_PORT_FD + index}`],
    ...["-serial", `chardev:port${index}`],
  ]);
  return [
    ...machine.arguments,
    ...["-m", String(run.memoryMiB), "-smp", `${run.cpus},maxcpus=${Math.max(run.cpus, LEAST_CPU_SLOTS)}`],
    ...["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"],
    ...["-serial", "stdio", ...serial],
    ...["-kernel", run.kernelImage, "-initrd", run.initramfs],
    ...[
      "-append",
      `console=ttyS0 loglevel=4 panic=-1 ${TRUST_TIMER} ${machine.commandLine} ${run.kernelParameters ?? ""}`,
    ],
    ...(run.extraArguments ?? []),
  ];
}

/** An `operation-failed` that shows the end of the guest's console. */
export function withConsole(message: string, console: string, cause?: unknown): PeerlaneError {
  const lines = console
    .replaceAll(/[^\x20-\x7e\n]/g, "")
    .trim()
    .split("\n");
  // A panic is followed by a trace that is longer than the tail: what it says of itself comes first.
  const panic = lines.slice(0, -8).filter((line) => /Kernel panic|Failed to execute|Out of memory/.test(line));
  const excerpt = { title: "the guest's console ends with", lines: [...panic, ...lines.slice(-8)] };
  return new PeerlaneError("operation-failed", message, { excerpt, cause });
}

/** QEMU warns of each CPU feature that emulation lacks: none of them matters here. */
function withoutWarnings(text: string): string {
  return text
    .split("\n")
    .filter((line) => !line.includes("warning: TCG"))
    .join("\n")
    .trim();
}
