import { readText } from "../../host/file-tree.ts";
import { type DataFile, findDataFile } from "../block/data-file.ts";
import type { Host } from "../host.ts";
import type { CopyEnds } from "./ends.ts";

type Files = Pick<Host, "tree" | "system">;

/** Knows whether somebody has written to the source since the copy began. */
export class SourceWatch {
  readonly #files: Files;
  readonly #source: DataFile;
  readonly #before: string | null;

  constructor(files: Files, { source, target }: Pick<CopyEnds, "source" | "target">) {
    this.#files = files;
    this.#source = source;
    this.#before = isToldApart(source, target) ? lastWrite(files, source) : null;
  }

  /** True: the source was written to. False says little: not all writes are counted, and a gone source has no count. */
  wasWritten(): boolean {
    const now = this.#before === null ? null : lastWrite(this.#files, this.#source);
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
function lastWrite({ tree, system }: Files, source: DataFile): string | null {
  if (source.kind === "file") return modifiedNow({ tree, system }, source.path);
  // Documentation/block/stat.rst: the fifth field counts write I/Os that are done, of a partition its own.
  return readText(tree, `sys/class/block/${source.name}/stat`)?.trim().split(/\s+/)[4] ?? null;
}

function modifiedNow({ tree, system }: Files, path: string): string | null {
  try {
    const file = findDataFile(tree, path, system);
    return file.kind === "file" ? file.modified : null;
  } catch {
    return null;
  }
}
