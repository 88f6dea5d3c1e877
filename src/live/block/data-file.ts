import type { FileTree } from "../../host/file-tree.ts";
import { parseBdf } from "../../pci/bdf.ts";
import { PeerlaneError } from "../../pci/error.ts";
import { errnoOf, type FileStats, realSystem, type SystemCalls } from "../system-calls.ts";
import { type BlockDevice, listBlockDevices, readBlockDevice, readBlockDeviceByNumber } from "./block-device.ts";

/** A regular file whose file system lies on a block device. */
export interface RegularFile {
  readonly kind: "file";
  /** Its real path. */
  readonly path: string;
  readonly sizeBytes: number;
  readonly inode: number;
  /** `major:minor` of its file system: a number of an inode means something only there. */
  readonly fileSystem: string;
  /** When it was made, as text; `null` where the file system does not keep that. Numbers of inodes are used again. */
  readonly made: string | null;
  /** Where its file system lies; `null` for those of no block device (tmpfs, network). */
  readonly device: BlockDevice | null;
  /** Alignment of direct I/O: that of the device, or a page where there is none. */
  readonly logicalBlockBytes: number;
  /** When it was last written, in nanoseconds since 1970, as text. */
  readonly modified: string;
}

/** What data is copied from or to: a disk, a partition or a file. */
export type DataFile = BlockDevice | RegularFile;

/** Alignment of direct I/O where no device says its own. */
export const DIRECT_ALIGNMENT = 4096;

/**
 * Finds what a user names: a node or file by its path, a kernel name (`nvme0n1`), an NVMe controller (`nvme0`) or a PCI
 * address with one disk. Throws `not-found` or `usage` with what there is.
 */
export function findDataFile(tree: FileTree, word: string, system: SystemCalls = realSystem): DataFile {
  const byName = word.includes("/") ? undefined : readBlockDevice(tree, word);
  if (byName !== undefined) return byName;
  const disks = disksNamed(tree, word);
  const [only] = disks;
  if (only !== undefined && disks.length === 1) return only;
  if (disks.length > 1) {
    throw new PeerlaneError("usage", `${word} has several disks`, {
      remedy: `name one of them: ${disks.map(({ name }) => name).join(", ")}`,
    });
  }
  return dataFileAt(tree, word, system);
}

/** The disk or file at a path. */
function dataFileAt(tree: FileTree, word: string, system: SystemCalls): DataFile {
  const stats = statOf(tree, word, system);
  const path = system.realpath(word);
  if (stats.isBlockDevice()) {
    const device = readBlockDeviceByNumber(tree, deviceNumber(stats.rdev));
    if (device !== undefined) return { ...device, path };
    throw new PeerlaneError("environment", `${word} is a block device that sysfs does not list`, {
      remedy: "mount sysfs at /sys (in a container: share the host's /sys)",
    });
  }
  if (stats.isFile()) return describeFile(tree, path, stats);
  throw new PeerlaneError("usage", `${word} is neither a block device nor a regular file`, {
    remedy: "name a disk (nvme0n1, /dev/nvme0n1p2) or a file",
  });
}

function describeFile(tree: FileTree, path: string, stats: FileStats): RegularFile {
  const device = readBlockDeviceByNumber(tree, deviceNumber(stats.dev)) ?? null;
  return {
    kind: "file",
    path,
    sizeBytes: stats.size,
    inode: stats.ino,
    fileSystem: deviceNumber(stats.dev),
    made: madeText(stats),
    device,
    logicalBlockBytes: device?.logicalBlockBytes ?? DIRECT_ALIGNMENT,
    modified: timeText(stats.mtimeMs),
  };
}

function madeText({ birthtimeMs = 0 }: FileStats): string | null {
  return birthtimeMs === 0 ? null : timeText(birthtimeMs);
}

/** A time of stat(2) in nanoseconds since 1970. */
export function timeText(milliseconds: number): string {
  return String(Math.round(milliseconds * 1e6));
}

function statOf(tree: FileTree, word: string, system: SystemCalls): FileStats {
  try {
    return system.stat(word);
  } catch (cause) {
    const code = errnoOf(cause);
    const disks = listBlockDevices(tree).filter(({ functions }) => functions.length > 0);
    const known = disks.map(({ name }) => name).join(", ");
    throw new PeerlaneError("not-found", code === "ENOENT" ? `no disk or file '${word}'` : `${word}: ${code}`, {
      remedy: known === "" ? "this host shows no disk of a PCI device" : `disks of PCI devices here: ${known}`,
      cause,
    });
  }
}

/** Whole disks of a controller (`nvme0`) or of a PCI function. */
function disksNamed(tree: FileTree, word: string): readonly BlockDevice[] {
  const bdf = parseBdf(word);
  const disks = listBlockDevices(tree).filter(({ name, disk, madeOf }) => name === disk.name && madeOf.length === 0);
  if (bdf !== undefined) return disks.filter(({ functions }) => functions.includes(bdf));
  if (!/^nvme\d+$/.test(word)) return [];
  return disks.filter(({ name }) => name.startsWith(`${word}n`));
}

/** `major:minor` of a number as stat(2) gives it (gnu_dev_major, gnu_dev_minor). */
export function deviceNumber(number: number): string {
  const whole = BigInt(number);
  const major = ((whole >> 8n) & 0xfffn) | ((whole >> 32n) & 0xfffff000n);
  const minor = (whole & 0xffn) | ((whole >> 12n) & 0xffffff00n);
  return `${major}:${minor}`;
}

/** How people call it: the disk's name, or the file's path. */
export function nameOf(file: DataFile): string {
  return file.kind === "device" ? file.name : file.path;
}

/** The PCI functions that move its data. Throws `unsupported` where there is none: nothing can reach peer memory then. */
export function clientsOf(file: DataFile): BlockDevice["functions"] {
  const functions = (file.kind === "device" ? file : file.device)?.functions ?? [];
  if (functions.length > 0) return functions;
  throw new PeerlaneError("unsupported", `${nameOf(file)} is no storage of a PCI device`, {
    remedy: "peer memory is reached by PCI devices only: name a disk of one, or a file on such a disk",
  });
}
