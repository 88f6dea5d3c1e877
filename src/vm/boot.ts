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
import { qemuVersion, runQemu, withConsole } from "./run-qemu.ts";
import { inTemporaryFolder } from "./temporary-folder.ts";

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
  const machine = qemuMachine(scenario);
  const version = await qemuVersion();
  return inTemporaryFolder(async (folder) => {
    const initramfs = join(folder, "initramfs.cpio");
    writeCpio(initramfs, probeImage(options.files.busybox));
    const report: Buffer[] = [];
    const console = await runQemu({
      machine,
      kernelImage: options.files.kernelImage,
      initramfs,
      memoryMiB: MEMORY_MIB,
      cpus: 1,
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

/** Busybox, the probe, and the script that runs it. */
function probeImage(busybox: string): CpioEntry[] {
  return [
    { path: "dev", mode: FOLDER_MODE },
    { path: "bin/busybox", mode: PROGRAM_MODE, hostPath: busybox },
    { path: "bin/probe", mode: PROGRAM_MODE, content: gunzipSync(Buffer.from(PROBE_PROGRAM, "base64")) },
    { path: "init", mode: PROGRAM_MODE, content: INIT_SCRIPT },
  ];
}
