import type { FileTree } from "../../host/file-tree.ts";
import { PeerlaneError } from "../../pci/error.ts";
import { type BlockDevice, readBlockDevice } from "../block/block-device.ts";
import { type DataFile, nameOf } from "../block/data-file.ts";
import { usesOf } from "../block/uses.ts";
import { realSystem, type SystemCalls } from "../system-calls.ts";
import type { CopyEnds } from "./ends.ts";
import { type ByteRange, type CopyRanges, overlaps } from "./ranges.ts";

/** Device-mapper tables stack a few levels. */
const MAX_STACK = 16;

/**
 * Throws where the copy would do harm: the target is in use (`environment`), or its range shares bytes with the source
 * (`usage`). Returns what is worth a warning.
 */
export function refuseHarm(
  tree: FileTree,
  ends: CopyEnds,
  ranges: CopyRanges,
  system: SystemCalls = realSystem,
): readonly string[] {
  refuseOverlap(tree, ends, ranges, system);
  const { source, target } = ends;
  if (target.kind === "device") refuseInUse(tree, target, system);
  if (source.kind !== "device") return [];
  const uses = usesOf(tree, source, system);
  return uses.length === 0 ? [] : [`the source ${source.name} is in use (${uses.join(", ")}): it may change meanwhile`];
}

function refuseInUse(tree: FileTree, target: BlockDevice, system: SystemCalls): void {
  const uses = usesOf(tree, target, system);
  if (uses.length === 0) return;
  throw new PeerlaneError("environment", `the target ${target.name} is in use: ${uses.join(", ")}`, {
    remedy: "unmount it (umount), switch swap off (swapoff), or end what holds it; then copy again",
  });
}

function refuseOverlap(
  tree: FileTree,
  { source, target, isNew }: CopyEnds,
  ranges: CopyRanges,
  system: SystemCalls,
): void {
  const from: ByteRange = { start: ranges.sourceStart, size: ranges.lengthBytes };
  const to: ByteRange = { start: ranges.targetStart, size: ranges.lengthBytes };
  if (source.kind === "file" && target.kind === "file") {
    if (!isNew && isSameFile(source, target, system) && overlaps(from, to)) throw overlapping(source, target);
    return;
  }
  if (target.kind === "file") {
    // Writing the file would change the disk that is being copied, below the file's own data too.
    const below = target.device;
    if (source.kind === "device" && below !== null && sharesBytes(tree, source, from, below, wholeOf(below)))
      throw new PeerlaneError("usage", `the target ${target.path} lies on the source ${source.name} itself`, {
        remedy: "name a file on another disk",
      });
    return;
  }
  // A source file on the target: its file system is mounted, which is refused by itself; so is what holds the target.
  if (source.kind === "device" && sharesBytes(tree, source, from, target, to)) throw overlapping(source, target);
}

function wholeOf({ sizeBytes }: BlockDevice): ByteRange {
  return { start: 0, size: sizeBytes };
}

function overlapping(source: DataFile, target: DataFile): PeerlaneError {
  return new PeerlaneError(
    "usage",
    `source and target are the same bytes, or some of them: ${nameOf(source)} and ${nameOf(target)} overlap`,
    { remedy: "name other disks, or ranges that are apart (--source-offset, --target-offset, --length)" },
  );
}

function isSameFile(a: DataFile, b: DataFile, system: SystemCalls): boolean {
  if (a.path === b.path) return true;
  const [first, second] = [system.stat(a.path), system.stat(b.path)];
  return first.dev === second.dev && first.ino === second.ino;
}

/** Whether parts of two devices share bytes: on one disk by their places there; one stacked on the other, in any case. */
function sharesBytes(tree: FileTree, a: BlockDevice, partA: ByteRange, b: BlockDevice, partB: ByteRange): boolean {
  // Two paths to one disk (multipath without a map) have one identity and two names.
  const isOneDisk = a.disk.name === b.disk.name || (a.identity !== null && a.identity === b.identity);
  if (isOneDisk) return overlaps(onDisk(a, partA), onDisk(b, partB));
  const isOn = (upper: BlockDevice, lower: BlockDevice): boolean =>
    devicesBelow(tree, upper, 0).some(
      (one) => one.disk.name === lower.disk.name && overlaps(onDisk(one, wholeOf(one)), onDisk(lower, wholeOf(lower))),
    );
  return isOn(a, b) || isOn(b, a);
}

function onDisk({ disk }: BlockDevice, { start, size }: ByteRange): ByteRange {
  return { start: disk.startBytes + start, size };
}

/** What a device-mapper or RAID device is made of, down to the last. */
function devicesBelow(tree: FileTree, { disk }: BlockDevice, depth: number): readonly BlockDevice[] {
  if (depth === MAX_STACK) return [];
  const madeOf = readBlockDevice(tree, disk.name)?.madeOf ?? [];
  return madeOf.flatMap((name) => {
    const below = readBlockDevice(tree, name);
    return below === undefined ? [] : [below, ...devicesBelow(tree, below, depth + 1)];
  });
}
