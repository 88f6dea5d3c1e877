import { randomBytes } from "node:crypto";
import { dirname, join } from "node:path";
import { PeerlaneError } from "../../pci/error.ts";
import { lockFile, openOwnFolder, sweepLeftOvers } from "../own-files.ts";
import { constants, type Descriptor, errnoOf, ifThere, type SystemCalls } from "../system-calls.ts";
import type { CopyEnds } from "./ends.ts";
import {
  formatJournal,
  isUnfinished,
  type Journal,
  type JournalHead,
  MAX_JOURNAL,
  type Progress,
  parseJournal,
  progressPlaces,
} from "./journal.ts";
import { type JournalPlace, lookAtPlace, requireOwnFile } from "./journal-place.ts";

const OWNER_ONLY = 0o600;
/** Neither a link nor a FIFO that somebody put there leads or holds us anywhere. */
const OPEN_FLAGS = constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** The journal at a place; `null` where there is none, or one that its copy had not finished to make. */
export function readJournal(system: SystemCalls, place: JournalPlace, ends: CopyEnds): Journal | null {
  return atPath(place.path, () => {
    if (lookAtPlace(system, place, ends) === null) return null;
    const file = system.open(place.path, constants.O_RDONLY | OPEN_FLAGS);
    try {
      return readOpen(system, file, place.path);
    } finally {
      system.close(file);
    }
  });
}

/**
 * The journal on disk, held by this process alone. All of it is one file, made exclusively or found to be a journal of
 * this user's; it is locked itself and written in place, so that what lies beside it is never touched.
 */
export class JournalFile {
  readonly #system: SystemCalls;
  readonly #place: JournalPlace;
  readonly #folder: Descriptor;
  #file: Descriptor | null = null;
  /** What is in the file; `null` where nothing of this copy is yet. */
  #saved: Journal | null = null;

  private constructor(system: SystemCalls, place: JournalPlace, folder: Descriptor) {
    this.#system = system;
    this.#place = place;
    this.#folder = folder;
  }

  /** Takes what is there. Throws `environment` where another copy has it, `usage` or `bad-input` where it is none. */
  static async open(system: SystemCalls, place: JournalPlace, ends: CopyEnds): Promise<JournalFile> {
    return await atPathLater(place.path, async () => {
      const folder = place.isNamed
        ? system.open(dirname(place.path), constants.O_RDONLY | constants.O_DIRECTORY)
        : openOwnFolder(system, dirname(place.path));
      const journal = new JournalFile(system, place, folder);
      try {
        await sweepLeftOvers(system, dirname(place.path), PART_NAME, (file, path) => {
          readOpen(system, file, path);
        });
        if (lookAtPlace(system, place, ends) !== null) await journal.#take();
        return journal;
      } catch (error) {
        journal.close();
        throw error;
      }
    });
  }

  async #take(): Promise<void> {
    const { path } = this.#place;
    this.#file = this.#system.open(path, constants.O_RDWR | OPEN_FLAGS);
    requireOwnFile(this.#system, path, this.#system.fstat(this.#file));
    await this.#lock(this.#file);
    this.#saved = readOpen(this.#system, this.#file, path);
  }

