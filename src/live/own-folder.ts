import { PeerlaneError } from "../pci/error.ts";
import { constants, type Descriptor, errnoOf, type FileStats, type SystemCalls } from "./system-calls.ts";

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
  const why = whyNotOwn(system, system.fstat(folder));
  if (why === null) return folder;
  system.close(folder);
  throw refuse(why);
}
