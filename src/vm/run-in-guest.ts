import { join } from "node:path";
import type { Duplex } from "node:stream";
import type { Scenario } from "../host/scenario/scenario.ts";
import { writeCpio } from "./cpio.ts";
import { COMMAND_SCRIPT, SHELL_SCRIPT } from "./guest/run-script.ts";
import { GuestControl } from "./guest-control.ts";
import { type GuestDisks, guestDrives, refuseUnknownDisks } from "./guest-disks.ts";
import type { GuestFiles } from "./guest-files.ts";
import { type GuestFile, guestImage } from "./guest-image.ts";
import { type NamedController, nameControllers } from "./nvme-names.ts";
import { qemuMachine } from "./qemu.ts";
import { runQemu } from "./run-qemu.ts";
import { guestPlace, inTemporaryFolder } from "./temporary-folder.ts";

/** What a guest with Peerlane in it is made of. */
export interface GuestOptions {
  readonly files: GuestFiles;
  /** Further files in the guest. */
  readonly extraFiles?: readonly GuestFile[];
  /** Disks by controller; those left out are fresh, and the first controller's (`nvme0`) is filled with data. */
  readonly disks?: GuestDisks;
  /** Size of fresh disks. Default 256 MiB. */
  readonly freshDiskBytes?: number;
  /** Default 1024. */
  readonly memoryMiB?: number;
  /** Default 1. */
  readonly cpus?: number;
  /** Environment variables of the command or shell. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Beside those of the scenario. */
  readonly kernelParameters?: string;
  readonly extraQemuArguments?: readonly string[];
  readonly signal?: AbortSignal;
  /** Gives up after this long; `null`: never. Default 600 s for a command, never for a shell. */
  readonly timeoutMs?: number | null;
  /** Called when the guest is up and the command or shell starts. */
  readonly onStarted?: () => void;
}

/** A command in a guest. */
export interface GuestCommand extends GuestOptions {
  /** A shell script; it runs in `/root` with `peerlane` and `node` on its path. */
  readonly command: string;
  /** Given each piece of what the command writes. */
  readonly onOutput?: (stream: "stdout" | "stderr", chunk: Uint8Array) => void;
}

/** A shell in a guest. */
export interface GuestShell extends GuestOptions {
  /** Given the guest's end of the terminal when its shell starts, and what tells it rows and columns. */
  readonly attach: (guest: Duplex, resize: (rows: number, columns: number) => void) => void;
}

/** How a command or shell in a guest ended. */
export interface GuestEnd {
  /** As a shell gives it: above 128, ended by that signal plus 128. */
  readonly exitCode: number;
  /** The end of the guest's console: the kernel's messages. */
  readonly console: string;
}

const FRESH_DISK_BYTES = 256 * 1024 * 1024;
const MEMORY_MIB = 1024;
/** With two, the kernel now and then panics while it boots in QEMU 7.2 (seen twice in some 60 boots on a busy machine). */
const CPUS = 1;
const TIMEOUT_MS = 600_000;

/**
 * Boots a scenario in QEMU with Peerlane in it, runs a command there and powers off. The controller that the scenario
 * names `nvmeN` is `nvmeN` in the guest; each namespace is also `/dev/disk/by-name/NAME`. Throws `operation-failed`, with
 * the end of the console, where the guest panics or does not finish in time; nothing of it is left then.
 */
export function runInGuest(scenario: Scenario, options: GuestCommand): Promise<GuestEnd> {
  const { command, onOutput, onStarted, timeoutMs = TIMEOUT_MS } = options;
  const take = (stream: "stdout" | "stderr") => (port: Duplex) => {
    port.on("data", (chunk: Buffer) => onOutput?.(stream, chunk));
  };
  return runGuest(scenario, options, () => ({
    init: COMMAND_SCRIPT,
    texts: { command: `${command}\n` },
    ports: [take("stdout"), take("stderr")],
    onStarted: () => onStarted?.(),
    timeoutMs,
  }));
}

/** Boots a scenario in QEMU with Peerlane in it and gives a shell there to a terminal. Throws as {@link runInGuest}. */
export function runGuestShell(scenario: Scenario, options: GuestShell): Promise<GuestEnd> {
  const { attach, onStarted, timeoutMs = null } = options;
  let guest: Duplex | undefined;
  return runGuest(scenario, options, (controllers) => ({
    init: SHELL_SCRIPT,
    texts: { welcome: welcomeText(controllers) },
    ports: [
      (port) => {
        guest = port;
      },
      (port) => port.resume(),
    ],
    onStarted: (control) => {
      onStarted?.();
      // Not before: nobody would read what the terminal types.
      if (guest !== undefined) attach(guest, (rows, columns) => control.write(`${rows} ${columns}\n`));
    },
    timeoutMs,
  }));
}

/** What a command and a shell differ in. */
interface GuestWork {
  readonly init: string;
  readonly texts: { readonly command?: string; readonly welcome?: string };
  /** The first two further serial ports; the third one is for control. */
  readonly ports: readonly ((port: Duplex) => void)[];
  readonly onStarted: (control: Duplex) => void;
  readonly timeoutMs: number | null;
}

async function runGuest(
  scenario: Scenario,
  options: GuestOptions,
  makeWork: (controllers: readonly NamedController[]) => GuestWork,
): Promise<GuestEnd> {
  const controllers = nameControllers(qemuMachine(scenario).controllers);
  const { disks = {}, freshDiskBytes = FRESH_DISK_BYTES } = options;
  refuseUnknownDisks(controllers, disks);
  const { init, texts, ports, onStarted, timeoutMs } = makeWork(controllers);
  return inTemporaryFolder(guestPlace(), async (folder) => {
    const initramfs = join(folder.path, "initramfs.cpio");
    const { busybox, kernelImage } = options.files;
    const { extraFiles = [], environment = {}, signal } = options;
    const image = { busybox, init, ...texts, environment, controllers, extraFiles };
    writeCpio(initramfs, await guestImage(image, signal));
    const drives = guestDrives(controllers, disks, { folder: folder.path, freshBytes: freshDiskBytes });
    const control = new GuestControl(onStarted);
    const console = await runQemu({
      machine: qemuMachine(scenario, drives),
      kernelImage,
      initramfs,
      kernelParameters: options.kernelParameters ?? "",
      memoryMiB: options.memoryMiB ?? MEMORY_MIB,
      cpus: options.cpus ?? CPUS,
      ports: [...ports, (port) => control.follow(port)],
      extraArguments: options.extraQemuArguments ?? [],
      folder,
      ...(signal === undefined ? {} : { signal }),
      timeoutMs,
    });
    return { exitCode: control.exitCode(console), console };
  });
}

function welcomeText(controllers: readonly NamedController[]): string {
  const disks = controllers.map(({ userName, kernelName }) =>
    userName === kernelName ? `/dev/${kernelName}n1` : `/dev/${kernelName}n1 (${userName})`,
  );
  return `
This is a guest with a kernel of its own. Its disks: ${disks.join(", ") || "none"}.
Try: peerlane, peerlane tree, dmesg. Leave with: exit (or Control-] at any time).

`;
}
