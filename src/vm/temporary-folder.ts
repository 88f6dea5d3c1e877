import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PeerlaneError } from "../pci/error.ts";

/** What a file system says that takes no more, or nothing of this user. */
const REFUSALS = ["ENOSPC", "EDQUOT", "EACCES", "EROFS", "ENOENT"];

/**
 * Gives work a folder of its own in the system's temporary one, and removes it after the work or at the process's exit.
 * Throws `environment` where the folder cannot be made or its file system is full.
 */
export async function inTemporaryFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = makeFolder();
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  process.once("exit", remove);
  try {
    return await work(folder);
  } catch (cause) {
    throw isRefusal(cause, folder) ? refused(cause) : cause;
  } finally {
    process.removeListener("exit", remove);
    remove();
  }
}

function makeFolder(): string {
  try {
    return mkdtempSync(join(tmpdir(), "peerlane-vm-"));
  } catch (cause) {
    throw refused(cause);
  }
}

/** Errors of a write name no path; those of an open do. */
function isRefusal(cause: unknown, folder: string): boolean {
  const { code = "", path = folder } = cause as NodeJS.ErrnoException;
  return REFUSALS.includes(code) && path.startsWith(folder);
}

function refused(cause: unknown): PeerlaneError {
  return new PeerlaneError("environment", `the guest's files do not fit in ${tmpdir()}: ${(cause as Error).message}`, {
    remedy: "set TMPDIR to a folder that can be written, with half a GB or more free",
    cause,
  });
}
