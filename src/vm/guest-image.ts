import { shellWord } from "../pci/shell-word.ts";
import { type CpioEntry, FOLDER_MODE, PROGRAM_MODE } from "./cpio.ts";
import { RUN_FILES } from "./guest/run-script.ts";
import { nodeProgram } from "./node-program.ts";
import type { NamedController } from "./nvme-names.ts";
import { peerlaneEntries } from "./peerlane-package.ts";
import { isSingleFile } from "./single-file.ts";

/** A file that a caller puts into the guest. */
export interface GuestFile {
  /** Absolute; the folders above it are made. */
  readonly guestPath: string;
  /** Its bytes, or `hostPath`: a file of this machine. */
  readonly content?: Uint8Array | string;
  readonly hostPath?: string;
  /** Permissions. Default 0o644. */
  readonly mode?: number;
}

/** What differs between the images of two runs. */
export interface GuestImage {
  readonly busybox: string;
  /** The guest's `/init`. */
  readonly init: string;
  /** The shell script that it runs, or what a shell is greeted with. */
  readonly command?: string;
  readonly welcome?: string;
  /** Environment variables of the command. */
  readonly environment: Readonly<Record<string, string>>;
  readonly controllers: readonly NamedController[];
  readonly extraFiles: readonly GuestFile[];
}

const REGULAR_FILE = 0o100000;

/**
 * The root file system of a guest in which Peerlane runs: busybox, this Node with its libraries and Peerlane as it was
 * built (or the single file in place of both), and the caller's files. Throws `environment` where one of them cannot be had.
 */
export async function guestImage(image: GuestImage, signal?: AbortSignal): Promise<CpioEntry[]> {
  const node = await nodeProgram(signal);
  const environment = { ...image.environment, LD_LIBRARY_PATH: node.libraryFolders.join(":") };
  const exports = Object.entries(environment).map(([name, value]) => `export ${name}=${shellWord(value)}\n`);
  const disks = image.controllers.map(({ serial, userName }) => `${serial} ${userName}\n`);
  const texts: Record<string, string> = {
    [RUN_FILES.disks]: disks.join(""),
    [RUN_FILES.environment]: exports.join(""),
    [RUN_FILES.command]: image.command ?? "",
    [RUN_FILES.welcome]: image.welcome ?? "",
  };
  return [
    { path: "dev", mode: FOLDER_MODE },
    { path: "bin/busybox", mode: PROGRAM_MODE, hostPath: image.busybox },
    { path: "init", mode: PROGRAM_MODE, content: image.init },
    ...node.entries,
    ...(isSingleFile() ? [] : peerlaneEntries()),
    ...Object.entries(texts).map(([path, content]) => ({ path, mode: REGULAR_FILE | 0o644, content })),
    ...image.extraFiles.map(({ guestPath, mode = 0o644, ...bytes }) => ({
      path: guestPath,
      mode: REGULAR_FILE | mode,
      ...bytes,
    })),
  ];
}
