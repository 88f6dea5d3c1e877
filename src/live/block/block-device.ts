import { baseName, type FileTree, readText, resolveLink } from "../../host/file-tree.ts";
import { type Bdf, parseBdf } from "../../pci/bdf.ts";

/** Sectors of sysfs are 512 bytes, whatever the device's blocks are (`block/genhd.c`). */
const SECTOR_BYTES = 512;
/** Sizes in bytes stay exact numbers. */
const MAX_SECTORS = Number.MAX_SAFE_INTEGER / SECTOR_BYTES;
/** Device-mapper tables stack a few levels; a deeper stack is a loop. */
const MAX_STACK = 16;

/** A disk or partition, as sysfs describes it. */
export interface BlockDevice {
  readonly kind: "device";
  /** The kernel's name (`nvme0n1p2`). */
  readonly name: string;
  /** Its node (`/dev/nvme0n1p2`). */
  readonly path: string;
  /** `major:minor`. */
  readonly number: string;
  readonly sizeBytes: number;
  readonly logicalBlockBytes: number;
  /** The whole disk that it is or lies on, and where it starts there. */
  readonly disk: { readonly name: string; readonly startBytes: number };
  /** The PCI functions whose DMA moves its data; several for multipath and device-mapper, none for disks of no PCI device. */
  readonly functions: readonly Bdf[];
  /** Names of the devices that it is made of (device-mapper, md); empty for others. */
  readonly madeOf: readonly string[];
  /** World-wide name or serial number, to know it again after a restart; `null` where sysfs has none. */
  readonly identity: string | null;
}

/** All block devices of a system that have a size, by name. */
export function listBlockDevices(tree: FileTree): readonly BlockDevice[] {
  const names = tree.list("sys/class/block") ?? [];
  return names
    .map((name) => readBlockDevice(tree, name))
    .filter((device) => device !== undefined)
    .filter(({ sizeBytes }) => sizeBytes > 0)
    .sort(byName);
}

/** nvme2n1 before nvme10n1. Intl's collator knows how, and takes some 10 ms to start. */
function byName(a: BlockDevice, b: BlockDevice): number {
  return sortKey(a.name) < sortKey(b.name) ? -1 : 1;
}

function sortKey(name: string): string {
  return name.replaceAll(/\d+/g, (digits) => digits.padStart(10, "0"));
}

/** A block device by its kernel name; `undefined` where there is none. */
export function readBlockDevice(tree: FileTree, name: string): BlockDevice | undefined {
  const link = tree.readLink(`sys/class/block/${name}`);
  if (link === undefined) return undefined;
  return describe(tree, resolveLink(`sys/class/block/${name}`, link));
}

/** A block device by `major:minor`. */
export function readBlockDeviceByNumber(tree: FileTree, number: string): BlockDevice | undefined {
  const link = tree.readLink(`sys/dev/block/${number}`);
  return link === undefined ? undefined : describe(tree, resolveLink(`sys/dev/block/${number}`, link));
}

function describe(tree: FileTree, folder: string): BlockDevice | undefined {
  const name = baseName(folder);
  const number = readText(tree, `${folder}/dev`);
  const sectors = readCount(tree, `${folder}/size`);
  if (number === undefined || sectors === undefined || sectors > MAX_SECTORS) return undefined;
  const isPartition = readText(tree, `${folder}/partition`) !== undefined;
  const disk = isPartition ? folder.slice(0, folder.lastIndexOf("/")) : folder;
  return {
    kind: "device",
    name,
    // Slashes of a node's name are exclamation marks in sysfs (cciss!c0d0).
    path: `/dev/${name.replaceAll("!", "/")}`,
    number,
    sizeBytes: sectors * SECTOR_BYTES,
    logicalBlockBytes: readCount(tree, `${disk}/queue/logical_block_size`) || SECTOR_BYTES,
    disk: {
      name: baseName(disk),
      startBytes: isPartition ? (readCount(tree, `${folder}/start`) ?? 0) * SECTOR_BYTES : 0,
    },
    functions: [...new Set(functionsBelow(tree, disk, 0))].sort((a, b) => a - b),
    madeOf: tree.list(`${folder}/slaves`) ?? [],
    identity: identityOf(tree, disk),
  };
}

function readCount(tree: FileTree, path: string): number | undefined {
  const text = readText(tree, path)?.trim() ?? "";
  const count = Number(text);
  return /^\d+$/.test(text) && Number.isSafeInteger(count) ? count : undefined;
}

function identityOf(tree: FileTree, disk: string): string | null {
  const candidates = ["wwid", "uuid", "device/wwid", "dm/uuid", "device/serial", "serial"];
  for (const file of candidates) {
    const text = readText(tree, `${disk}/${file}`)?.trim();
    if (text !== undefined && text !== "") return text;
  }
  return null;
}

/** The PCI functions behind a disk: above it in the tree, else below it as paths of multipath or as slaves of a stack. */
function functionsBelow(tree: FileTree, disk: string, depth: number): readonly Bdf[] {
  const above = lastFunction(disk);
  if (above !== undefined) return [above];
  if (depth === MAX_STACK) return [];
  const slaves = (tree.list(`${disk}/slaves`) ?? []).flatMap((name) => {
    const link = tree.readLink(`sys/class/block/${name}`);
    if (link === undefined) return [];
    const folder = resolveLink(`sys/class/block/${name}`, link);
    const isPartition = readText(tree, `${folder}/partition`) !== undefined;
    return functionsBelow(tree, isPartition ? folder.slice(0, folder.lastIndexOf("/")) : folder, depth + 1);
  });
  return [...slaves, ...controllersOf(tree, disk)];
}

/** The controllers of an NVMe subsystem: with native multipath the disk hangs below the subsystem, not below one of them. */
function controllersOf(tree: FileTree, disk: string): readonly Bdf[] {
  const subsystem = disk.slice(0, disk.lastIndexOf("/"));
  if (!/^nvme-subsys\d+$/.test(baseName(subsystem))) return [];
  return (tree.list(subsystem) ?? [])
    .filter((name) => /^nvme\d+$/.test(name))
    .flatMap((name) => {
      const link = tree.readLink(`${subsystem}/${name}`);
      return link === undefined ? [] : (lastFunction(resolveLink(`${subsystem}/${name}`, link)) ?? []);
    });
}

function lastFunction(path: string): Bdf | undefined {
  return path
    .split("/")
    .reverse()
    .map((part) => (/^[0-9a-f]{4,}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$/.test(part) ? parseBdf(part) : undefined))
    .find((bdf) => bdf !== undefined);
}
