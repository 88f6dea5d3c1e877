import type { FileTree } from "../../host/file-tree.ts";
import { type ByteRange, formatAddress } from "../../pci/addresses.ts";
import { PeerlaneError } from "../../pci/error.ts";
import { type BlockDevice, listBlockDevices } from "../block/block-device.ts";
import { DirectFile } from "../block/direct-file.ts";
import { attachmentOf } from "../block/lasting-identity.ts";
import { usesOf } from "../block/uses.ts";
import { mapSystemMemory } from "../memory/transfer-memory.ts";
import { isFilled } from "./damage.ts";
import { isSameTarget, isUncertainTarget, type Rescue, type TargetIdentity } from "./rescue-format.ts";
import { loadRescue, removeRescue } from "./rescue-store.ts";
import { readRange, restoreRange } from "./saved-range.ts";
import { isStamp, STAMP_BYTES } from "./stamps.ts";

/** What tells a device from all others. */
export function identityOf(tree: FileTree, device: BlockDevice): TargetIdentity {
  const { name, identity, disk, sizeBytes } = device;
  return { name, identity, startBytes: disk.startBytes, sizeBytes, attachment: attachmentOf(tree, device) };
}

/** A range that was put back. */
export interface Restored extends ByteRange {
  readonly device: BlockDevice;
}

/** What is to be decided before a range is put back over data of others. */
export interface ForeignData extends ByteRange {
  readonly device: BlockDevice;
  /** Blocks that are neither as they were saved nor what a probe leaves. */
  readonly foreignBlocks: number;
  readonly blocks: number;
  /** Nothing but its name and size says that this is the disk that the range was saved of. */
  readonly isUncertain: boolean;
}

/**
 * Puts the range of a rescue file back on the device that it is of, whatever the kernel calls that now, reads it back
 * and removes the file. `confirm` is asked where somebody else has written there since, or the disk may be another one; it
 * throws where that shall stay.
 * Throws `not-found`, `bad-input`, `usage` where the device is in use, `operation-failed`.
 */
export async function restoreRescue(
  tree: FileTree,
  path: string,
  confirm: (foreign: ForeignData) => Promise<void>,
): Promise<Restored> {
  const stored = loadRescue(path);
  const { rescue } = stored;
  const devices = listBlockDevices(tree);
  const device = deviceOf(devices, rescue, stored.path, (one) => identityOf(tree, one));
  const isUncertain = isUncertainTarget(rescue.target, identityOf(tree, device));
  const uses = usesOf(tree, device);
  if (uses.length > 0) {
    throw new PeerlaneError("usage", `${device.name} is in use and is not written to: ${uses.join(", ")}`, {
      remedy: "unmount it first",
    });
  }
  const dram = await mapSystemMemory(Math.max(rescue.data.length, device.logicalBlockBytes));
  try {
    const file = await DirectFile.open(device, { access: "write", exclusive: true });
    try {
      const { position, data } = rescue;
      const range = { start: position, sizeBytes: data.length };
      const foreignBlocks = countForeignBlocks(await readRange(file, dram, range), data);
      const blocks = Math.ceil(data.length / STAMP_BYTES);
      if (foreignBlocks > 0 || isUncertain) await confirm({ device, ...range, foreignBlocks, blocks, isUncertain });
      await restoreRange(file, dram, { ...rescue, path });
    } finally {
      await file.close();
    }
  } finally {
    dram.release();
  }
  removeRescue(stored);
  return { device, start: rescue.position, sizeBytes: rescue.data.length };
}

/**
 * Blocks of a range that somebody else has written since it was saved: neither the saved data, nor stamps of a probe, nor
 * the zeros or ones that a lost write leaves.
 */
export function countForeignBlocks(now: Buffer, saved: Buffer): number {
  let count = 0;
  for (let offset = 0; offset < now.length; offset += STAMP_BYTES) {
    const block = now.subarray(offset, offset + STAMP_BYTES);
    const isOurs = block.equals(saved.subarray(offset, offset + STAMP_BYTES)) || isStamp(block);
    if (!isOurs && !isFilled(block, 0) && !isFilled(block, 0xff)) count++;
  }
  return count;
}

/** The one device that a rescue file is of. Throws `not-found`, and `usage` where several answer its description. */
export function deviceOf(
  devices: readonly BlockDevice[],
  { target }: Rescue,
  path: string,
  identify: (device: BlockDevice) => TargetIdentity,
): BlockDevice {
  const found = devices.filter((device) => isSameTarget(target, identify(device)));
  const [only] = found;
  if (found.length > 1) {
    throw new PeerlaneError("usage", "several devices answer the description of the one that this range was saved of", {
      facts: { "rescue file": path, devices: found.map((device) => device.name).join(", ") },
      remedy: "detach all but the right one: the range is put on no other",
    });
  }
  if (only !== undefined) return only;
  const { name, identity, startBytes, sizeBytes } = target;
  throw new PeerlaneError("not-found", "the device that this range was saved of is not here", {
    facts: {
      "rescue file": path,
      "saved of": `${name} (${identity ?? "without a serial number"})`,
      size: `${sizeBytes} bytes from ${formatAddress(startBytes)} of the disk`,
    },
    remedy: "attach that device; the range is never put on another one",
  });
}
