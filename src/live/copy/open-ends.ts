import { dirname } from "node:path";
import { PeerlaneError } from "../../pci/error.ts";
import { readBlockDevice } from "../block/block-device.ts";
import { type DataFile, deviceNumber, findDataFile, nameOf, timeText } from "../block/data-file.ts";
import { DirectFile } from "../block/direct-file.ts";
import type { Host } from "../host.ts";
import { mapSystemMemory } from "../memory/transfer-memory.ts";
import { lockFile } from "../own-files.ts";
import { constants, errnoOf, type FileStats, ifThere, orClose } from "../system-calls.ts";
import type { CopyEnds } from "./ends.ts";
import type { CopyRanges } from "./ranges.ts";
import { type IoFailure, type Sides, writeAllBytes } from "./sides.ts";
import { SIGNATURE_BYTES, signaturesOf } from "./signatures.ts";

/** Both ends of a copy, open for direct I/O; the target claimed (a disk) or locked (a file) for this copy alone. */
export class OpenEnds {
  readonly #host: Pick<Host, "tree" | "system">;
  readonly #ends: CopyEnds;
  #source: DirectFile | null = null;
  #target: DirectFile | null = null;
  /** A file that was made and that nothing was written to. */
  #untouched: FileStats | null = null;
  /** The size of a target file before it was made longer for the copy. */
  #grownFrom: number | null = null;

  constructor(host: Pick<Host, "tree" | "system">, ends: CopyEnds) {
    this.#host = host;
    this.#ends = ends;
  }

