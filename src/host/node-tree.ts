import { closeSync, constants, lstatSync, openSync, readdirSync, readlinkSync, readSync, realpathSync } from "node:fs";
import { sep } from "node:path";
import type { FileTree, FirstPart } from "./file-tree.ts";

/** Never wait on a FIFO or a device, and never follow a link that a copied tree points elsewhere. */
const OPEN_FLAGS = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW;

/**
 * sysfs gives what a file has in one read, up to a page (`kernfs_fop_read_iter`, Linux 7.2), and so does a folder of a
 * disk: less than was asked for is all. Files of procfs come in parts.
 */
const PAGE = 4096;

/** The files below a folder of this system: `/` for the live machine, or a copied or mounted tree. */
export class NodeTree implements FileTree {
  readonly name: string;
  readonly #root: string;
  /** Real path of each folder that was asked for, `undefined` where it lies outside of the root. */
  readonly #folders = new Map<string, string | undefined>();
  #buffer = new Uint8Array(PAGE);

  constructor(root: string, name: string) {
    this.#root = root === "/" ? root : realRoot(root);
    this.name = name;
  }

  read(path: string, maxBytes: number, first?: FirstPart): Uint8Array | undefined {
    let file: number;
    try {
      file = openSync(this.#inside(path), OPEN_FLAGS);
    } catch {
      return undefined;
    }
    try {
      const isInOneRead = path.startsWith("sys/");
      const start = this.#readFrom(file, 0, first?.bytes ?? maxBytes, isInOneRead);
      if (first === undefined || start.length < first.bytes || first.isEnough(start)) return start.slice();
      return this.#readFrom(file, first.bytes, maxBytes, isInOneRead).slice();
    } catch {
      return undefined;
    } finally {
      closeSync(file);
    }
  }

  /** All of a file up to `maxBytes`, of which the buffer has the first `from`; a view of the buffer. */
  #readFrom(file: number, from: number, maxBytes: number, isInOneRead: boolean): Uint8Array {
    let length = from;
    while (length < maxBytes) {
      if (length === this.#buffer.length) this.#grow(maxBytes);
      const room = Math.min(this.#buffer.length, maxBytes) - length;
      const count = readSync(file, this.#buffer, length, room, null);
      if (count === 0) break;
      length += count;
      if (isInOneRead && count < room && count < PAGE) break;
    }
    return this.#buffer.subarray(0, length);
  }

  /** The place of a file, with its folder resolved; throws where links lead out of a copied tree. */
  #inside(path: string): string {
    if (this.#root === "/") return `/${path}`;
    const slash = path.lastIndexOf(sep);
    return this.#realFolder(path.slice(0, Math.max(slash, 0))) + sep + path.slice(slash + 1);
  }

  #realFolder(folder: string): string {
    if (this.#root === "/") return `/${folder}`;
    const known = this.#folders.get(folder);
    if (known !== undefined) return known;
    if (!this.#folders.has(folder)) this.#folders.set(folder, this.#resolve(folder));
    const real = this.#folders.get(folder);
    if (real === undefined) throw new Error(`${folder} leads out of ${this.#root}`);
    return real;
  }

  #resolve(folder: string): string | undefined {
    // What is no link and lies in a folder whose place is known needs no look at all that is above.
    const slash = folder.lastIndexOf(sep);
    if (slash > 0 && !folder.endsWith("/.") && !folder.endsWith("/..")) {
      const inside = this.#realFolder(folder.slice(0, slash)) + folder.slice(slash);
      if (lstatSync(inside).isDirectory()) return inside;
    }
    const real = realpathSync.native(`${this.#root}/${folder}`);
    return real === this.#root || real.startsWith(this.#root + sep) ? real : undefined;
  }

  #grow(maxBytes: number): void {
    const larger = new Uint8Array(Math.min(this.#buffer.length * 4, Math.max(maxBytes, this.#buffer.length)));
    larger.set(this.#buffer);
    this.#buffer = larger;
  }

  list(path: string): readonly string[] | undefined {
    try {
      return readdirSync(this.#realFolder(path));
    } catch {
      return undefined;
    }
  }

  readLink(path: string): string | undefined {
    try {
      return readlinkSync(this.#inside(path));
    } catch {
      return undefined;
    }
  }
}

/** The root without links on the way to it; a root that is not there is found missing when it is read. */
function realRoot(root: string): string {
  try {
    return realpathSync.native(root);
  } catch {
    return root;
  }
}
