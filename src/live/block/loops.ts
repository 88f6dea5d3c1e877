import { type FileTree, readText } from "../../host/file-tree.ts";
import { type BlockDevice, sysfsFolder } from "./block-device.ts";

/** Loop devices are whole sectors of 512 bytes (`drivers/block/loop.c`). */
const SECTOR_BYTES = 512;

/** A loop device and what sysfs says of the file or disk behind it. */
export interface Loop {
  readonly device: BlockDevice;
  /** The path as this process sees it; that of another mount namespace or of a removed file (`… (deleted)`) leads nowhere. */
  readonly backingPath: string;
  readonly offsetBytes: number;
  /** 0: up to the end of the file. */
  readonly limitBytes: number;
}

/** The loop devices that are attached, by name. */
export function readLoops(tree: FileTree, devices: readonly BlockDevice[]): ReadonlyMap<string, Loop> {
  const loops = new Map<string, Loop>();
  for (const device of devices) {
    const folder = `${sysfsFolder(tree, device.name)}/loop`;
    const backingPath = readText(tree, `${folder}/backing_file`);
    if (backingPath === undefined || backingPath === "") continue;
    const read = (file: string): number => Number(readText(tree, `${folder}/${file}`)?.trim() ?? 0) || 0;
    loops.set(device.name, { device, backingPath, offsetBytes: read("offset"), limitBytes: read("sizelimit") });
  }
  return loops;
}

/** Whether a file of this size is one that the loop's size comes from. A file that grew since does not fit any more. */
export function fitsLoop({ device, offsetBytes, limitBytes }: Loop, fileBytes: number): boolean {
  const behind = Math.max(0, fileBytes - offsetBytes);
  const bytes = limitBytes > 0 ? Math.min(limitBytes, behind) : behind;
  return bytes - (bytes % SECTOR_BYTES) === device.sizeBytes;
}
