import {
  closeSync,
  fdatasync,
  fstatSync,
  fsyncSync,
  ftruncate,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  read,
  readdirSync,
  readlinkSync,
  readSync,
  realpathSync,
  renameSync,
  type Stats,
  statSync,
  unlinkSync,
  write,
  writeSync,
} from "node:fs";
import { setTimeout as after } from "node:timers/promises";
import { foreignFunctions } from "./foreign-functions.ts";

/** The flags of `open`, by their names in C. */
export { constants } from "node:fs";

/** An open file of this process. */
export type Descriptor = number;

/** What stat(2) says of a file, by node's names. */
export type FileStats = Pick<
  Stats,
  | "dev"
  | "ino"
  | "mode"
  | "nlink"
  | "uid"
  | "gid"
  | "rdev"
  | "size"
  | "mtimeMs"
  | "ctimeMs"
  | "isFile"
  | "isDirectory"
  | "isBlockDevice"
  | "isSymbolicLink"
> &
  // When it was made; 0 or missing where the file system does not keep it.
  Partial<Pick<Stats, "birthtimeMs">>;

/** LOCK_EX | LOCK_NB, flock(2). */
const LOCK_NOW = 2 | 4;

/**
 * The system calls with which live work touches disks, data files and files of its own: one place, so that a test can
 * put another system under the same code. Each does what its manual page says and throws an error whose `code` is the
 * errno's name. What waits for a device is a promise; the others are done at once.
 */
export interface SystemCalls {
  /** open(2); `flags` of `constants` in `node:fs`. */
  open(path: string, flags: number, mode?: number): Descriptor;
  /** close(2). What has to be on the medium is synced before, so an error here (of a network file system) says nothing. */
  close(file: Descriptor): void;

  /** pread(2), pwrite(2): data of disks and files, direct where the descriptor is. Returns the bytes moved. */
  pread(file: Descriptor, buffer: Buffer, offset: number, length: number, position: number): Promise<number>;
  pwrite(file: Descriptor, buffer: Buffer, offset: number, length: number, position: number): Promise<number>;
  fdatasync(file: Descriptor): Promise<void>;
  ftruncate(file: Descriptor, sizeBytes: number): Promise<void>;

  /** read(2), write(2): small files of our own, from where the descriptor stands. Returns the bytes moved. */
  read(file: Descriptor, buffer: Uint8Array): number;
  write(file: Descriptor, bytes: Uint8Array): number;
  /** fsync(2): of a file, or of a folder and so of the names in it. */
  fsync(file: Descriptor): void;

  fstat(file: Descriptor): FileStats;
  stat(path: string): FileStats;
  /** Of a link itself. */
  lstat(path: string): FileStats;
  /** The path without any link in it. */
  realpath(path: string): string;
  readlink(path: string): string;
  /** The names in a folder. */
  readdir(path: string): readonly string[];

  /** Makes a folder and those above it, where they are not there. */
  mkdir(path: string, mode: number): void;
  rename(from: string, to: string): void;
  link(from: string, to: string): void;
  unlink(path: string): void;

  /** flock(2) with LOCK_EX | LOCK_NB: throws `EWOULDBLOCK` or `EAGAIN` where another holds it. Ends with the descriptor. */
  flock(file: Descriptor): Promise<void>;
  /** Who this process acts as; files that it makes are this user's. */
  geteuid(): number;
  now(): Date;
  /** What the CPUs worked for this process so far. */
  cpuSeconds(): number;
  /** Milliseconds of a clock that only goes forward. */
  monotonicMs(): number;
  sleep(milliseconds: number): Promise<void>;
}

/** The system that this process runs on. */
export const realSystem: SystemCalls = {
  open: openSync,
  close: (file) => {
    try {
      closeSync(file);
    } catch (error) {
      if (errnoOf(error) === "EBADF") throw error;
    }
  },
  pread: (file, buffer, offset, length, position) =>
    new Promise((resolve, reject) => {
      read(file, buffer, offset, length, position, (error, bytes) => (error === null ? resolve(bytes) : reject(error)));
    }),
  pwrite: (file, buffer, offset, length, position) =>
    new Promise((resolve, reject) => {
      write(file, buffer, offset, length, position, (error, bytes) =>
        error === null ? resolve(bytes) : reject(error),
      );
    }),
  fdatasync: (file) => settled((done) => fdatasync(file, done)),
  ftruncate: (file, sizeBytes) => settled((done) => ftruncate(file, sizeBytes, done)),
  read: (file, buffer) => readSync(file, buffer, 0, buffer.length, null),
  write: (file, bytes) => writeSync(file, bytes, 0, bytes.length, null),
  fsync: fsyncSync,
  fstat: (file) => fstatSync(file),
  stat: (path) => statSync(path),
  lstat: (path) => lstatSync(path),
  realpath: (path) => realpathSync(path),
  readlink: (path) => readlinkSync(path),
  readdir: (path) => readdirSync(path),
  mkdir: (path, mode) => {
    mkdirSync(path, { recursive: true, mode });
  },
  rename: renameSync,
  link: linkSync,
  unlink: unlinkSync,
  flock: async (file) => {
    const { flock, errorName } = await foreignFunctions();
    if (flock(file, LOCK_NOW) === 0) return;
    const errno = errorName();
    throw Object.assign(new Error(`${errno}: flock`), { code: errno, syscall: "flock" });
  },
  geteuid: () => process.geteuid?.() ?? 0,
  now: () => new Date(),
  cpuSeconds: () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  },
  monotonicMs: () => performance.now(),
  sleep: (milliseconds) => after(milliseconds),
};

function settled(call: (done: (error: NodeJS.ErrnoException | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    call((error) => (error === null ? resolve() : reject(error)));
  });
}

/** What a call of a path returns; `undefined` where nothing is there (`ENOENT`, `ENOTDIR`). */
export function ifThere<T>(call: () => T): T | undefined {
  try {
    return call();
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes(errnoOf(error))) return undefined;
    throw error;
  }
}

/** Does something with a file that was just opened, and closes it where that fails. */
export function orClose<T>(system: SystemCalls, file: Descriptor, work: (file: Descriptor) => T): T {
  try {
    return work(file);
  } catch (error) {
    system.close(file);
    throw error;
  }
}

/** Name of the errno of a failed call. */
export function errnoOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return code ?? message;
}
