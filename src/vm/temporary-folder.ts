import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { closeSync, constants, lstatSync, opendirSync, openSync, readFileSync, rmSync, statSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Readable, Writable } from "node:stream";
import { PeerlaneError } from "../pci/error.ts";

/** A folder that is gone after its use, however this process ends. */
export interface TemporaryFolder {
  readonly path: string;
  /** The folder is removed when the last process that holds this open is gone. */
  readonly line: Writable;
}

/** Where a folder is made, and what its name starts with. */
export interface TemporaryPlace {
  readonly parent: string;
  readonly prefix: string;
  /** What to do where the place takes nothing. */
  readonly remedy: string;
}

/** What a file system says that takes no more, or nothing of this user. */
const REFUSALS = ["ENOSPC", "EDQUOT", "EACCES", "EROFS", "ENOENT"];
/** Its name says nothing of what is in it: others may have guessed it, but nobody can have made it before. */
const RANDOM_BYTES = 12;
const RANDOM_NAME = /^[0-9a-f]{24}$/;
/** A pipe with a reader, Peerlane or its keeper, for as long as the folder is in use: seen from other containers too. */
const IN_USE = ".in-use";
/** The machine on which a reader would be seen. */
const MACHINE = ".machine";

/**
 * Makes the folder, marks it as in use, and removes it when its standard input ends: that is when Peerlane and all that
 * hold the line are gone, by whatever signal. It has a session of its own, where no terminal's signals get.
 */
const KEEPER = `
umask 077
mkdir -- "$1" || exit 1
trap '' HUP INT TERM
printf '%s' "$2" >"$1/${MACHINE}" && mkfifo -- "$1/${IN_USE}~" && exec 3<>"$1/${IN_USE}~" && mv -- "$1/${IN_USE}~" "$1/${IN_USE}"
echo
exec >/dev/null 2>&1
read -r _
rm -rf -- "$1"
`;

/** The system's temporary folder, for a guest's files. */
export function guestPlace(): TemporaryPlace {
  return {
    parent: tmpdir(),
    prefix: "peerlane-vm-",
    remedy: "set TMPDIR to a folder that can be written, with half a GB or more free",
  };
}

/**
 * Gives work a folder of its own, which is gone after it and after every end of this process, and sweeps those that
 * an earlier end left all the same (a power cut; a SIGKILL to every process at once). Throws `environment` where the
 * folder cannot be made or its file system is full.
 */
export async function inTemporaryFolder<T>(
  place: TemporaryPlace,
  work: (folder: TemporaryFolder) => Promise<T>,
): Promise<T> {
  const parent = resolve(place.parent);
  sweepStaleFolders(parent, place.prefix);
  const path = join(parent, `${place.prefix}${randomBytes(RANDOM_BYTES).toString("hex")}`);
  const keeper = spawn("sh", ["-c", KEEPER, "peerlane-keeper", path, machineName()], {
    cwd: "/",
    detached: true,
    env: { ...process.env, LC_ALL: "C" },
    stdio: ["pipe", "pipe", "pipe"],
  });
  const gone = new Promise<void>((resolve) => {
    keeper.once("close", () => resolve());
    keeper.once("error", () => resolve());
  });
  await untilMade(keeper, place);
  const line = keeper.stdin as Writable;
  line.on("error", () => {});
  const letGo = readPipe(join(path, IN_USE));
  try {
    return await work({ path, line });
  } catch (cause) {
    throw isRefusal(cause, path) ? refused((cause as Error).message, place, cause) : cause;
  } finally {
    letGo();
    line.end();
    await gone;
    // Where somebody has killed its keeper.
    rmSync(path, { recursive: true, force: true });
  }
}

function untilMade(keeper: ChildProcess, place: TemporaryPlace): Promise<void> {
  return new Promise((resolve, reject) => {
    let complaints = "";
    (keeper.stderr as Readable).on("data", (chunk: Buffer) => {
      complaints += chunk.toString("utf8");
    });
    (keeper.stdout as Readable).once("data", () => resolve());
    keeper.once("error", (cause) => reject(refused(cause.message, place, cause)));
    keeper.once("close", () => reject(refused(complaints.trim() || "its keeper was killed", place)));
  });
}

/** Is one more reader of a pipe, where there is one, until the function returned is called. */
function readPipe(path: string): () => void {
  try {
    const pipe = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    return () => closeSync(pipe);
  } catch {
    return () => {};
  }
}

/** Errors of a write name no path; those of an open do. */
function isRefusal(cause: unknown, folder: string): boolean {
  const { code = "", path = folder } = cause as NodeJS.ErrnoException;
  return REFUSALS.includes(code) && path.startsWith(folder);
}

function refused(message: string, { parent, remedy }: TemporaryPlace, cause?: unknown): PeerlaneError {
  return new PeerlaneError("environment", `the guest's files do not fit in ${parent}: ${message}`, { remedy, cause });
}

/** Which kernel sees the readers of a pipe: a folder may be shared by several machines. */
function machineName(): string {
  return `${hostname()} ${readText("/etc/machine-id").trim()}`;
}

/** How much of a folder is looked at, and how many are removed, in one sweep. */
const MOST_NAMES = 10_000;
const MOST_REMOVED = 16;
const DAY_MS = 24 * 3600 * 1000;

/**
 * Removes folders of this user that nobody uses any more; what cannot be told is left alone. Links are not followed, and
 * nothing is removed where others could put another folder in its place meanwhile.
 */
export function sweepStaleFolders(parent: string, prefix: string): void {
  try {
    if (!isSafe(parent)) return;
    let removed = 0;
    for (const name of namesOf(parent)) {
      if (!name.startsWith(prefix) || !RANDOM_NAME.test(name.slice(prefix.length))) continue;
      const path = join(parent, name);
      if (!isStale(path)) continue;
      rmSync(path, { recursive: true, force: true });
      if (++removed === MOST_REMOVED) return;
    }
  } catch {
    // What cannot be read or removed is the next start's business; making a folder of our own says what is wrong.
  }
}

function* namesOf(parent: string): Generator<string> {
  const entries = opendirSync(parent);
  try {
    for (let count = 0; count < MOST_NAMES; count++) {
      const entry = entries.readSync();
      if (entry === null) return;
      yield entry.name;
    }
  } finally {
    entries.closeSync();
  }
}

/** Whether only this user and root can rename what this user has in a folder. */
function isSafe(parent: string): boolean {
  const { uid, mode } = statSync(parent);
  const isSticky = (mode & 0o1000) !== 0;
  return (uid === process.getuid?.() || uid === 0) && (isSticky || (mode & 0o022) === 0);
}

function isStale(path: string): boolean {
  const info = lstatSync(path, { throwIfNoEntry: false });
  const isOurs = info?.isDirectory() === true && info.uid === process.getuid?.() && (info.mode & 0o077) === 0;
  if (info === undefined || !isOurs) return false;
  const mark = lstatSync(join(path, IN_USE), { throwIfNoEntry: false });
  // Without its mark it is being made; a keeper that was killed while it did leaves it so.
  if (mark === undefined) return Date.now() - info.mtimeMs > DAY_MS;
  return mark.isFIFO() && readText(join(path, MACHINE)) === machineName() && !hasReader(join(path, IN_USE));
}

function hasReader(pipe: string): boolean {
  try {
    closeSync(openSync(pipe, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW));
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ENXIO";
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}
