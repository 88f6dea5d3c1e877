import { createHash } from "node:crypto";
import { basename, dirname, join } from "node:path";
import { PeerlaneError } from "../../pci/error.ts";
import { type DataFile, deviceNumber } from "../block/data-file.ts";
import { whyNotOwn } from "../own-files.ts";
import { stateFolder } from "../state-folder.ts";
import { errnoOf, type FileStats, ifThere, type SystemCalls } from "../system-calls.ts";
import type { CopyEnds } from "./ends.ts";
import { notAJournal } from "./journal.ts";

/** Where a journal lies. */
export interface JournalPlace {
  /** Its folder's real path, and its name. */
  readonly path: string;
  /** Whether the user names it; else it lies in the user's folder of state. */
  readonly isNamed: boolean;
}

/** The place in the user's folder of state (XDG Base Directory Specification); `key` is what makes the copy the same. */
export function defaultPlace(key: unknown): JournalPlace {
  const hash = createHash("sha256").update(JSON.stringify(key)).digest("hex").slice(0, 16);
  return { path: join(stateFolder(), `copy-${hash}.json`), isNamed: false };
}

/** The place that a user names. Throws `usage` where there is no such folder, or no file can have that name. */
export function namedPlace(system: SystemCalls, word: string): JournalPlace {
  const name = basename(word);
  const refuse = (why: string, cause?: unknown): PeerlaneError =>
    new PeerlaneError("usage", `--journal ${word}: ${why}`, { remedy: "name a file in a folder that is there", cause });
  if (word.endsWith("/") || ["", ".", ".."].includes(name)) throw refuse("this names a folder");
  let folder: string;
  try {
    folder = system.realpath(dirname(word));
  } catch (cause) {
    throw refuse(`there is no folder ${dirname(word)} (${errnoOf(cause)})`, cause);
  }
  // A node that is missing under /dev is a device that is not there; a file made there would be gone after a restart.
  if (folder === "/dev") throw refuse("a file in /dev is lost with the next restart");
  return { path: join(folder, name), isNamed: true };
}

/**
 * What is at the place, without a look into it; `null` where nothing is. Throws `usage` where it is an end of the copy,
 * whatever way leads there, or another user's; `bad-input` where it is no regular file.
 */
export function lookAtPlace(system: SystemCalls, { path }: JournalPlace, ends: CopyEnds): FileStats | null {
  const found = ifThere(() => system.lstat(path));
  if (found === undefined) {
    if (ends.isNew && ends.target.path === path) throw isEnd(path, "target");
    return null;
  }
  const reached = ifThere(() => system.stat(path)) ?? found;
  for (const role of ["source", "target"] as const) {
    if (!(role === "target" && ends.isNew) && isSame(system, reached, ends[role])) throw isEnd(path, role);
  }
  requireOwnFile(system, path, found);
  return found;
}

/** Throws where a file cannot be a journal of this user's, whatever it holds. */
export function requireOwnFile(system: SystemCalls, path: string, stats: FileStats): void {
  if (stats.isSymbolicLink()) throw notAJournal(path, "it is a symbolic link, which is not followed");
  if (!stats.isFile()) throw notAJournal(path, "it is no regular file");
  const why = whyNotOwn(system, stats);
  if (why === null) return;
  throw new PeerlaneError("usage", `the journal cannot be relied on: ${why}`, {
    place: { file: path },
    remedy: "name another file with --journal",
  });
}

function isSame(system: SystemCalls, stats: FileStats, end: DataFile): boolean {
  if (end.kind === "device") return stats.isBlockDevice() && deviceNumber(stats.rdev) === end.number;
  const its = ifThere(() => system.stat(end.path));
  return its !== undefined && its.dev === stats.dev && its.ino === stats.ino;
}

function isEnd(path: string, role: "source" | "target"): PeerlaneError {
  return new PeerlaneError("usage", `the journal would be the ${role} of the copy itself`, {
    place: { file: path },
    remedy: "name another file with --journal, or leave it out",
  });
}
