import { randomBytes } from "node:crypto";
import {
  accessSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  lstatSync,
  openSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  type Stats,
  writeSync,
} from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { PeerlaneError } from "../pci/error.ts";
import type { Printable } from "../pci/visible.ts";
import { ENDING_SIGNALS } from "./interruption.ts";
import { print, printBytes } from "./print.ts";
import { writeError } from "./write-error.ts";

/**
 * Writes to a file, or to standard output where `file` is not given or `-`. A regular file is written beside and renamed:
 * whatever fails on the way, a full disk among it, what was there stays and nothing else is left. A link is followed, so
 * that the file it points to is replaced; owner and mode of what is replaced are kept. `/dev/stdout` and its like, pipes,
 * terminals and `/dev/null` are written to as they are; other devices are not. Throws `operation-failed` with the reason.
 */
export function writeOutput(file: string | undefined, content: Printable | Uint8Array): void {
  if (file === undefined || file === "-") {
    writeToStandardOutput(content);
    return;
  }
  try {
    const destination = destinationOf(file);
    if (destination.descriptor === 1) writeToStandardOutput(content);
    else write(destination, typeof content === "string" ? new TextEncoder().encode(content) : content);
  } catch (cause) {
    if (cause instanceof PeerlaneError) throw cause;
    throw writeError(file, cause);
  }
}

function writeToStandardOutput(content: Printable | Uint8Array): void {
  if (typeof content === "string") print(content);
  else printBytes(content);
}

/** What a path leads to: a descriptor of ours, something that is there, or the name of a file to be. */
type Destination =
  | { readonly descriptor: number }
  | { readonly descriptor: null; readonly path: string; readonly stats: Stats | undefined };

function write(destination: Destination, bytes: Uint8Array): void {
  if (destination.descriptor !== null) {
    writeAll(destination.descriptor, bytes);
    return;
  }
  const { path, stats } = destination;
  if (stats === undefined || stats.isFile()) undisturbed(() => replaceFile(path, stats, bytes));
  else if (stats.isFIFO() || isPlainCharacterDevice(stats)) writeThrough(path, bytes);
  else refuse(path, stats);
}

function refuse(path: string, stats: Stats): never {
  const what = stats.isDirectory() ? "a folder" : stats.isSocket() ? "a socket" : "a device";
  throw new PeerlaneError("usage", `cannot write ${path}: it is ${what}`, { remedy: "name a file" });
}

/** Terminals, and /dev/null, /dev/zero and /dev/full (Linux, admin-guide/devices.txt). */
function isPlainCharacterDevice(stats: Stats): boolean {
  if (!stats.isCharacterDevice()) return false;
  const major = (stats.rdev >>> 8) & 0xfff;
  const minor = (stats.rdev & 0xff) | ((stats.rdev >>> 12) & 0xfff00);
  if (major === 1) return [3, 5, 7].includes(minor);
  return major === 4 || major === 5 || (major >= 136 && major <= 143);
}

const DESCRIPTOR = /^\/(?:dev|proc\/self)\/fd\/(\d+)$/;

/** Follows links one by one: a link to a file that is not there yet leads to where it will be. */
function destinationOf(file: string): Destination {
  if (file === "" || file.endsWith("/")) throw new Error("EISDIR: it names no file");
  let path = resolve(file);
  for (let links = 0; ; links++) {
    const descriptor = DESCRIPTOR.exec(path)?.[1];
    if (descriptor !== undefined) return { descriptor: Number(descriptor) };
    const stats = lstatSync(path, { throwIfNoEntry: false });
    if (stats?.isSymbolicLink() !== true) return { descriptor: null, path, stats };
    if (links === MOST_LINKS) throw new Error("ELOOP: too many symbolic links");
    path = resolve(realpathSync.native(dirname(path)), readlinkSync(path));
  }
}

/** As many as Linux follows (path_resolution(7)). */
const MOST_LINKS = 40;

/** Does what must not be left half done; signals that come meanwhile end the process behind it. */
function undisturbed(work: () => void): void {
  const raise = (signal: NodeJS.Signals): void => {
    calm();
    process.kill(process.pid, signal);
  };
  const calm = (): void => {
    for (const name of ENDING_SIGNALS) process.removeListener(name, raise);
  };
  for (const name of ENDING_SIGNALS) process.on(name, raise);
  try {
    work();
  } finally {
    // Not before the event loop has handed out what came.
    setImmediate(calm);
  }
}

function replaceFile(path: string, replaced: Stats | undefined, bytes: Uint8Array): void {
  const folder = dirname(path);
  // A rename would get past the protection of a file that may not be written.
  if (replaced !== undefined) accessSync(path, constants.W_OK);
  const part = join(folder, `.${basename(path).slice(0, 50)}.${randomBytes(8).toString("hex")}.part`);
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const file = openSync(part, flags, replaced === undefined ? 0o666 : 0o600);
  try {
    try {
      writeAll(file, bytes);
      if (replaced !== undefined) keepOwner(file, replaced);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(part, path);
  } catch (error) {
    rmSync(part, { force: true });
    throw error;
  }
  syncFolder(folder);
}

/** The owner where we may give it away; a mode that the owner could change is kept in any case. */
function keepOwner(file: number, { uid, gid, mode }: Stats): void {
  const own = fstatSync(file);
  if (own.uid !== uid || own.gid !== gid) {
    try {
      fchownSync(file, uid, gid);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EPERM") throw error;
    }
  }
  fchmodSync(file, mode & 0o7777);
}

/** The rename outlives a loss of power once its folder is written; file systems that cannot do that say so. */
function syncFolder(folder: string): void {
  try {
    const file = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  } catch {
    // The content is in place; a folder that may not be opened keeps it from nobody.
  }
}

function writeThrough(path: string, bytes: Uint8Array): void {
  const file = openSync(path, constants.O_WRONLY | constants.O_NOCTTY);
  try {
    writeAll(file, bytes);
  } finally {
    closeSync(file);
  }
}

function writeAll(file: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) {
    try {
      done += writeSync(file, bytes, done);
    } catch (error) {
      // A pipe in non-blocking mode takes no more for now.
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
    }
  }
}