  async #lock(file: Descriptor): Promise<void> {
    // Its last holder may have removed it between the two calls: then the lock is of a file that nobody else sees.
    if ((await lockFile(this.#system, file)) && this.#isInPlace(file)) return;
    throw isTaken(this.#place.path);
  }

  #isInPlace(file: Descriptor): boolean {
    const there = ifThere(() => this.#system.lstat(this.#place.path));
    const { dev, ino } = this.#system.fstat(file);
    return there !== undefined && there.dev === dev && there.ino === ino;
  }

  /** What was there. */
  get found(): Journal | null {
    return this.#saved;
  }

  /** The copy starts anew: what was there is replaced with the first progress that is saved. */
  forget(): void {
    this.#saved = null;
  }

  /**
   * Puts it on the medium how far the copy came: after a loss of power there is the progress before or this one. The
   * head counts where the journal is made; one that is resumed keeps its own.
   */
  async save(head: JournalHead, progress: Progress): Promise<void> {
    await atPathLater(this.#place.path, async () => {
      if (this.#file === null || this.#saved === null || !this.#isInPlace(this.#file))
        return await this.#make(head, progress);
      const content = formatJournal(this.#saved, progress, this.#saved);
      const places = progressPlaces(content.length);
      await this.#write(this.#file, content, places.earlier, places.now);
      await this.#write(this.#file, content, places.now, content.length);
      this.#saved = { ...this.#saved, ...progress };
    });
  }

  /**
   * Only where nothing is: what appeared there meanwhile is not ours. It gets its name when it is whole, so that whoever
   * reads it finds a journal.
   */
  async #make(head: JournalHead, progress: Progress): Promise<void> {
    this.remove();
    const { path } = this.#place;
    const content = formatJournal(head, progress, progress);
    // A file system without hard links (FAT): it is seen unfinished for a moment.
    if (!(await this.#makeByLink(content))) await this.#fill(this.#create(path), content);
    this.#system.fsync(this.#folder);
    this.#saved = { ...head, ...progress };
  }

  /** `false` where there are no hard links. */
  async #makeByLink(content: Buffer): Promise<boolean> {
    const part = join(dirname(this.#place.path), newPartName());
    const file = this.#create(part);
    try {
      await this.#fill(file, content);
      const isLinked = this.#link(part);
      if (!isLinked) this.#letGo();
      return isLinked;
    } catch (error) {
      this.#letGo();
      throw error;
    } finally {
      ifThere(() => this.#system.unlink(part));
    }
  }

  #link(part: string): boolean {
    try {
      this.#system.link(part, this.#place.path);
      return true;
    } catch (error) {
      if (errnoOf(error) === "EEXIST") throw error;
      return false;
    }
  }

  #create(path: string): Descriptor {
    const flags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
    this.#file = this.#system.open(path, flags, OWNER_ONLY);
    return this.#file;
  }

  async #fill(file: Descriptor, content: Buffer): Promise<void> {
    if (!(await lockFile(this.#system, file))) throw isTaken(this.#place.path);
    await this.#write(file, content, 0, content.length);
    this.#system.fsync(file);
  }

  async #write(file: Descriptor, content: Buffer, start: number, end: number): Promise<void> {
    for (let at = start; at < end; ) at += await this.#system.pwrite(file, content, at, end - at, at);
    await this.#system.fdatasync(file);
  }

  /** Removes it: there is nothing to resume. What somebody else has put in its place stays. */
  remove(): void {
    const file = this.#file;
    if (file === null) return;
    atPath(this.#place.path, () => {
      if (this.#isInPlace(file)) this.#system.unlink(this.#place.path);
    });
    this.#letGo();
  }

  #letGo(): void {
    if (this.#file !== null) this.#system.close(this.#file);
    this.#file = null;
    this.#saved = null;
  }

  /** Lets others have it. */
  close(): void {
    this.#letGo();
    this.#system.close(this.#folder);
  }
}

const PART_NAME = /^\.peerlane-journal-[0-9a-f]{32}$/;

function newPartName(): string {
  return `.peerlane-journal-${randomBytes(16).toString("hex")}`;
}

function isTaken(path: string): PeerlaneError {
  return new PeerlaneError("environment", "another copy with this journal is running, or has just ended", {
    facts: { journal: path },
    remedy: "wait until it has ended",
  });
}

function readOpen(system: SystemCalls, file: Descriptor, path: string): Journal | null {
  const { size, mode } = system.fstat(file);
  const buffer = Buffer.alloc(Math.min(size, MAX_JOURNAL) + 1);
  let length = 0;
  for (let count = 1; count > 0 && length < buffer.length; length += count)
    count = system.read(file, buffer.subarray(length));
  const content = buffer.subarray(0, length);
  const isPrivate = (mode & 0o777) === OWNER_ONLY;
  return isPrivate && isUnfinished(content) ? null : parseJournal(content, path);
}

function atPath<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw journalError(path, cause);
  }
}

async function atPathLater<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw journalError(path, cause);
  }
}

function journalError(path: string, cause: unknown): PeerlaneError {
  if (cause instanceof PeerlaneError) return cause;
  const errno = errnoOf(cause);
  if (errno === "EEXIST") {
    return new PeerlaneError("environment", "something else has just appeared at the place of the journal", {
      facts: { journal: path },
      remedy: "look at it; another copy with this journal may be running",
      cause,
    });
  }
  return new PeerlaneError("environment", `cannot keep the journal of the copy at ${path}: ${errno}`, {
    remedy: "name a file on a local file system that can be written: --journal FILE",
    cause,
  });
}
