import { closeSync, constants, openSync, readSync, writeSync } from "node:fs";
import type { Bdf } from "../../pci/bdf.ts";
import { formatBdf } from "../../pci/bdf.ts";
import { PeerlaneError } from "../../pci/error.ts";
import { type ForeignFunctions, foreignFunctions } from "../foreign-functions.ts";
import { type PermittedPool, requireStillPermitted } from "../pools/pool-use.ts";

/** PROT_READ and PROT_WRITE, mmap(2). */
const READ_WRITE = 1 | 2;
const MAP_SHARED = 0x01;
const MAP_PRIVATE = 0x02;
const MAP_FIXED = 0x10;
const MAP_ANONYMOUS = 0x20;
const MAP_NORESERVE = 0x4000;
const MFD_CLOEXEC = 1;
const NO_ADDRESS = 0;
const MAP_FAILED = -1;

/**
 * Page-aligned memory that devices read and write: a device's own (`peer`) or DRAM. Peer memory goes back to its pool
 * at {@link release}, and with the process however that ends: the kernel holds it by the mapping alone.
 */
export interface TransferMemory {
  readonly kind: "peer" | "dram";
  /** Whose memory it is; `null` for DRAM. */
  readonly provider: Bdf | null;
  readonly sizeBytes: number;
  /**
   * For reads and writes of files only. A load or store by the CPU ends the process with SIGBUS where the provider has
   * been removed meanwhile: use {@link load} and {@link store}.
   */
  readonly buffer: Buffer;
  /** Copies `target.length` bytes out, as the CPU sees them. Throws `operation-failed` where the memory is gone. */
  load(offset: number, target: Uint8Array): void;
  /** Copies bytes in. Throws `operation-failed` where the memory is gone. */
  store(offset: number, source: Uint8Array): void;
  /** Gives the memory back. The buffer holds zeros afterwards. */
  release(): void;
}

/** The file in sysfs whose mapping allocates from a provider's pool (`p2pmem_alloc_mmap`, since Linux 6.2). */
export function allocatePath(provider: Bdf): string {
  return `/sys/bus/pci/devices/${formatBdf(provider)}/p2pmem/allocate`;
}

/**
 * Allocates memory of a pool that may be used. `null` where it has not that much left (or not in one piece). Throws
 * `environment` where another driver has the device by now, the kernel is too old, or the user may not.
 */
export async function mapPeerMemory(pool: PermittedPool, sizeBytes: number): Promise<TransferMemory | null> {
  const functions = await foreignFunctions();
  const { provider } = pool;
  requireStillPermitted(pool);
  const path = allocatePath(provider);
  const file = openAllocate(path, provider);
  try {
    const address = functions.mmap(NO_ADDRESS, sizeBytes, READ_WRITE, MAP_SHARED, file, 0);
    if (address !== MAP_FAILED) return new PeerMemory(functions, address, sizeBytes, provider);
    const errno = functions.errorName();
    if (errno === "ENOMEM") return null;
    throw new PeerlaneError("environment", `cannot map ${path}: ${errno}`, {
      remedy: "peer memory for user space needs Linux 6.2 or newer, and the right to write this file (root)",
    });
  } finally {
    closeSync(file);
  }
}

function openAllocate(path: string, provider: Bdf): number {
  try {
    return openSync(path, constants.O_RDWR);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === "EACCES" || code === "EPERM") {
      throw new PeerlaneError("environment", `no permission to allocate peer memory of ${formatBdf(provider)}`, {
        facts: { file: path },
        remedy: "run it as root (sudo), or give your group the right to write this file",
        cause,
      });
    }
    throw new PeerlaneError("environment", `${formatBdf(provider)} has no peer memory that can be mapped: ${code}`, {
      facts: { file: path },
      remedy: "peerlane p2pmem lists the pools of this host, and what is missing",
      cause,
    });
  }
}

/** Maps DRAM of this process, page-aligned as direct I/O needs it. Throws `environment` where there is not that much. */
export async function mapSystemMemory(sizeBytes: number): Promise<TransferMemory> {
  const functions = await foreignFunctions();
  const address = functions.mmap(NO_ADDRESS, sizeBytes, READ_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (address === MAP_FAILED) {
    throw new PeerlaneError("environment", `cannot map ${sizeBytes} bytes of memory: ${functions.errorName()}`, {
      remedy: "ask for smaller chunks or a smaller depth",
    });
  }
  return new SystemMemory(functions, address, sizeBytes);
}

abstract class MappedMemory {
  readonly sizeBytes: number;
  readonly buffer: Buffer;
  readonly #functions: ForeignFunctions;
  readonly #address: number;
  #isMapped = true;

  constructor(functions: ForeignFunctions, address: number, sizeBytes: number) {
    this.#functions = functions;
    this.#address = address;
    this.sizeBytes = sizeBytes;
    this.buffer = Buffer.from(functions.view(address, sizeBytes));
  }

  release(): void {
    if (!this.#isMapped) return;
    this.#isMapped = false;
    this.giveBack();
  }

  protected giveBack(): void {
    // Views of the buffer may outlive this: untouched zero pages take the place of the memory, which costs nothing.
    const flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE;
    if (this.#functions.mmap(this.#address, this.sizeBytes, READ_WRITE, flags, -1, 0) === MAP_FAILED)
      this.#functions.munmap(this.#address, this.sizeBytes);
  }
}

class SystemMemory extends MappedMemory implements TransferMemory {
  readonly kind = "dram";
  readonly provider = null;

  load(offset: number, target: Uint8Array): void {
    target.set(this.buffer.subarray(offset, offset + target.length));
  }

  store(offset: number, source: Uint8Array): void {
    this.buffer.set(source, offset);
  }
}

class PeerMemory extends MappedMemory implements TransferMemory {
  readonly kind = "peer";
  readonly provider: Bdf;
  /** A file in memory: copies to and from it are made by the kernel, which reports lost memory as EFAULT. */
  readonly #passage: number;

  constructor(functions: ForeignFunctions, address: number, sizeBytes: number, provider: Bdf) {
    super(functions, address, sizeBytes);
    this.provider = provider;
    this.#passage = functions.memfdCreate("peerlane", MFD_CLOEXEC);
    if (this.#passage < 0) {
      this.release();
      throw new PeerlaneError("environment", `cannot make a file in memory: ${functions.errorName()}`);
    }
  }

  load(offset: number, target: Uint8Array): void {
    this.#guard(() => {
      moveAll(target.length, (done) =>
        writeSync(this.#passage, this.buffer, offset + done, target.length - done, done),
      );
      moveAll(target.length, (done) => readSync(this.#passage, target, done, target.length - done, done));
    });
  }

  store(offset: number, source: Uint8Array): void {
    this.#guard(() => {
      moveAll(source.length, (done) => writeSync(this.#passage, source, done, source.length - done, done));
      moveAll(source.length, (done) => readSync(this.#passage, this.buffer, offset + done, source.length - done, done));
    });
  }

  #guard(copy: () => void): void {
    try {
      copy();
    } catch (cause) {
      throw new PeerlaneError("operation-failed", `the memory of ${formatBdf(this.provider)} is gone`, {
        remedy: "the device was removed or reset while its memory was in use",
        cause,
      });
    }
  }

  protected override giveBack(): void {
    super.giveBack();
    if (this.#passage >= 0) closeSync(this.#passage);
  }
}

/** Repeats a partial copy until all is moved. */
function moveAll(length: number, move: (done: number) => number): void {
  for (let done = 0; done < length; ) {
    const count = move(done);
    if (count === 0) throw new Error("the copy ended early");
    done += count;
  }
}
