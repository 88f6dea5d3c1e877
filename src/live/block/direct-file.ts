import { PeerlaneError } from "../../pci/error.ts";
import type { TransferMemory } from "../memory/transfer-memory.ts";
import {
  constants,
  type Descriptor,
  errnoOf,
  type FileStats,
  orClose,
  realSystem,
  type SystemCalls,
} from "../system-calls.ts";
import { type DataFile, deviceNumber, nameOf } from "./data-file.ts";

/** How one read or write ended: bytes moved, and the error's name (`EIO`) where it failed. A short one is no error. */
export interface IoResult {
  readonly bytes: number;
  readonly errno: string | null;
}

/** Errors with which the kernel refuses to map peer memory (`bio_iov_iter_get_pages`, `blk_dma_map_iter_start`, Linux 6.2 to 7.2). */
const REFUSALS: readonly (string | null)[] = ["EINVAL", "EREMOTEIO"];

/** True for an error by which the kernel refuses peer memory, where the same I/O through DRAM works. */
export function isRefusal(errno: string | null): boolean {
  return REFUSALS.includes(errno);
}

/** How a file is opened. */
export interface OpenMode {
  readonly access: "read" | "write";
  /** Claims a block device for this process alone: fails where it is mounted, held or claimed by another. */
  readonly exclusive?: boolean;
}

/**
 * A disk or file open for direct I/O (O_DIRECT): data moves between the device and the given memory, past the page
 * cache. Offsets, lengths and positions are multiples of the logical block; only the end of a file may be short, and
 * single bytes of a file can be written beside that.
 */
export class DirectFile {
  readonly file: DataFile;
  /** For flock(2). */
  readonly descriptor: Descriptor;
  /** The same regular file without O_DIRECT; `null` for a disk, and where nothing is written. */
  readonly #plain: Descriptor | null;
  readonly #system: SystemCalls;
  #isOpen = true;
  #writtenBytes = 0;

  private constructor(file: DataFile, system: SystemCalls, descriptor: Descriptor, plain: Descriptor | null) {
    this.file = file;
    this.descriptor = descriptor;
    this.#system = system;
    this.#plain = plain;
  }

  /**
   * Opens it. Throws `environment` without permission, where it is in use and was to be claimed, or where its path leads
   * to something else by now.
   */
  static async open(file: DataFile, mode: OpenMode, system: SystemCalls = realSystem): Promise<DirectFile> {
    const flags =
      (mode.access === "read" ? constants.O_RDONLY : constants.O_RDWR) |
      constants.O_DIRECT |
      constants.O_NOFOLLOW |
      (mode.exclusive === true && file.kind === "device" ? constants.O_EXCL : 0);
    const descriptor = openAs(file, mode, flags, system);
    if (file.kind === "device" || mode.access === "read") return new DirectFile(file, system, descriptor, null);
    return orClose(system, descriptor, () => {
      const plain = openAs(file, mode, constants.O_WRONLY | constants.O_NOFOLLOW, system);
      return new DirectFile(file, system, descriptor, plain);
    });
  }

  /** What fstat(2) says of it now: the file that is open, whatever its path leads to. */
  get stats(): FileStats {
    return this.#system.fstat(this.descriptor);
  }

  /** Its size now; of a regular file only. */
  get fileBytes(): number {
    return this.stats.size;
  }

  /** All that was handed over to be written so far, what failed included. */
  get writtenBytes(): number {
    return this.#writtenBytes;
  }

