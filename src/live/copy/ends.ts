import { basename, dirname, join } from "node:path";
import { parseBdf } from "../../pci/bdf.ts";
import { PeerlaneError } from "../../pci/error.ts";
import { readBlockDeviceByNumber } from "../block/block-device.ts";
import { type DataFile, DIRECT_ALIGNMENT, deviceNumber, findDataFile, type RegularFile } from "../block/data-file.ts";
import type { Host } from "../host.ts";
import { ifThere, type SystemCalls } from "../system-calls.ts";
import type { Extent } from "./ranges.ts";

/** Both ends of a copy. */
export interface CopyEnds {
  readonly source: DataFile;
  readonly target: DataFile;
  /** Whether the target is a file that the copy makes. */
  readonly isNew: boolean;
}

/** What is no inode: that of a file which is not there yet. */
const NO_INODE = 0;

/** Names of disks: a word like that means a disk, and never a file to make. */
const DISK_WORD = /^(nvme|sd|hd|vd|xvd|dm-|md|loop|mmcblk|zram|ram|nbd|rbd|pmem|sr)[a-z0-9]+$/;

/** Finds both ends. Throws `not-found` or `usage` where one is none. */
export function findEnds(
  { tree, system }: Pick<Host, "tree" | "system">,
  sourceWord: string,
  targetWord: string,
): CopyEnds {
  const source = findDataFile(tree, sourceWord, system);
  const future = futureFile({ tree, system }, targetWord);
  const target = future ?? findDataFile(tree, targetWord, system);
  return { source, target, isNew: future !== null };
}

/** The file that a path shall become; `null` where something is there, or the word means a disk. */
function futureFile({ tree, system }: Pick<Host, "tree" | "system">, word: string): RegularFile | null {
  if (!word.includes("/") && (DISK_WORD.test(word) || parseBdf(word) !== undefined)) return null;
  if (ifThere(() => system.lstat(word)) !== undefined || word.endsWith("/")) return null;
  const folder = realFolder(word, system);
  const path = join(folder, basename(word));
  // A node that is missing under /dev is a device that is not there; a file made there would lie in memory.
  if (path.startsWith("/dev/")) return null;
  const fileSystem = deviceNumber(system.stat(folder).dev);
  const device = readBlockDeviceByNumber(tree, fileSystem) ?? null;
  return {
    kind: "file",
    path,
    sizeBytes: 0,
    inode: NO_INODE,
    fileSystem,
    made: null,
    device,
    logicalBlockBytes: device?.logicalBlockBytes ?? DIRECT_ALIGNMENT,
    modified: "0",
  };
}

function realFolder(word: string, system: SystemCalls): string {
  const folder = dirname(word);
  try {
    const path = system.realpath(folder);
    if (system.stat(path).isDirectory()) return path;
  } catch (cause) {
    throw new PeerlaneError("not-found", `there is no folder ${folder} for the target`, {
      remedy: "make it first (mkdir), or name a disk",
      cause,
    });
  }
  throw new PeerlaneError("usage", `${folder} is no folder`, { remedy: "name a file in a folder, or a disk" });
}

/** A side for the arithmetic of ranges. */
export function extentOf(file: DataFile, name: string): Extent {
  return {
    name,
    sizeBytes: file.sizeBytes,
    blockBytes: file.logicalBlockBytes,
    canGrow: file.kind === "file",
  };
}
