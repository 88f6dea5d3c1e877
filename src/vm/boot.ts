import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import type { Scenario } from "../host/scenario/scenario.ts";
import { PeerlaneError } from "../pci/error.ts";
import { type CpioEntry, FOLDER_MODE, PROGRAM_MODE, writeCpio } from "./cpio.ts";
import { INIT_SCRIPT } from "./guest/init-script.ts";
import { PROBE_PROGRAM } from "./guest/probe.ts";
import type { GuestFiles } from "./guest-files.ts";
import { type GuestReport, parseReport } from "./measured.ts";
import { qemuMachine } from "./qemu.ts";
import { type QemuArguments, qemuArguments, qemuVersion, runQemu, withConsole } from "./run-qemu.ts";
import { guestPlace, inTemporaryFolder } from "./temporary-folder.ts";

/** How a scenario is booted. */
export interface BootOptions {
  readonly files: GuestFiles;
  readonly signal?: AbortSignal;
  /** Gives up after this long; software emulation on a busy machine is slow. Default 240 s. */
  readonly timeoutMs?: number;
}

const MEMORY_MIB = 512;
const TIMEOUT_MS = 240_000;

/**
 * Boots a scenario in QEMU and returns what its kernel decided and its own sysfs. Nothing of this machine is touched:
 * the guest has throw-away disks and no network. Throws `operation-failed`, with the end of the console, where the
 * guest does not report in time.
 */
export async function bootScenario(scenario: Scenario, options: BootOptions): Promise<GuestReport> {
  const version = await qemuVersion(options.signal);
  return inTemporaryFolder(guestPlace(), async (folder) => {
    const initramfs = join(folder.path, "initramfs.cpio");
    writeCpio(initramfs, probeImage(options.files.busybox));
    const report: Buffer[] = [];
    const console = await runQemu({
      ...probeRun(scenario, options.files.kernelImage, initramfs),
      ports: [(port) => port.on("data", (chunk: Buffer) => report.push(chunk))],
      folder,
      ...(options.signal === undefined ? {} : { signal: options.signal }),
      timeoutMs: options.timeoutMs ?? TIMEOUT_MS,
    });
    try {
      return parseReport(Buffer.concat(report).toString("latin1"), version);
    } catch (cause) {
      if (!(cause instanceof PeerlaneError)) throw cause;
      throw withConsole(cause.message, console, cause);
    }
  });
}

/**
 * Says of a scenario all that decides what its boot shows, as one text: kernel, busybox, init script and probe by their
 * SHA-256, QEMU by its version and arguments. What was recorded of an equal text need not be booted again.
 */
export async function bootRecipes({ kernelImage, busybox }: GuestFiles): Promise<(scenario: Scenario) => string> {
  const same = {
    qemu: await qemuVersion(),
    kernel: sha256(readFileSync(kernelImage)),
    busybox: sha256(readFileSync(busybox)),
    init: sha256(INIT_SCRIPT),
    probe: sha256(PROBE_PROGRAM),
  };
  return (scenario) => {
    const run = { ...probeRun(scenario, "the kernel", "the initramfs"), ports: [() => {}] };
    return JSON.stringify({ ...same, arguments: qemuArguments(run) });
  };
}

function sha256(content: string | Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}

function probeRun(scenario: Scenario, kernelImage: string, initramfs: string): Omit<QemuArguments, "ports"> {
  return { machine: qemuMachine(scenario), kernelImage, initramfs, memoryMiB: MEMORY_MIB, cpus: 1 };
}

/** Busybox, the probe, and the script that runs it. */
function probeImage(busybox: string): CpioEntry[] {
  return [
    { path: "dev", mode: FOLDER_MODE },
    { path: "bin/busybox", mode: PROGRAM_MODE, hostPath: busybox },
    { path: "bin/probe", mode: PROGRAM_MODE, content: gunzipSync(Buffer.from(PROBE_PROGRAM, "base64")) },
    { path: "init", mode: PROGRAM_MODE, content: INIT_SCRIPT },
  ];
}
