import { PeerlaneError } from "../../pci/error.ts";
import { type DataFile, findDataFile, nameOf } from "../block/data-file.ts";
import { DirectFile } from "../block/direct-file.ts";
import type { Host } from "../host.ts";
import { mapSystemMemory } from "../memory/transfer-memory.ts";
import { constants, errnoOf } from "../system-calls.ts";
import type { CopyEnds } from "./ends.ts";
import { lockFile } from "./journal-file.ts";
import type { CopyRanges } from "./ranges.ts";
import type { Sides } from "./sides.ts";
import { SIGNATURE_BYTES, signaturesOf } from "./signatures.ts";

/** Both ends of a copy, open for direct I/O; the target claimed (a disk) or locked (a file) for this copy alone. */
export class OpenEnds {
  readonly #host: Pick<Host, "tree" | "system">;
  readonly #ends: CopyEnds;
  #source: DirectFile | null = null;
  #target: DirectFile | null = null;
  /** A file that was made and that nothing was written to. */
  #untouched: string | null = null;

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
    this.#target = await DirectFile.open(target, { access: "write", claim: true }, this.#host.system);
    // A disk is claimed; its lock is udev's.
    if (target.kind === "device" || (await lockFile(this.#target.descriptor, this.#host.system))) return;
    throw new PeerlaneError("environment", `another copy to ${nameOf(target)} is running`, {
      remedy: "wait until it has ended",
    });
  }

  /** Makes the target file, where it is not there; it goes again at {@link close} unless it is kept. */
  async makeTarget(): Promise<void> {
    if (!this.#ends.isNew) return;
    const { path } = this.#ends.target;
    const { tree, system } = this.#host;
    try {
      system.close(system.open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o666));
    } catch (cause) {
      throw new PeerlaneError("environment", `cannot make the target file ${path}: ${errnoOf(cause)}`, {
        remedy: "name a file in a folder that you may write",
        cause,
      });
    }
    this.#untouched = path;
    await this.#openTarget(findDataFile(tree, path, system));
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
    if (this.#untouched !== null) this.#host.system.unlink(this.#untouched);
    this.#untouched = null;
  }
}
