/**
 * Files of a machine by path relative to its root (`sys/bus/pci/devices`, without a leading slash): the live system, a
 * copied tree, or an archive in memory. Reading never throws: what is missing or not permitted is `undefined`.
 */
export interface FileTree {
  /** What to call it in messages. */
  readonly name: string;
  /** The first `maxBytes` of a regular file; a tree may stop at `first` where that is enough. */
  read(path: string, maxBytes: number, first?: FirstPart): Uint8Array | undefined;
  /** Names in a folder, unordered. */
  list(path: string): readonly string[] | undefined;
  /** Where a symbolic link points to, as written. */
  readLink(path: string): string | undefined;
}

/** The beginning of a file of which it depends whether the rest is read. */
export interface FirstPart {
  readonly bytes: number;
  /** Asked where the file has so many bytes. */
  isEnough(start: Uint8Array): boolean;
}

/** The longest path that Linux takes. */
export const MAX_PATH = 4096;

const decoder = new TextDecoder("utf-8", { fatal: false });
const LINE_END = 0x0a;

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

/** What a file that ends with a line end holds: kernel files of sysfs and procfs do. */
export interface WholeLines {
  /** Without the last line end. */
  readonly text: string;
  /** False where a line without an end follows, which is left out: the copy was cut there. */
  readonly isWhole: boolean;
}

/** The whole lines of the first `maxBytes` of a text file; `undefined` where it has none. NULs end it, as in {@link readText}. */
export function readLines(tree: FileTree, path: string, maxBytes = 4096): WholeLines | undefined {
  const bytes = tree.read(path, maxBytes);
  if (bytes === undefined) return undefined;
  const padding = bytes.indexOf(0);
  const shown = padding < 0 ? bytes : bytes.subarray(0, padding);
  const end = shown.lastIndexOf(LINE_END);
  return end < 0 ? undefined : { text: decoder.decode(shown.subarray(0, end)), isWhole: end + 1 === shown.length };
}

/** The value of a file that the kernel prints as one line; `undefined` where it is missing, empty or cut within the line. */
export function readValue(tree: FileTree, path: string, maxBytes = 4096): string | undefined {
  const lines = readLines(tree, path, maxBytes);
  return lines?.isWhole === true ? lines.text : undefined;
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
