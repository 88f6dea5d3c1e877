import { join } from "node:path";
import { PeerlaneError } from "../pci/error.ts";
import {
  constants,
  type Descriptor,
  errnoOf,
  type FileStats,
  ifThere,
  orClose,
  type SystemCalls,
} from "./system-calls.ts";

const OTHERS_WRITE = 0o022;

/** What is wrong with a file or folder that shall be this user's own; `null` where nothing is. */
export function whyNotOwn(system: Pick<SystemCalls, "geteuid">, { uid, mode }: FileStats): string | null {
  if (uid !== system.geteuid()) return `it belongs to another user (uid ${uid})`;
  return (mode & OTHERS_WRITE) === 0 ? null : "others can write it (chmod go-w)";
}

/**
 * Opens a folder of this user's state, made where it is not there: only its owner may enter it. Throws `environment` for
 * a symbolic link, and for a folder of another user or that others can write. The caller closes it.
 */
export function openOwnFolder(system: SystemCalls, path: string): Descriptor {
  const refuse = (why: string, cause?: unknown): PeerlaneError =>
    new PeerlaneError("environment", `cannot keep state in ${path}: ${why}`, {
      remedy: "set XDG_STATE_HOME to a folder of your own with room",
      cause,
    });
  let folder: Descriptor;
  try {
    system.mkdir(path, 0o700);
    folder = system.open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  } catch (cause) {
    const errno = errnoOf(cause);
    // With O_DIRECTORY a link that is not followed is no folder.
    const isLink = errno === "ELOOP" || errno === "ENOTDIR";
    throw refuse(isLink ? `it is no folder, or a symbolic link (${errno})` : errno, cause);
  }
  const why = orClose(system, folder, () => whyNotOwn(system, system.fstat(folder)));
  if (why === null) return folder;
  system.close(folder);
  throw refuse(why);
}

/** Takes a lock of a file for this process; `false` where another holds it. It ends with the descriptor. */
export async function lockFile(system: SystemCalls, descriptor: Descriptor): Promise<boolean> {
  try {
    await system.flock(descriptor);
    return true;
  } catch (cause) {
    const errno = errnoOf(cause);
    if (errno === "EWOULDBLOCK" || errno === "EAGAIN") return false;
    throw new PeerlaneError("environment", `cannot lock a file: ${errno}`, {
      remedy: "use files on a local file system, for journals too: --journal FILE, or XDG_STATE_HOME",
      cause,
    });
  }
}

/**
 * Removes what a run left that was killed while it made a file of its own: regular files of this user with our random
 * names, that no living run has locked. `requireOurs` looks into each and throws a `PeerlaneError` for what is none of
 * ours, which stays.
 */
export async function sweepLeftOvers(
  system: SystemCalls,
  folder: string,
  names: RegExp,
  requireOurs: (file: Descriptor, path: string) => void,
): Promise<void> {
  for (const name of system.readdir(folder).filter((one) => names.test(one))) {
    const path = join(folder, name);
    let file: Descriptor;
    try {
      file = system.open(path, constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    } catch {
      continue;
    }
    try {
      const stats = system.fstat(file);
      if (!stats.isFile() || whyNotOwn(system, stats) !== null || !(await lockFile(system, file))) continue;
      requireOurs(file, path);
      ifThere(() => system.unlink(path));
    } catch (error) {
      if (!(error instanceof PeerlaneError)) throw error;
    } finally {
      system.close(file);
    }
  }
}
