import { type FileTree, readText } from "../../host/file-tree.ts";
import type { BlockDevice } from "../block/block-device.ts";
import type { DataFile } from "../block/data-file.ts";
import type { CopyEnds } from "./ends.ts";

/** What is counted of a disk, by its place in `stat` (Documentation/block/stat.rst); of a partition its own. */
const WRITES_DONE = 4;
const SECTORS_WRITTEN = 6;
/** Sectors are 512 bytes there, whatever the disk's blocks are. */
const SECTOR_BYTES = 512;

/** When a file was last written, as text; `null` for a disk. */
type Modified = () => string | null;

/** Knows whether somebody has written to the source since the copy was planned. */
export class SourceWatch {
  readonly #now: () => string | null;
  readonly #before: string | null;

  /** `modified` is of the source that is open. */
  constructor(tree: FileTree, { source, target }: Pick<CopyEnds, "source" | "target">, modified: Modified) {
    this.#now = source.kind === "file" ? modified : () => countOf(tree, source, WRITES_DONE)?.toString() ?? null;
    if (!isToldApart(source, target)) this.#before = null;
    else this.#before = source.kind === "file" ? source.modified : this.#now();
  }

  /** `null`: it cannot be told. A disk that is gone counts nothing any more. */
  wasWritten(): boolean | null {
    if (this.#before === null) return null;
    const now = this.#now();
    return now === null ? null : now !== this.#before;
  }
}

/** Knows whether somebody else has written to the target since the copy began. */
export class TargetWatch {
  readonly #tree: FileTree;
  readonly #target: DataFile;
  readonly #modified: Modified;
  readonly #before: number | null;
  #settled: string | null = null;

  constructor(tree: FileTree, target: DataFile, modified: Modified) {
    this.#tree = tree;
    this.#target = target;
    this.#modified = modified;
    this.#before = this.#sectors();
  }

  #sectors(): number | null {
    return this.#target.kind === "file" ? null : countOf(this.#tree, this.#target, SECTORS_WRITTEN);
  }

  /** The copy's own writes are done: whatever comes now is of others. */
  settle(): void {
    this.#settled = this.#modified();
  }

  /**
   * True: more was written to the disk than the copy's `ownBytes`, or the file was written after {@link settle}. `null`:
   * it cannot be told, as of a file before that.
   */
  wasWrittenByOthers(ownBytes: number): boolean | null {
    if (this.#target.kind === "file") return this.#settled === null ? null : this.#modified() !== this.#settled;
    const now = this.#sectors();
    if (this.#before === null || now === null || now === this.#before) return null;
    return (now - this.#before) * SECTOR_BYTES > ownBytes;
  }
}

/** Within one file or on one disk the copy's own writes count for both. */
function isToldApart(source: DataFile, target: DataFile): boolean {
  if (source.kind === "file")
    return target.kind !== "file" || source.inode !== target.inode || source.fileSystem !== target.fileSystem;
  const device = target.kind === "device" ? target : target.device;
  if (device === null) return true;
  return source.madeOf.length + device.madeOf.length === 0 && source.disk.name !== device.disk.name;
}

function countOf(tree: FileTree, { name }: BlockDevice, place: number): number | null {
  const field = readText(tree, `sys/class/block/${name}/stat`)?.trim().split(/\s+/)[place];
  return field === undefined || !/^\d+$/.test(field) ? null : Number(field);
}
