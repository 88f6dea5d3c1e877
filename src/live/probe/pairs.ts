import type { FileTree } from "../../host/file-tree.ts";
import { type Bdf, parseBdf } from "../../pci/bdf.ts";
import { PeerlaneError } from "../../pci/error.ts";
import { type BlockDevice, listBlockDevices } from "../block/block-device.ts";
import { clientsOf, findDataFile } from "../block/data-file.ts";
import { usesOf } from "../block/uses.ts";

/** A disk or partition to test with each provider. */
export interface ProbedDevice {
  readonly device: BlockDevice;
  /** The functions that move its data. */
  readonly clients: readonly Bdf[];
  /** The user asked for it by name: it has to work. */
  readonly isNamed: boolean;
  /** The user allowed a range of it to be overwritten meanwhile. */
  readonly isWritable: boolean;
}

/** What is asked for, in the user's words. */
export interface DeviceWords {
  readonly names: readonly string[];
  readonly writable: readonly string[];
}

/**
 * The devices to test: those named (a disk, a partition, a controller with all its disks, a PCI address), else every
 * whole disk of a PCI device; and those that may be written. Throws `not-found`, `usage` or `environment`.
 */
export function chooseDevices(tree: FileTree, { names, writable }: DeviceWords): readonly ProbedDevice[] {
  const targets = writable.map((word) => writableTarget(tree, word));
  const targetNumbers = targets.map(({ number }) => number);
  const named = names.flatMap((word) => devicesNamed(tree, word));
  const devices = [...(names.length === 0 ? wholeDisks(tree) : named), ...targets];
  if (devices.length === 0) {
    throw new PeerlaneError("environment", "this host shows no disk of a PCI device: there is nothing to test with", {
      remedy: "probe tests block devices: an NVMe drive, or a disk of a SAS, SATA or virtio controller",
    });
  }
  const unique = new Map(devices.map((device) => [device.number, device]));
  return [...unique.values()].map((device) => ({
    device,
    clients: clientsOf(device),
    isNamed: names.length > 0 || targetNumbers.includes(device.number),
    isWritable: targetNumbers.includes(device.number),
  }));
}

/** Disks of PCI devices, without those that are made of others (device-mapper, md): these are there themselves. */
function wholeDisks(tree: FileTree): readonly BlockDevice[] {
  return listBlockDevices(tree).filter(
    ({ name, disk, functions, madeOf }) => name === disk.name && functions.length > 0 && madeOf.length === 0,
  );
}

function devicesNamed(tree: FileTree, word: string): readonly BlockDevice[] {
  const bdf = parseBdf(word);
  const isOfController =
    bdf === undefined
      ? /^nvme\d+$/.test(word) && (({ name }: BlockDevice) => name.startsWith(`${word}n`))
      : ({ functions }: BlockDevice) => functions.includes(bdf);
  const disks = isOfController === false ? [] : wholeDisks(tree).filter(isOfController);
  return disks.length > 0 ? disks : [deviceNamed(tree, word)];
}

function deviceNamed(tree: FileTree, word: string): BlockDevice {
  const file = findDataFile(tree, word);
  if (file.kind === "device") return file;
  throw new PeerlaneError("usage", `${word} is a file, and probe tests disks`, {
    remedy: file.device === null ? "name a disk or a partition" : `it lies on ${file.device.name}: name that`,
  });
}

/** A disk or partition that nobody uses. */
function writableTarget(tree: FileTree, word: string): BlockDevice {
  const device = deviceNamed(tree, word);
  const uses = usesOf(tree, device);
  if (uses.length === 0) return device;
  throw new PeerlaneError("usage", `${device.name} is in use and is not written to: ${uses.join(", ")}`, {
    remedy: "name a disk or partition that is not mounted, held or used as swap; reads need no --allow-write",
  });
}
