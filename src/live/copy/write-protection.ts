import { dirname } from "node:path";
import { type FileTree, readText } from "../../host/file-tree.ts";
import { PeerlaneError } from "../../pci/error.ts";
import type { BlockDevice } from "../block/block-device.ts";
import { type DataFile, nameOf } from "../block/data-file.ts";
import { mountAt, readMounts } from "../block/mounts.ts";
import type { Host } from "../host.ts";
import { constants, errnoOf } from "../system-calls.ts";
import type { CopyEnds } from "./ends.ts";

/** What keeps a target from being written, and what lifts it. */
interface Protection {
  readonly cause: string;
  readonly remedy: string;
}

/** Throws `environment` with the cause where the target cannot be written to. Nothing is written for that. */
export function refuseReadOnly({ tree, system }: Pick<Host, "tree" | "system">, { target, isNew }: CopyEnds): void {
  const protection = target.kind === "device" ? protectionOf(tree, target) : mountProtection(tree, target.path);
  if (protection !== null) throw readOnly(target, protection);
  if (target.kind === "device" || isNew) return;
  try {
    system.close(system.open(target.path, constants.O_WRONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK));
  } catch (cause) {
    const why = openProtection(errnoOf(cause));
    if (why !== null) throw readOnly(target, why, cause);
  }
}

/** Why a target cannot be written now; `null` where nothing shows. For the time after a write has failed. */
export function whyReadOnly(tree: FileTree, target: DataFile): string | null {
  const protection = target.kind === "device" ? protectionOf(tree, target) : mountProtection(tree, target.path);
  return protection?.cause ?? null;
}

function readOnly(target: DataFile, { cause: why, remedy }: Protection, cause?: unknown): PeerlaneError {
  return new PeerlaneError("environment", `the target ${nameOf(target)} is read-only: ${why}`, { remedy, cause });
}

/** A disk and a partition of it are protected each for itself (`bdev_read_only`). */
function protectionOf(tree: FileTree, device: BlockDevice): Protection | null {
  for (const name of new Set([device.name, device.disk.name])) {
    const folder = `sys/class/block/${name}`;
    const read = (file: string): string | undefined => readText(tree, `${folder}/${file}`)?.trim();
    const state = read("md/array_state");
    if (state === "readonly") {
      return { cause: `the array ${name} is set read-only`, remedy: `mdadm --readwrite ${device.path}` };
    }
    if (read("ro") !== "1") continue;
    if (read("force_ro") === "1") {
      return { cause: `${name} is kept read-only (force_ro)`, remedy: `echo 0 > /${folder}/force_ro` };
    }
    const file = read("loop/backing_file");
    if (file !== undefined) {
      return {
        cause: `${name} was attached or set read-only, or its file ${file} cannot be written`,
        remedy: `attach it anew without --read-only (losetup --detach, losetup); blockdev --setrw ${device.path} lifts a setting of the kernel`,
      };
    }
    if (read("dm/name") !== undefined) {
      return {
        cause: `the mapping ${read("dm/name")} is read-only (dmsetup info)`,
        remedy: "activate it for writing (lvchange --permission rw, or dmsetup without --readonly)",
      };
    }
    return {
      cause: `the kernel has ${name} as write-protected (/${folder}/ro)`,
      remedy: `a write-protect switch, a setting of the device or blockdev --setro does that: blockdev --setrw ${device.path} lifts the last`,
    };
  }
  return null;
}

function mountProtection(tree: FileTree, path: string): Protection | null {
  const mounted = mountAt(readMounts(tree), dirname(path));
  if (mounted?.isReadOnly !== true) return null;
  return {
    cause: `its file system (${mounted.type}) is mounted read-only at ${mounted.point}`,
    remedy: `name a file elsewhere; or mount -o remount,rw ${mounted.point}, once dmesg shows that no error made it so`,
  };
}

function openProtection(errno: string): Protection | null {
  switch (errno) {
    case "EROFS":
      return { cause: "its file system is read-only", remedy: "name a file elsewhere, or mount it for writing" };
    case "EPERM":
      return { cause: "it is immutable or append-only", remedy: "lsattr shows which; chattr -i -a lifts it" };
    case "ETXTBSY":
      return { cause: "it is in use as a program or as swap space", remedy: "end that, or name another file" };
    default:
      return null;
  }
}
