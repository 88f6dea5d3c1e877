import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { PeerlaneError } from "../../pci/error.ts";
import { stateFolder } from "../state-folder.ts";
import { formatRescue, MAX_RESCUE_BYTES, parseRescue, type Rescue } from "./rescue-format.ts";

const SUFFIX = ".rescue";
const OWNER_ONLY = 0o600;

/**
 * Saves a range in a file of its own that only its owner may read, and waits until file and name are on the medium.
 * Returns its path. Under that name the file is whole from the first moment on. Throws `operation-failed`.
 */
export function saveRescue(folder: string, rescue: Rescue): string {
  const safeName = rescue.target.name.replaceAll(/[^\w.-]/g, "_");
  const path = join(folder, `${safeName}-${rescue.position}-${process.pid}-${Date.now()}${SUFFIX}`);
  const part = `${path}.part`;
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeDurably(part, formatRescue(rescue));
    renameSync(part, path);
    syncFolder(folder);
    return path;
  } catch (cause) {
    removeQuietly(part);
    throw new PeerlaneError("operation-failed", `cannot save the range to ${folder}: ${(cause as Error).message}`, {
      remedy: "nothing was written to the disk; set XDG_STATE_HOME to a folder with room",
      cause,
    });
  }
}

/** What was not made cannot be removed, which is well. */
function removeQuietly(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {}
}

function writeDurably(path: string, bytes: Uint8Array): void {
  const file = openSync(path, "wx", OWNER_ONLY);
  try {
    for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

function syncFolder(folder: string): void {
  const file = openSync(folder, "r");
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** Removes a rescue file whose range is back on its disk. */
export function removeRescue(path: string): void {
  rmSync(path, { force: true });
}

/** Reads a rescue file. Throws `not-found`, or `bad-input` where it is none. */
export function loadRescue(path: string): Rescue {
  let bytes: Buffer;
  try {
    // A header and the most that is ever saved, with room to see that there is more.
    if (statSync(path).size > MAX_RESCUE_BYTES + 1024 * 1024) bytes = Buffer.alloc(0);
    else bytes = readFileSync(path);
  } catch (cause) {
    throw new PeerlaneError("not-found", `cannot read ${path}: ${(cause as NodeJS.ErrnoException).code}`, {
      remedy: `rescue files are in ${stateFolder()}`,
      cause,
    });
  }
  return parseRescue(bytes, path);
}

/** A rescue file that an interrupted run left. */
export interface LeftRescue {
  readonly path: string;
  readonly rescue: Rescue;
}

/** The whole rescue files in a folder, oldest name first; what is none is passed over. */
export function listRescues(folder: string): readonly LeftRescue[] {
  return namesIn(folder)
    .filter((name) => name.endsWith(SUFFIX))
    .sort()
    .flatMap((name) => {
      const path = join(folder, name);
      try {
        return [{ path, rescue: loadRescue(path) }];
      } catch (error) {
        if (error instanceof PeerlaneError) return [];
        throw error;
      }
    });
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
