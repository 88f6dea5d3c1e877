import { type FileTree, readText } from "../../host/file-tree.ts";

/** Mount tables of busy container hosts reach megabytes. */
const MAX_TABLE = 64 * 1024 * 1024;

/** A mounted file system (`/proc/PID/mountinfo`, proc_pid_mountinfo(5)). */
export interface Mount {
  /** `major:minor` of its files; an anonymous number for file systems of no or several block devices. */
  readonly number: string;
  /** The folder of the file system that is seen at the mount point. */
  readonly root: string;
  readonly point: string;
  /** `ext4`, `fuse.sshfs`. */
  readonly type: string;
  /** What was mounted, in the words of who did it: a node, a share, anything. */
  readonly source: string;
  /** Options of the file system itself, with their values. */
  readonly options: readonly string[];
  /** The mount, or the file system as a whole. */
  readonly isReadOnly: boolean;
}

/** What a process sees mounted, the later ones last. Mounts of further namespaces do not show; their disks are claimed. */
export function readMounts(tree: FileTree, pid: "self" | "1" = "self"): readonly Mount[] {
  const lines = (readText(tree, `proc/${pid}/mountinfo`, MAX_TABLE) ?? "").split("\n");
  return lines.map(parseMount).filter((mount) => mount !== undefined);
}

function parseMount(line: string): Mount | undefined {
  const [left = "", right = ""] = line.split(" - ");
  const [, , number = "", root = "", point = "", own = ""] = left.split(" ");
  const [type = "", source = "", options = ""] = right.split(" ");
  if (!/^\d+:\d+$/.test(number) || point === "") return undefined;
  return {
    ...{ number, type },
    root: unescapeOctal(root),
    point: unescapeOctal(point),
    source: unescapeOctal(source),
    options: options.split(/(?<!\\),/).map(unescapeOctal),
    isReadOnly: [own, options].some((some) => some.split(",").includes("ro")),
  };
}

/** File systems that carry direct I/O out through the page cache, always or for some files. */
const THROUGH_CACHE =
  /^(btrfs|bcachefs|zfs|overlay|tmpfs|ramfs|nfs4?|cifs|smb3|9p|ceph|ecryptfs|f2fs|fuse.*|virtiofs)$/;

/** Whether data of a file may go through the page cache, and so by the CPU, in spite of direct I/O. */
export function mayUseCache({ type }: Mount): boolean {
  return THROUGH_CACHE.test(type);
}

/** Nodes and files in use as swap. */
export function readSwaps(tree: FileTree): readonly string[] {
  const [, ...lines] = (readText(tree, "proc/swaps", MAX_TABLE) ?? "").split("\n");
  return lines.map((line) => unescapeOctal(line.split(/\s/)[0] ?? "")).filter((path) => path !== "");
}

/** Blanks and backslashes are octal in the tables of mounts (proc(5)). */
function unescapeOctal(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

/** The mount that a file lies in: the innermost above its path, if its number fits, else any of that number. */
export function mountOf(mounts: readonly Mount[], fileSystem: string, path: string): Mount | undefined {
  const innermost = mountAt(mounts, path);
  if (innermost?.number === fileSystem) return innermost;
  // Files of Btrfs have numbers that no mount has.
  return mounts.find(({ number }) => number === fileSystem) ?? innermost;
}

/** The mount that a real path lies in; `undefined` where the table does not say. */
export function mountAt(mounts: readonly Mount[], path: string): Mount | undefined {
  let innermost: Mount | undefined;
  // Of several at one point the later one is seen.
  for (const mount of mounts)
    if (isAtOrBelow(path, mount.point) && mount.point.length >= (innermost?.point.length ?? 0)) innermost = mount;
  return innermost;
}

function isAtOrBelow(path: string, point: string): boolean {
  return point === "/" || path === point || path.startsWith(`${point}/`);
}
