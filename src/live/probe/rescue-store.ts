import { join } from "node:path";
import { PeerlaneError } from "../../pci/error.ts";
import { stateFolder } from "../state-folder.ts";
import { constants, errnoOf, ifThere, realSystem, type SystemCalls } from "../system-calls.ts";
import { formatRescue, MAX_RESCUE_BYTES, parseRescue, type Rescue } from "./rescue-format.ts";

const SUFFIX = ".rescue";
const OWNER_ONLY = 0o600;

/**
 * Saves a range in a file of its own that only its owner may read, and waits until file and name are on the medium.
 * Returns its path. Under that name the file is whole from the first moment on. Throws `operation-failed`.
 */
export function saveRescue(folder: string, rescue: Rescue, system: SystemCalls = realSystem): string {
  const safeName = rescue.target.name.replaceAll(/[^\w.-]/g, "_");
  const path = join(folder, `${safeName}-${rescue.position}-${process.pid}-${Date.now()}${SUFFIX}`);
  const part = `${path}.part`;
  try {
    system.mkdir(folder, 0o700);
    writeDurably(system, part, formatRescue(rescue));
    system.rename(part, path);
    syncFolder(system, folder);
    return path;
  } catch (cause) {
    removeQuietly(system, part);
    throw new PeerlaneError("operation-failed", `cannot save the range to ${folder}: ${(cause as Error).message}`, {
      remedy: "nothing was written to the disk; set XDG_STATE_HOME to a folder with room",
      cause,
    });
  }
}

/** What was not made cannot be removed, which is well. */
function removeQuietly(system: SystemCalls, path: string): void {
  try {
    system.unlink(path);
  } catch {}
}

function writeDurably(system: SystemCalls, path: string, bytes: Uint8Array): void {
  const file = system.open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, OWNER_ONLY);
  try {
    for (let done = 0; done < bytes.length; ) done += system.write(file, bytes.subarray(done));
    system.fsync(file);
  } finally {
    system.close(file);
  }
}

function syncFolder(system: SystemCalls, folder: string): void {
  const file = system.open(folder, constants.O_RDONLY);
  try {
    system.fsync(file);
  } finally {
    system.close(file);
  }
}

/** Removes a rescue file whose range is back on its disk. */
export function removeRescue(path: string, system: SystemCalls = realSystem): void {
  ifThere(() => system.unlink(path));
}

/** Reads a rescue file. Throws `not-found`, or `bad-input` where it is none. */
export function loadRescue(path: string, system: SystemCalls = realSystem): Rescue {
  let bytes: Buffer;
  try {
    bytes = readAll(system, path);
  } catch (cause) {
    throw new PeerlaneError("not-found", `cannot read ${path}: ${errnoOf(cause)}`, {
      remedy: `rescue files are in ${stateFolder()}`,
      cause,
    });
  }
  return parseRescue(bytes, path);
}

/** What is larger than any rescue file is read as nothing. */
function readAll(system: SystemCalls, path: string): Buffer {
  const file = system.open(path, constants.O_RDONLY);
  try {
    const { size } = system.fstat(file);
    // A header and the most that is ever saved, with room to see that there is more.
    const bytes = Buffer.alloc(size > MAX_RESCUE_BYTES + 1024 * 1024 ? 0 : size);
    let done = 0;
    for (let count = 1; count > 0 && done < bytes.length; done += count)
      count = system.read(file, bytes.subarray(done));
    return bytes.subarray(0, done);
  } finally {
    system.close(file);
  }
}

/** A rescue file that an interrupted run left. */
export interface LeftRescue {
  readonly path: string;
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
        return [{ path, rescue: loadRescue(path, system) }];
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
