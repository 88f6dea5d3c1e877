import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Scenario } from "../host/scenario/scenario.ts";
import { PeerlaneError } from "../pci/error.ts";
import { runCommand } from "./command.ts";
import { type GuestFiles, writeInitramfs } from "./guest-files.ts";
import { type GuestReport, parseReport } from "./measured.ts";
import { qemuMachine } from "./qemu.ts";

/** How a scenario is booted. */
export interface BootOptions {
  readonly files: GuestFiles;
  readonly signal?: AbortSignal;
  /** Gives up after this long; software emulation on a busy machine is slow. Default 240 s. */
  readonly timeoutMs?: number;
}

const QEMU = "qemu-system-x86_64";
const remedy = "install it: apt-get install qemu-system-x86";
const CONSOLE_KEPT = 64 * 1024;
const MEMORY_MIB = "512";

/** The version of the installed QEMU (`7.2.22`). Throws `environment` where there is none. */
export async function qemuVersion(): Promise<string> {
  const text = await runCommand(QEMU, ["--version"], { remedy });
  return /version (\S+)/.exec(text)?.[1] ?? "unknown";
}

/**
 * Boots a scenario in QEMU and returns what its kernel decided and its own sysfs. Nothing of this machine is touched:
 * the guest has throw-away disks and no network. Throws `operation-failed`, with the end of the console, where the
 * guest does not report in time.
 */
export async function bootScenario(scenario: Scenario, options: BootOptions): Promise<GuestReport> {
  const machine = qemuMachine(scenario);
  const version = await qemuVersion();
  const folder = mkdtempSync(join(tmpdir(), "peerlane-vm-"));
  try {
    const initramfs = join(folder, "initramfs.gz");
    const report = join(folder, "report");
    writeInitramfs(options.files.busybox, initramfs);
    const console = await runGuest(
      [
        ...machine.arguments,
        ...["-m", MEMORY_MIB, "-smp", "1", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"],
        ...["-serial", "stdio", "-serial", `file:${report}`],
        ...["-kernel", options.files.kernelImage, "-initrd", initramfs],
        ...["-append", `console=ttyS0 loglevel=4 panic=-1 ${machine.commandLine}`],
      ],
      options,
    );
    try {
      return parseReport(readFileSync(report, "latin1"), version);
    } catch (cause) {
      if (!(cause instanceof PeerlaneError)) throw cause;
      throw withConsole(cause.message, console, cause);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function withConsole(message: string, console: string, cause?: unknown): PeerlaneError {
  const lines = console
    .replaceAll(/[^\x20-\x7e\n]/g, "")
    .trim()
    .split("\n");
  // A panic is followed by a trace that is longer than the tail: what it says of itself comes first.
  const panic = lines.slice(0, -8).filter((line) => /Kernel panic|Failed to execute|Out of memory/.test(line));
  const tail = [...panic, ...lines.slice(-8)].join("\n");
  return new PeerlaneError("operation-failed", `${message}\nthe guest's console ends with:\n${tail}`, { cause });
}

/** Runs QEMU until the guest powers off; returns the end of its console. */
function runGuest(args: readonly string[], { signal, timeoutMs = 240_000 }: BootOptions): Promise<string> {
  return new Promise((resolve, reject) => {
    const timeout = AbortSignal.timeout(timeoutMs);
    const stop = signal === undefined ? timeout : AbortSignal.any([signal, timeout]);
    const child = spawn(QEMU, args, { signal: stop, killSignal: "SIGKILL", stdio: ["ignore", "pipe", "pipe"] });
    let console = "";
    let complaints = "";
    child.stdout.on("data", (chunk: Buffer) => {
      console = (console + chunk.toString("latin1")).slice(-CONSOLE_KEPT);
    });
    child.stderr.on("data", (chunk: Buffer) => {
      complaints = (complaints + chunk.toString("utf8")).slice(-CONSOLE_KEPT);
    });
    let failure: Error | undefined;
    child.on("error", (error) => {
      failure = error;
    });
    child.on("close", (status) => {
      if (timeout.aborted) reject(withConsole(`the guest did not finish in ${timeoutMs / 1000} s`, console));
      else if (failure !== undefined) reject(failure);
      else if (status !== 0)
        reject(new PeerlaneError("operation-failed", `QEMU failed: ${withoutWarnings(complaints)}`));
      else resolve(console);
    });
  });
}

/** QEMU warns of each CPU feature that emulation lacks: none of them matters here. */
function withoutWarnings(text: string): string {
  return text
    .split("\n")
    .filter((line) => !line.includes("warning: TCG"))
    .join("\n")
    .trim();
}
