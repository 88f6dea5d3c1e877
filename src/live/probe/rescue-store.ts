import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { PeerlaneError } from "../../pci/error.ts";
import { lockFile, openOwnFolder, sweepLeftOvers, whyNotOwn } from "../own-files.ts";
import { stateFolder } from "../state-folder.ts";
import { constants, errnoOf, type FileStats, ifThere, realSystem, type SystemCalls } from "../system-calls.ts";
import { formatRescue, MAX_RESCUE_BYTES, parseRescue, type Rescue } from "./rescue-format.ts";

const SUFFIX = ".rescue";
const OWNER_ONLY = 0o600;

/** What a run that was killed while it saved a range leaves: random, so that nobody else has such a name. */
const PART_NAME = /^[\w.-]+-[0-9a-f]{32}\.rescue\.part$/;
const PART = ".part";

/**
 * Saves a range in a file of its own that only its owner may read, and waits until file and name are on the medium.
 * Returns its path. Under that name the file is whole from the first moment on. Throws `environment` where the folder is
 * not the user's own, `operation-failed` where nothing can be written there.
 */
export async function saveRescue(folder: string, rescue: Rescue, system: SystemCalls = realSystem): Promise<string> {
  const safeName = rescue.target.name.replaceAll(/[^\w.-]/g, "_");
  const name = `${safeName}-${rescue.position}-${randomBytes(16).toString("hex")}${SUFFIX}`;
  const path = join(folder, name);
  const open = openOwnFolder(system, folder);
  try {
    // Nothing but ours has such names in a folder of ours, whatever a loss of power made of their content.
    await sweepLeftOvers(system, folder, PART_NAME, () => {});
    await writeDurably(system, path, formatRescue(rescue));
    system.fsync(open);
    return path;
  } catch (cause) {
    removeQuietly(system, `${path}${PART}`);
    throw new PeerlaneError("operation-failed", `cannot save the range to ${folder}: ${errnoOf(cause)}`, {
      remedy: "nothing was written to the disk; set XDG_STATE_HOME to a folder with room",
      cause,
    });
  } finally {
    system.close(open);
  }
}

/** What was not made cannot be removed, which is well. */
function removeQuietly(system: SystemCalls, path: string): void {
  try {
    system.unlink(path);
  } catch {}
}

/** It is locked until it has its name, so that no other run takes it for one that was left. */
async function writeDurably(system: SystemCalls, path: string, bytes: Uint8Array): Promise<void> {
  const part = `${path}${PART}`;
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const file = system.open(part, flags, OWNER_ONLY);
  try {
    await lockFile(system, file);
    for (let done = 0; done < bytes.length; ) done += system.write(file, bytes.subarray(done));
    system.fsync(file);
    system.rename(part, path);
  } finally {
    system.close(file);
  }
}

/** Removes a rescue file whose range is back on its disk; what somebody else has put in its place stays. */
export function removeRescue({ path, file }: StoredRescue, system: SystemCalls = realSystem): void {
  const there = ifThere(() => system.lstat(path));
  if (there?.dev === file.dev && there.ino === file.ino) ifThere(() => system.unlink(path));
}

/** Where a rescue file lies, and which file it is. */
export interface StoredRescue {
  /** Its real path. */
  readonly path: string;
  readonly file: Pick<FileStats, "dev" | "ino">;
}

/**
 * Reads a rescue file. What it holds goes to a disk, so it has to be this user's own. Throws `not-found`, `bad-input`
 * where it is none, `usage` where others could have written it.
 */
export function loadRescue(word: string, system: SystemCalls = realSystem): LeftRescue {
  let path: string;
  let stored: ReturnType<typeof readAll>;
  try {
    path = system.realpath(word);
    stored = readAll(system, path);
  } catch (cause) {
    if (cause instanceof PeerlaneError) throw cause;
    throw new PeerlaneError("not-found", `cannot read ${word}: ${errnoOf(cause)}`, {
      remedy: `rescue files are in ${stateFolder()}`,
      cause,
    });
  }
  const { bytes, file } = stored;
  return { path, file, rescue: parseRescue(bytes, path) };
}

/** What is larger than any rescue file is read as nothing. */
function readAll(system: SystemCalls, path: string): { readonly bytes: Buffer; readonly file: FileStats } {
  const file = system.open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const stats = system.fstat(file);
    requireOwnRescue(system, path, stats);
    // A header and the most that is ever saved, with room to see that there is more.
    const bytes = Buffer.alloc(stats.size > MAX_RESCUE_BYTES + 1024 * 1024 ? 0 : stats.size);
    let done = 0;
    for (let count = 1; count > 0 && done < bytes.length; done += count)
      count = system.read(file, bytes.subarray(done));
    return { bytes: bytes.subarray(0, done), file: stats };
  } finally {
    system.close(file);
  }
}

function requireOwnRescue(system: SystemCalls, path: string, stats: FileStats): void {
  if (!stats.isFile()) {
    throw new PeerlaneError("bad-input", "this is no rescue file of peerlane probe: it is no regular file", {
      place: { file: path },
      remedy: "name a file that peerlane probe --allow-write left, as it is",
    });
  }
  const why = whyNotOwn(system, stats);
  if (why === null) return;
  throw new PeerlaneError("usage", `this rescue file is not relied on: ${why}`, {
    place: { file: path },
    remedy:
      "what it holds would be written to a disk: where you know that it is right, make it your own (chown, chmod)",
  });
}

/** A rescue file that an interrupted run left. */
export interface LeftRescue extends StoredRescue {
  readonly rescue: Rescue;
}

/** The whole rescue files in a folder, oldest name first; what is none is passed over. */
export function listRescues(folder: string, system: SystemCalls = realSystem): readonly LeftRescue[] {
  return namesIn(system, folder)
    .filter((name) => name.endsWith(SUFFIX))
    .sort()
    .flatMap((name) => {
      const path = join(folder, name);
      try {
        return [loadRescue(path, system)];
      } catch (error) {
        if (error instanceof PeerlaneError) return [];
        throw error;
      }
    });
}

function namesIn(system: SystemCalls, folder: string): readonly string[] {
  try {
    return system.readdir(folder);
  } catch {
    return [];
  }
}
