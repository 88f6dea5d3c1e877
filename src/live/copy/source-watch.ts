import { type FileTree, readText } from "../../host/file-tree.ts";
import { type DataFile, findDataFile } from "../block/data-file.ts";
import type { CopyEnds } from "./ends.ts";

/** Knows whether somebody has written to the source since the copy began. */
export class SourceWatch {
  readonly #tree: FileTree;
  readonly #source: DataFile;
  readonly #before: string | null;

  constructor(tree: FileTree, { source, target }: Pick<CopyEnds, "source" | "target">) {
    this.#tree = tree;
    this.#source = source;
    this.#before = isToldApart(source, target) ? lastWrite(tree, source) : null;
  }

  /** True: the source was written to. False says little: not all writes are counted, and a gone source has no count. */
  wasWritten(): boolean {
    const now = this.#before === null ? null : lastWrite(this.#tree, this.#source);
    return now !== null && now !== this.#before;
  }
}

/** Within one file or on one disk the copy's own writes count for both. */
function isToldApart(source: DataFile, target: DataFile): boolean {
  if (source.kind === "file") return target.kind !== "file" || source.inode !== target.inode;
  const device = target.kind === "device" ? target : target.device;
  if (device === null) return true;
  return source.madeOf.length + device.madeOf.length === 0 && source.disk.name !== device.disk.name;
}

/** Changes with each write: the time of a file's last one, the number of a disk's. `null` where it is not known. */
function lastWrite(tree: FileTree, source: DataFile): string | null {
  if (source.kind === "file") return modifiedNow(tree, source.path);
  // Documentation/block/stat.rst: the fifth field counts write I/Os that are done, of a partition its own.
  return readText(tree, `sys/class/block/${source.name}/stat`)?.trim().split(/\s+/)[4] ?? null;
}

function modifiedNow(tree: FileTree, path: string): string | null {
  try {
    const file = findDataFile(tree, path);
    return file.kind === "file" ? file.modified : null;
  } catch {
    return null;
  }
}