  /** Reads from the device into memory. */
  read(memory: TransferMemory, offset: number, length: number, position: number): Promise<IoResult> {
    return outcome(this.#system.pread(this.descriptor, memory.buffer, offset, length, position));
  }

  /** Writes from memory to the device. */
  write(memory: TransferMemory, offset: number, length: number, position: number): Promise<IoResult> {
    this.#writtenBytes += length;
    return outcome(this.#system.pwrite(this.descriptor, memory.buffer, offset, length, position));
  }

  /** Writes exactly these bytes of a regular file, wherever they lie: through the page cache, so that no other changes. */
  writeBytes(bytes: Buffer, position: number): Promise<IoResult> {
    if (this.#plain === null) return Promise.resolve({ bytes: 0, errno: "EBADF" });
    return outcome(this.#system.pwrite(this.#plain, bytes, 0, bytes.length, position));
  }

  /** Waits until what was written is on the medium (fdatasync(2)). */
  sync(): Promise<IoResult> {
    return outcome(this.#system.fdatasync(this.descriptor));
  }

  /** Sets the length of a regular file. */
  truncate(sizeBytes: number): Promise<IoResult> {
    return outcome(this.#system.ftruncate(this.descriptor, sizeBytes));
  }

  async close(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    if (this.#plain !== null) this.#system.close(this.#plain);
    this.#system.close(this.descriptor);
  }
}

function openAs(file: DataFile, mode: OpenMode, flags: number, system: SystemCalls): Descriptor {
  let descriptor: Descriptor;
  try {
    descriptor = system.open(file.path, flags);
  } catch (cause) {
    throw openError(file, mode, cause);
  }
  if (orClose(system, descriptor, () => isStill(file, system.fstat(descriptor)))) return descriptor;
  system.close(descriptor);
  throw new PeerlaneError("environment", `${file.path} is not what it was a moment ago`, {
    remedy: "something renamed or replaced it: look at it, and run this again",
  });
}

/** Whether what was opened is the disk or file that was looked at before: a path may lead elsewhere by then. */
function isStill(file: DataFile, stats: FileStats): boolean {
  if (file.kind === "device") return stats.isBlockDevice() && deviceNumber(stats.rdev) === file.number;
  return stats.isFile() && stats.ino === file.inode && deviceNumber(stats.dev) === file.fileSystem;
}

async function outcome(call: Promise<number> | Promise<void>): Promise<IoResult> {
  try {
    return { bytes: (await call) ?? 0, errno: null };
  } catch (error) {
    return { bytes: 0, errno: errnoOf(error) };
  }
}

function openError(file: DataFile, { access }: OpenMode, cause: unknown): PeerlaneError {
  const name = nameOf(file);
  const errno = errnoOf(cause);
  switch (errno) {
    case "EPERM":
    case "EACCES":
      if (errno === "EPERM" && file.kind === "file") {
        return new PeerlaneError("environment", `no permission to ${access} ${name}: it is immutable or append-only`, {
          remedy: "lsattr shows which; chattr -i -a lifts it",
          cause,
        });
      }
      return new PeerlaneError("environment", `no permission to ${access} ${name}`, {
        remedy: "run it as root (sudo), or join the group that owns the file",
        cause,
      });
    case "EBUSY":
      return new PeerlaneError("environment", `${name} is in use by somebody else`, {
        remedy: "unmount it, or end what holds it (lsblk, fuser show who)",
        cause,
      });
    case "EROFS":
      return new PeerlaneError("environment", `${name} is read-only: its file system, or the disk below`, {
        remedy: "mount it for writing (mount -o remount,rw) once dmesg shows that no error made it so, or name another",
        cause,
      });
    case "ETXTBSY":
      return new PeerlaneError("environment", `${name} is in use as a program or as swap space`, {
        remedy: "end that, or name another file",
        cause,
      });
    case "EINVAL":
      return new PeerlaneError("unsupported", `${name} takes no direct I/O`, {
        remedy: "peer memory needs O_DIRECT: use a disk, or a file on ext4, xfs or another file system that has it",
        cause,
      });
    default:
      return new PeerlaneError("environment", `cannot open ${name}: ${errno}`, {
        remedy: "EMFILE and ENFILE: too many files are open (ulimit -n); else look into the kernel's log (dmesg)",
        cause,
      });
  }
}