  /** Opens what is there. Throws `environment` where the target is in use. */
  async open(): Promise<void> {
    this.#source = await DirectFile.open(this.#ends.source, { access: "read" }, this.#host.system);
    if (!this.#ends.isNew) await this.#openTarget(this.#ends.target);
  }

  async #openTarget(target: DataFile): Promise<void> {
    this.#target = await DirectFile.open(target, { access: "write", exclusive: true }, this.#host.system);
    // A disk is claimed; its lock is udev's.
    if (target.kind === "device" || (await lockFile(this.#host.system, this.#target.descriptor))) return;
    throw new PeerlaneError("environment", `another copy to ${nameOf(target)} is running`, {
      remedy: "wait until it has ended",
    });
  }

  /**
   * Makes the target file, where it is not there; it goes again at {@link close} unless it is kept. Nobody may read it
   * who may not read the source. Its name is on the medium then, whoever made it: one that was just made, by a copy that
   * was killed for example, would be lost with the power, and all that was copied with it. Warns where it cannot be.
   */
  async makeTarget(): Promise<readonly string[]> {
    const { target, isNew } = this.#ends;
    if (isNew) return await this.#makeNew();
    return target.kind === "file" ? this.#syncName() : [];
  }

  async #makeNew(): Promise<readonly string[]> {
    const { path } = this.#ends.target;
    const { tree, system } = this.#host;
    try {
      const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
      const file = system.open(path, flags, this.#modeOfNew());
      this.#untouched = orClose(system, file, () => system.fstat(file));
      system.close(file);
    } catch (cause) {
      throw new PeerlaneError("environment", `cannot make the target file ${path}: ${errnoOf(cause)}`, {
        remedy: "name a file in a folder that you may write",
        cause,
      });
    }
    const made = findDataFile(tree, path, system);
    if (made.path !== path || !this.#isThere(this.#untouched)) {
      throw new PeerlaneError("environment", `somebody has just put something else in the place of ${path}`, {
        remedy: "look at it; name a file in a folder where only you can write",
      });
    }
    const warnings = this.#syncName();
    await this.#openTarget(made);
    return warnings;
  }

  #syncName(): readonly string[] {
    const { path } = this.#ends.target;
    const { system } = this.#host;
    try {
      const folder = system.open(dirname(path), constants.O_RDONLY | constants.O_DIRECTORY);
      try {
        system.fsync(folder);
        return [];
      } finally {
        system.close(folder);
      }
    } catch (cause) {
      const errno = errnoOf(cause);
      // A folder that may be written and not read; a file system that keeps names elsewhere.
      if (errno === "EACCES" || errno === "EINVAL")
        return [`the folder of ${path} cannot be flushed (${errno}): a new name in it may be lost with the power`];
      throw new PeerlaneError(
        "environment",
        `the name of the target file ${path} cannot be put on the medium: ${errno}`,
        {
          remedy: "look into the kernel's log (dmesg) for what the disk below said",
          cause,
        },
      );
    }
  }

  /** As cp has it of a file; what disks hold is for its owner alone. */
  #modeOfNew(): number {
    const { source } = this.#ends;
    return source.kind === "device" || this.#source === null ? 0o600 : this.#source.stats.mode & 0o666;
  }

  /** Whether the target's path leads to this very file. */
  #isThere({ dev, ino }: FileStats): boolean {
    const there = ifThere(() => this.#host.system.lstat(this.#ends.target.path));
    return there?.isFile() === true && there.dev === dev && there.ino === ino;
  }

  /** Something may be written to the target from now on. */
  keepTarget(): void {
    this.#untouched = null;
  }

  /** Throws `environment` where somebody else has written to the target file since it was looked at. */
  requireUnchangedTarget(): void {
    const file = this.#target;
    if (file === null || file.file.kind === "device" || file.fileBytes === file.file.sizeBytes) return;
    throw new PeerlaneError(
      "environment",
      `${nameOf(file.file)} has just changed its size: somebody else writes to it`,
      {
        remedy: "end what writes to it, and run this again",
      },
    );
  }

  /** Makes a target file as long as the copy will be, where it is shorter; it is never cut. */
  async growTarget({ targetStart, lengthBytes }: CopyRanges): Promise<IoFailure | null> {
    const target = this.#target;
    if (target === null || target.file.kind === "device") return null;
    const sizeBytes = target.fileBytes;
    if (sizeBytes >= targetStart + lengthBytes) return null;
    this.#grownFrom ??= sizeBytes;
    const side = { role: "target" as const, io: target, start: targetStart, blockBytes: 1 };
    return await writeAllBytes(side, Buffer.alloc(1), lengthBytes - 1);
  }

  /** Takes back what {@link growTarget} did, unless somebody else has made the file still longer. */
  async ungrowTarget({ targetStart, lengthBytes }: CopyRanges): Promise<void> {
    if (this.#grownFrom === null || this.#target?.fileBytes !== targetStart + lengthBytes) return;
    await this.#target.truncate(this.#grownFrom);
  }

  /**
   * Why what was copied is not to be found under the target's name, in words; `null` where it is. `removed`, `replaced`
   * and `cut` are the work of others.
   */
  whyNotInPlace({ targetStart, lengthBytes }: CopyRanges): string | null {
    const target = this.#target;
    if (target === null) return "it was never opened";
    const { path } = target.file;
    if (target.file.kind === "device") {
      const there = ifThere(() => this.#host.system.stat(path));
      const isNode = there?.isBlockDevice() === true && deviceNumber(there.rdev) === target.file.number;
      if (!isNode) return `${path} does not lead to it any more`;
      return readBlockDevice(this.#host.tree, target.file.name)?.number === target.file.number ? null : "it is gone";
    }
    const stats = target.stats;
    if (stats.nlink === 0) return "somebody has removed it, or put another file in its place";
    if (!this.#isThere(stats)) return "somebody has renamed it";
    if (stats.size >= targetStart + lengthBytes) return null;
    return `somebody has cut it: it has ${stats.size} bytes`;
  }

  /** When a source file was last written; `null` for a disk. It is the file that is open, whatever its path leads to. */
  get sourceModified(): string | null {
    const source = this.#source;
    return source === null || source.file.kind === "device" ? null : timeText(source.stats.mtimeMs);
  }

  /** When a target file was last written; `null` for a disk. */
  get targetModified(): string | null {
    const target = this.#target;
    return target === null || target.file.kind === "device" ? null : timeText(target.stats.mtimeMs);
  }

  /** How long a source or target file is now; `null` for a disk. */
  sizeNow(role: "source" | "target"): number | null {
    const file = role === "source" ? this.#source : this.#target;
    return file === null || file.file.kind === "device" ? null : file.fileBytes;
  }

  /** All that this copy handed to the target to be written. */
  get writtenBytes(): number {
    return this.#target?.writtenBytes ?? 0;
  }

  /** The target as it was when it was opened. */
  get target(): DataFile {
    return this.#target?.file ?? this.#ends.target;
  }

  /** What the start of a disk shows to be on it; of a file nothing. */
  async contentsOfTarget(): Promise<readonly string[]> {
    const { target } = this.#ends;
    if (target.kind === "file" || this.#target === null || target.sizeBytes < SIGNATURE_BYTES) return [];
    const memory = await mapSystemMemory(SIGNATURE_BYTES);
    try {
      const { errno } = await this.#target.read(memory, 0, SIGNATURE_BYTES, 0);
      return errno === null ? signaturesOf(Buffer.from(memory.buffer)) : [];
    } finally {
      memory.release();
    }
  }

  /** Both as the copy takes them. */
  sides(ranges: CopyRanges): Sides {
    if (this.#source === null || this.#target === null) throw new Error("the copy is not open");
    const sideOf = <Role extends "source" | "target">(role: Role, io: DirectFile, start: number) => ({
      ...{ role, io, start },
      blockBytes: io.file.logicalBlockBytes,
    });
    return {
      source: sideOf("source", this.#source, ranges.sourceStart),
      target: sideOf("target", this.#target, ranges.targetStart),
    };
  }

  /** Closes both. */
  async close(): Promise<void> {
    await this.#source?.close();
    await this.#target?.close();
    if (this.#untouched !== null && this.#isThere(this.#untouched)) this.#host.system.unlink(this.#ends.target.path);
    this.#untouched = null;
  }
}
