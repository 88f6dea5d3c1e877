/**
 * Files of a machine by path relative to its root (`sys/bus/pci/devices`, without a leading slash): the live system, a
 * copied tree, or an archive in memory. Reading never throws: what is missing or not permitted is `undefined`.
 */
export interface FileTree {
  /** What to call it in messages. */
  readonly name: string;
  /** The first `maxBytes` of a regular file. */
  read(path: string, maxBytes: number): Uint8Array | undefined;
  /** Names in a folder, unordered. */
  list(path: string): readonly string[] | undefined;
  /** Where a symbolic link points to, as written. */
  readLink(path: string): string | undefined;
}

/** The longest path that Linux takes. */
export const MAX_PATH = 4096;

const decoder = new TextDecoder("utf-8", { fatal: false });

/**
 * A short text file without its last line end; bytes that are no UTF-8 become replacement characters. An archive of a
 * live sysfs pads its files with NULs to a page, and stores those of procfs empty: neither is what the file says.
 */
export function readText(tree: FileTree, path: string, maxBytes = 4096): string | undefined {
  const bytes = tree.read(path, maxBytes);
  if (bytes === undefined || bytes.length === 0) return undefined;
  const end = bytes.indexOf(0);
  return decoder.decode(end < 0 ? bytes : bytes.subarray(0, end)).replace(/\n$/, "");
}

/** Resolves a link's target against the folder of the link, without leaving the root. */
export function resolveLink(linkPath: string, target: string): string {
  const parts = target.startsWith("/") ? [] : linkPath.split("/").slice(0, -1);
  for (const part of target.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return parts.join("/");
}

/** The last component of a path. */
export function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
