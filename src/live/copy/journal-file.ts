import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import { PeerlaneError } from "../../pci/error.ts";
import { stateFolder } from "../state-folder.ts";
import { constants, type Descriptor, errnoOf, ifThere, realSystem, type SystemCalls } from "../system-calls.ts";
import { formatJournal, type Journal, MAX_JOURNAL, notAJournal, parseJournal } from "./journal.ts";

/** The place of a copy's journal in the user's folder of state (XDG Base Directory Specification). */
export function defaultJournalPath(key: unknown): string {
  const hash = createHash("sha256").update(JSON.stringify(key)).digest("hex").slice(0, 16);
  return join(stateFolder(), `copy-${hash}.json`);
}

/** Takes a lock of a file for this process; `false` where another holds it. It ends with the descriptor. */
export async function lockFile(descriptor: Descriptor, system: SystemCalls = realSystem): Promise<boolean> {
  try {
    await system.flock(descriptor);
    return true;
  } catch (cause) {
    const errno = errnoOf(cause);
    if (errno === "EWOULDBLOCK" || errno === "EAGAIN") return false;
    throw new PeerlaneError("environment", `cannot lock a file of the copy: ${errno}`, {
      remedy: "use files on a local file system, for the journal too: --journal FILE",
      cause,
    });
  }
}

/** The journal on disk, held by this process alone: its lock is a file beside it, which every replacement outlives. */
export class JournalFile {
  readonly path: string;
  readonly #system: SystemCalls;
  readonly #lock: Descriptor;
  readonly #folder: Descriptor;

  private constructor(system: SystemCalls, path: string, lock: Descriptor, folder: Descriptor) {
    this.#system = system;
    this.path = path;
    this.#lock = lock;
    this.#folder = folder;
  }

  /** Throws `environment` where the folder cannot be written, or another copy has the journal. */
  static async open(path: string, system: SystemCalls = realSystem): Promise<JournalFile> {
    return await atPath(path, async () => {
      system.mkdir(dirname(path), 0o700);
      const folder = system.open(dirname(path), constants.O_RDONLY | constants.O_DIRECTORY);
      try {
        return new JournalFile(system, path, await takeLock(system, path), folder);
      } catch (error) {
        system.close(folder);
        throw error;
      }
    });
  }

  /** What is there; `null` where nothing is. Throws `bad-input` for what is no journal. */
  read(): Journal | null {
    return readJournal(this.path, this.#system);
  }

  /** Replaces it: whoever reads sees the old one or the new one, and after a loss of power too. */
  replace(journal: Journal): void {
    const system = this.#system;
    const temporary = `${this.path}.new`;
    atPath(this.path, () => {
      const file = system.open(temporary, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC, 0o600);
      try {
        system.write(file, Buffer.from(formatJournal(journal)));
        system.fsync(file);
      } finally {
        system.close(file);
      }
      system.rename(temporary, this.path);
      system.fsync(this.#folder);
    });
  }

  /** Removes it: there is nothing to resume. */
  remove(): void {
    atPath(this.path, () => unlinkIfThere(this.#system, this.path));
  }

  /** Lets others have it. */
  close(): void {
    unlinkIfThere(this.#system, lockPath(this.path));
    this.#system.close(this.#lock);
    this.#system.close(this.#folder);
  }
}

/** A journal's content; `null` where there is no file. */
export function readJournal(path: string, system: SystemCalls = realSystem): Journal | null {
  const content = atPath(path, () => readStart(system, path));
  return content === null ? null : parseJournal(content, path);
}

function readStart(system: SystemCalls, path: string): string | null {
  const stats = ifThere(() => system.stat(path));
  if (stats === undefined) return null;
  if (!stats.isFile()) throw notAJournal(path, "it is no regular file");
  const file = system.open(path, constants.O_RDONLY);
  try {
    const buffer = Buffer.alloc(MAX_JOURNAL + 1);
    return buffer.toString("utf8", 0, system.read(file, buffer));
  } finally {
    system.close(file);
  }
}

function lockPath(path: string): string {
  return `${path}.lock`;
}

async function takeLock(system: SystemCalls, path: string): Promise<Descriptor> {
  for (;;) {
    const lock = system.open(lockPath(path), constants.O_RDWR | constants.O_CREAT, 0o600);
    if (!(await lockFile(lock, system))) {
      system.close(lock);
      throw new PeerlaneError("environment", "another copy of this source to this target is running", {
        facts: { journal: path },
        remedy: "wait until it has ended",
      });
    }
    // Its last holder may have removed it between the two calls: then the lock is of a file that nobody else sees.
    const there = ifThere(() => system.stat(lockPath(path)));
    if (there !== undefined && there.ino === system.fstat(lock).ino) return lock;
    system.close(lock);
  }
}

function unlinkIfThere(system: SystemCalls, path: string): void {
  ifThere(() => system.unlink(path));
}

function atPath<T>(path: string, work: () => T): T {
  try {
    const result = work();
    if (!(result instanceof Promise)) return result;
    return result.catch((cause: unknown) => {
      throw journalError(path, cause);
    }) as T;
  } catch (cause) {
    throw journalError(path, cause);
  }
}

function journalError(path: string, cause: unknown): PeerlaneError {
  if (cause instanceof PeerlaneError) return cause;
  return new PeerlaneError("environment", `cannot keep the journal of the copy at ${path}: ${errnoOf(cause)}`, {
    remedy: "name a file on a local file system that can be written: --journal FILE",
    cause,
  });
}
