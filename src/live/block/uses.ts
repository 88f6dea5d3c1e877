import { type FileTree, readText } from "../../host/file-tree.ts";
import { realSystem, type SystemCalls } from "../system-calls.ts";
import { type BlockDevice, listBlockDevices } from "./block-device.ts";

/** Mount tables of busy container hosts reach megabytes. */
const MAX_TABLE = 64 * 1024 * 1024;

/**
 * What a block device is in use for, in words (`mounted at /home`, `swap`, `held by dm-0`): its own uses and those of
 * the disk or the partitions that share its bytes. Empty: nobody's.
 */
export function usesOf(tree: FileTree, device: BlockDevice, system: SystemCalls = realSystem): readonly string[] {
  const mounts = mountsByDevice(tree, system);
  return sharers(tree, device).flatMap((shared) => {
    const who = shared.name === device.name ? "" : `${shared.name} `;
    return [
      ...(mounts.get(shared.number) ?? mounts.get(shared.path) ?? []).map((point) => `${who}mounted at ${point}`),
      ...(swaps(tree, system).includes(shared.path) ? [`${who}swap`] : []),
      ...holders(tree, shared).map((holder) => `${who}held by ${holder}`),
    ];
  });
}

/** The devices whose bytes are (partly) the same: the device, its disk, and the disk's partitions that meet it. */
function sharers(tree: FileTree, device: BlockDevice): readonly BlockDevice[] {
  return listBlockDevices(tree).filter(
    (other) =>
      other.disk.name === device.disk.name &&
      other.disk.startBytes < device.disk.startBytes + device.sizeBytes &&
      device.disk.startBytes < other.disk.startBytes + other.sizeBytes,
  );
}

/** Mount points by `major:minor` and by the source's node: some file systems (btrfs) mount under a number of their own. */
function mountsByDevice(tree: FileTree, system: SystemCalls): Map<string, readonly string[]> {
  const mounts = new Map<string, readonly string[]>();
  const add = (key: string, point: string): void => {
    mounts.set(key, [...new Set([...(mounts.get(key) ?? []), point])]);
  };
  for (const line of (readText(tree, "proc/self/mountinfo", MAX_TABLE) ?? "").split("\n")) {
    const [left = "", right = ""] = line.split(" - ");
    const [, , number = "", , point = ""] = left.split(" ");
    const [, source = ""] = right.split(" ");
    if (number === "") continue;
    add(number, unescapeOctal(point));
    if (source.startsWith("/dev/")) add(realNode(unescapeOctal(source), system), unescapeOctal(point));
  }
  return mounts;
}

/** Blanks and backslashes are octal in the tables of mounts (proc(5)). */
export function unescapeOctal(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

function realNode(path: string, system: SystemCalls): string {
  try {
    return system.realpath(path);
  } catch {
    return path;
  }
}

function swaps(tree: FileTree, system: SystemCalls): readonly string[] {
  const [, ...lines] = (readText(tree, "proc/swaps", MAX_TABLE) ?? "").split("\n");
  return lines.map((line) => realNode(unescapeOctal(line.split(/\s/)[0] ?? ""), system));
}

function holders(tree: FileTree, device: BlockDevice): readonly string[] {
  const folder =
    device.name === device.disk.name
      ? `sys/class/block/${device.name}`
      : `sys/class/block/${device.disk.name}/${device.name}`;
  return tree.list(`${folder}/holders`) ?? [];
}
