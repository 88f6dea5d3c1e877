import { type FileTree, readText } from "../../host/file-tree.ts";
import type { BlockDevice } from "./block-device.ts";

/** UUID of a partition in a GPT, or its number in an MBR's: what the kernel says (Linux 6.12), else what udev does. */
export function partitionUuid(tree: FileTree, { name, number }: BlockDevice): string | null {
  const kernel = /^PARTUUID=(\S+)$/m.exec(readText(tree, `sys/class/block/${name}/uevent`) ?? "");
  const udev = /^E:ID_PART_ENTRY_UUID=(\S+)$/m.exec(readText(tree, `run/udev/data/b${number}`) ?? "");
  const uuid = kernel?.[1] ?? udev?.[1];
  return uuid === undefined ? null : `partuuid.${uuid.toLowerCase()}`;
}

/**
 * Which attachment of a disk this is: the boot, and the kernel's count of attachments in it (`diskseq`, Linux 5.15).
 * Under one name another count may be another disk. `null` where the kernel does not count.
 */
export function attachmentOf(tree: FileTree, { disk }: BlockDevice): string | null {
  const boot = readText(tree, "proc/sys/kernel/random/boot_id")?.trim();
  const sequence = readText(tree, `sys/class/block/${disk.name}/diskseq`)?.trim();
  return boot === undefined || sequence === undefined ? null : `${boot}/${sequence}`;
}
