import { statSync } from "node:fs";
import { join } from "node:path";
import { PeerlaneError } from "../pci/error.ts";
import { FILLED_BYTES, writeFreshDisk } from "./fresh-disk.ts";
import type { NamedController } from "./nvme-names.ts";
import type { DriveOptions } from "./qemu.ts";

/**
 * An error that a disk gives on purpose (QEMU's blkdebug). The guest sees it as a medium error of NVMe, which its block
 * layer returns as ENODATA, as it does of a real drive. The driver tries a failed command up to five times more.
 */
export interface DiskError {
  readonly on: "read" | "write";
  /** The first 512-byte sector of the failing range; without it every access fails. */
  readonly sector?: number;
  /** Only the first access fails, which shows only with the kernel parameter `nvme_core.max_retries=0`. Default: each. */
  readonly isOnce?: boolean;
}

/** What is behind a controller's namespace. */
export interface GuestDisk {
  /** A raw image of this machine; without it a fresh one, which is deleted after the run. */
  readonly path?: string;
  /** Whether the guest's writes go to `path`. Default: they are forgotten after the run. */
  readonly isWritable?: boolean;
  /** Those on writes are not seen where `path` is not writable: the guest's writes do not get there. */
  readonly errors?: readonly DiskError[];
  /** Further options of QEMU's `-drive`, such as `throttling.bps-total`. */
  readonly driveOptions?: Readonly<Record<string, string>>;
}

/** Disks by the name of their controller: that of the scenario, else the kernel's (`nvme1`). */
export type GuestDisks = Readonly<Record<string, GuestDisk>>;

const SECTOR_BYTES = 512;
const EIO = 5;

/**
 * The drives of a guest: the given disks, and fresh sparse ones in `folder` for the rest. Throws `usage` on a disk for a
 * controller that is not there and `not-found` on an image that is not.
 */
export function guestDrives(
  controllers: readonly NamedController[],
  disks: GuestDisks,
  { folder, freshBytes }: { readonly folder: string; readonly freshBytes: number },
): DriveOptions {
  const drives = new Map(
    controllers.map((controller, index) => {
      const disk = disks[controller.userName] ?? {};
      if (disk.path !== undefined) return [controller.serial, givenDrive(disk.path, disk)];
      const path = join(folder, `${controller.serial}.img`);
      writeFreshDisk(path, { sizeBytes: freshBytes, filledBytes: index === 0 ? FILLED_BYTES : 0 });
      return [controller.serial, { ...rawDrive(path, disk), "cache.no-flush": "on" }];
    }),
  );
  return ({ serial }) => drives.get(serial) ?? {};
}

/** Throws `usage` where a disk is given for a controller that the scenario does not have. */
export function refuseUnknownDisks(controllers: readonly NamedController[], disks: GuestDisks): void {
  const names = controllers.map(({ userName }) => userName);
  const stray = Object.keys(disks).find((name) => !names.includes(name));
  if (stray === undefined) return;
  throw new PeerlaneError("usage", `the scenario has no NVMe controller '${stray}'`, {
    remedy: names.length === 0 ? "it has none at all" : `it has ${names.join(", ")}`,
  });
}

function givenDrive(path: string, disk: GuestDisk): Readonly<Record<string, string>> {
  const info = statSync(path, { throwIfNoEntry: false });
  if (info?.isFile() !== true)
    throw new PeerlaneError("not-found", `no disk image ${path}`, {
      remedy: `make one: truncate -s 256M ${path}`,
    });
  if (info.size === 0 || info.size % SECTOR_BYTES !== 0)
    throw new PeerlaneError("bad-input", `the disk image ${path} is not a whole number of 512-byte sectors`, {
      remedy: `extend it: truncate -s %${SECTOR_BYTES} ${path}`,
    });
  return { ...rawDrive(path, disk), ...(disk.isWritable === true ? {} : { snapshot: "on" }) };
}

/** A raw image, with blkdebug below the format where it gives errors: that is where its events are seen. */
function rawDrive(path: string, { errors = [], driveOptions = {} }: GuestDisk): Readonly<Record<string, string>> {
  const image = errors.length === 0 ? "file" : "file.image";
  const options: Record<string, string> = { driver: "raw", [`${image}.driver`]: "file", [`${image}.filename`]: path };
  if (errors.length > 0) options["file.driver"] = "blkdebug";
  errors.forEach((error, index) => {
    const prefix = `file.inject-error.${index}`;
    options[`${prefix}.event`] = error.on === "read" ? "read_aio" : "write_aio";
    options[`${prefix}.iotype`] = error.on;
    options[`${prefix}.errno`] = String(EIO);
    if (error.sector !== undefined) options[`${prefix}.sector`] = String(error.sector);
    if (error.isOnce === true) options[`${prefix}.once`] = "on";
  });
  return { ...options, ...driveOptions };
}
