import { createHash } from "node:crypto";
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { PeerlaneError } from "../../pci/error.ts";
import { type ForeignFunctions, foreignFunctions } from "../foreign-functions.ts";
import { stateFolder } from "../state-folder.ts";
import { formatJournal, type Journal, MAX_JOURNAL, notAJournal, parseJournal } from "./journal.ts";

/** LOCK_EX | LOCK_NB, flock(2). */
const LOCK_NOW = 2 | 4;

/** The place of a copy's journal in the user's folder of state (XDG Base Directory Specification). */
export function defaultJournalPath(key: unknown): string {
  const hash = createHash("sha256").update(JSON.stringify(key)).digest("hex").slice(0, 16);
  return join(stateFolder(), `copy-${hash}.json`);
}

/** Takes a lock of a file for this process; `false` where another holds it. It ends with the descriptor. */
export async function lockFile(descriptor: number): Promise<boolean> {
  return lockNow(await foreignFunctions(), descriptor);
}

function lockNow({ flock, errorName }: ForeignFunctions, descriptor: number): boolean {
  if (flock(descriptor, LOCK_NOW) === 0) return true;
  const errno = errorName();
  if (errno === "EWOULDBLOCK" || errno === "EAGAIN") return false;
  throw new PeerlaneError("environment", `cannot lock a file of the copy: ${errno}`, {
    remedy: "use files on a local file system, for the journal too: --journal FILE",
  });
}

/** The journal on disk, held by this process alone: its lock is a file beside it, which every replacement outlives. */
export class JournalFile {
  readonly path: string;
  readonly #lock: number;
  readonly #folder: number;

  private constructor(path: string, lock: number, folder: number) {
    this.path = path;
    this.#lock = lock;
    this.#folder = folder;
  }

  /** Throws `environment` where the folder cannot be written, or another copy has the journal. */
  static async open(path: string): Promise<JournalFile> {
    const functions = await foreignFunctions();
    return atPath(path, () => {
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      const folder = openSync(dirname(path), constants.O_RDONLY | constants.O_DIRECTORY);
      try {
        return new JournalFile(path, takeLock(functions, path), folder);
      } catch (error) {
        closeSync(folder);
        throw error;
      }
    });
  }

  /** What is there; `null` where nothing is. Throws `bad-input` for what is no journal. */
  read(): Journal | null {
    return readJournal(this.path);
  }

  /** Replaces it: whoever reads sees the old one or the new one, and after a loss of power too. */
  replace(journal: Journal): void {
    const temporary = `${this.path}.new`;
    atPath(this.path, () => {
      const file = openSync(temporary, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC, 0o600);
      try {
        writeSync(file, formatJournal(journal));
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
      renameSync(temporary, this.path);
      fsyncSync(this.#folder);
    });
  }

  /** Removes it: there is nothing to resume. */
  remove(): void {
    atPath(this.path, () => unlinkIfThere(this.path));
  }

  /** Lets others have it. */
  close(): void {
    unlinkIfThere(lockPath(this.path));
    closeSync(this.#lock);
    closeSync(this.#folder);
  }
}

/** A journal's content; `null` where there is no file. */
export function readJournal(path: string): Journal | null {
  const content = atPath(path, () => readStart(path));
  return content === null ? null : parseJournal(content, path);
}

function readStart(path: string): string | null {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return null;
  if (!stats.isFile()) throw notAJournal(path, "it is no regular file");
  const file = openSync(path, constants.O_RDONLY);
  try {
    const buffer = Buffer.alloc(MAX_JOURNAL + 1);
    return buffer.toString("utf8", 0, readSync(file, buffer, 0, buffer.length, 0));
  } finally {
    closeSync(file);
  }
}

function lockPath(path: string): string {
  return `${path}.lock`;
}

function takeLock(functions: ForeignFunctions, path: string): number {
  for (;;) {
    const lock = openSync(lockPath(path), constants.O_RDWR | constants.O_CREAT, 0o600);
    if (!lockNow(functions, lock)) {
      closeSync(lock);
      throw new PeerlaneError("environment", "another copy of this source to this target is running", {
        facts: { journal: path },
        remedy: "wait until it has ended",
      });
    }
    // Its last holder may have removed it between the two calls: then the lock is of a file that nobody else sees.
    const there = statSync(lockPath(path), { throwIfNoEntry: false });
    if (there !== undefined && there.ino === fstatSync(lock).ino) return lock;
    closeSync(lock);
  }
}

function unlinkIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}

function atPath<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    if (cause instanceof PeerlaneError) throw cause;
    const { code } = cause as NodeJS.ErrnoException;
    throw new PeerlaneError("environment", `cannot keep the journal of the copy at ${path}: ${code ?? String(cause)}`, {
      remedy: "name a file on a local file system that can be written: --journal FILE",
      cause,
    });
  }
}
