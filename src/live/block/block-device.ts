import { baseName, type FileTree, readText, resolveLink } from "../../host/file-tree.ts";
import { type Bdf, parseBdf } from "../../pci/bdf.ts";

/** Sectors of sysfs are 512 bytes, whatever the device's blocks are (`block/genhd.c`). */
const SECTOR_BYTES = 512;
/** Sizes in bytes stay exact numbers. */
const MAX_SECTORS = Number.MAX_SAFE_INTEGER / SECTOR_BYTES;
/** Disks below one device: arrays have dozens, rarely hundreds. */
const MAX_STACK = 1024;

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
  const folder = sysfsFolder(tree, name);
  return folder === undefined ? undefined : describe(tree, folder);
}

/** A block device by `major:minor`. */
export function readBlockDeviceByNumber(tree: FileTree, number: string): BlockDevice | undefined {
  const link = tree.readLink(`sys/dev/block/${number}`);
  return link === undefined ? undefined : describe(tree, resolveLink(`sys/dev/block/${number}`, link));
}

/** Where sysfs keeps a device, by its kernel name (`sys/devices/virtual/block/loop0`). */
export function sysfsFolder(tree: FileTree, name: string): string | undefined {
  const link = tree.readLink(`sys/class/block/${name}`);
  return link === undefined ? undefined : resolveLink(`sys/class/block/${name}`, link);
}

function describe(tree: FileTree, folder: string): BlockDevice | undefined {
  const name = baseName(folder);
  const number = readText(tree, `${folder}/dev`);
  const sectors = readCount(tree, `${folder}/size`);
  if (number === undefined || sectors === undefined || sectors > MAX_SECTORS) return undefined;
  const disk = diskOf(tree, folder);
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
      // One that hides where it begins meets the whole disk's uses rather than none.
      startBytes: disk !== folder ? (readCount(tree, `${folder}/start`) ?? 0) * SECTOR_BYTES : 0,
    },
    functions: [...functionsBelow(tree, disk)].sort((a, b) => a - b),
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
  const image = imageOf(tree, disk);
  if (image !== null) return image;
  const candidates = ["wwid", "uuid", "device/wwid", "dm/uuid", "device/serial", "serial"];
  for (const file of candidates) {
    const text = readText(tree, `${disk}/${file}`)?.trim();
    // Some devices answer with zeros alone, which tell nothing apart.
    if (text !== undefined && /[1-9a-z]/i.test(text.replace(/^(eui|naa|uuid)\.|^0x/, ""))) return text;
  }
  return null;
}

/** An image of Ceph, which may be mapped several times (Documentation/ABI/testing/sysfs-bus-rbd). */
function imageOf(tree: FileTree, disk: string): string | null {
  const read = (file: string): string => readText(tree, `${disk}/device/${file}`)?.trim() ?? "";
  const parts = ["cluster_fsid", "pool_id", "pool_ns", "image_id", "current_snap"].map(read);
  return read("image_id") === "" ? null : `rbd.${parts.join(".")}`;
}

/** The PCI functions behind a disk: above it in the tree, else below it as paths of multipath or as slaves of a stack. */
function functionsBelow(tree: FileTree, disk: string): ReadonlySet<Bdf> {
  const functions = new Set<Bdf>();
  // Grows while it is gone through: a stack may meet a disk twice, and a broken one itself.
  const disks = new Set([disk]);
  for (const one of disks) {
    const above = lastFunction(one);
    for (const bdf of above === undefined ? controllersOf(tree, one) : [above]) functions.add(bdf);
    if (above !== undefined || disks.size >= MAX_STACK) continue;
    for (const name of tree.list(`${one}/slaves`) ?? []) {
      const folder = sysfsFolder(tree, name);
      if (folder !== undefined) disks.add(diskOf(tree, folder));
    }
  }
  return functions;
}

function diskOf(tree: FileTree, folder: string): string {
  const isPartition = readText(tree, `${folder}/partition`) !== undefined;
  return isPartition ? folder.slice(0, folder.lastIndexOf("/")) : folder;
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
