import { type FileTree, readText } from "../../host/file-tree.ts";
import { unescapeOctal } from "../block/uses.ts";

/** Mount tables of busy container hosts reach megabytes. */
const MAX_TABLE = 64 * 1024 * 1024;

/** A mounted file system, as `/proc/self/mountinfo` has it. */
export interface MountedFileSystem {
  readonly point: string;
  readonly type: string;
  /** Of the mount or of the file system as a whole. */
  readonly isReadOnly: boolean;
}

/** The file system that a real path lies on; `null` where the table does not say. */
export function fileSystemAt(tree: FileTree, path: string): MountedFileSystem | null {
  let found: MountedFileSystem | null = null;
  for (const line of (readText(tree, "proc/self/mountinfo", MAX_TABLE) ?? "").split("\n")) {
    const [left = "", right = ""] = line.split(" - ");
    const [, , , , escaped, options = ""] = left.split(" ");
    if (escaped === undefined) continue;
    const point = unescapeOctal(escaped);
    // Of two mounts at one point the later one is seen.
    if (!isAtOrBelow(path, point) || point.length < (found?.point.length ?? 0)) continue;
    const [type = "", , superOptions = ""] = right.split(" ");
    found = { point, type, isReadOnly: [options, superOptions].some((some) => some.split(",").includes("ro")) };
  }
  return found;
}

function isAtOrBelow(path: string, point: string): boolean {
  return point === "/" || path === point || path.startsWith(`${point}/`);
}

/** File systems that carry direct I/O out through the page cache, always or for some files. */
const THROUGH_CACHE =
  /^(btrfs|bcachefs|zfs|overlay|tmpfs|ramfs|nfs4?|cifs|smb3|9p|ceph|ecryptfs|f2fs|fuse.*|virtiofs)$/;

/** Whether data of a file may go through the page cache, and so by the CPU, in spite of direct I/O. */
export function mayUseCache({ type }: MountedFileSystem): boolean {
  return THROUGH_CACHE.test(type);
}
