import { type Bdf, parseBdf } from "../pci/bdf.ts";
import { PeerlaneError } from "../pci/error.ts";
import { baseName, type FileTree, resolveLink } from "./file-tree.ts";

const MAX_FUNCTIONS = 1_000_000;
/** The folder of a host bridge: the domain and the number of its root bus. */
export const rootFolder: RegExp = /^pci([0-9a-f]{4,8}):([0-9a-f]{2})$/;

/** A function and the real path of its folder; without a path the source dereferenced its links. */
export interface FunctionPlace {
  readonly bdf: Bdf;
  readonly path: string;
  readonly isReal: boolean;
}

const BUS_FOLDER = "sys/bus/pci/devices";

/**
 * Finds the functions of a tree, each once: by the links of the bus, in the folders of host bridges and of the functions
 * found, and by the paths that lead through them. A copy that lost some of these has the others.
 */
export class FunctionFinder {
  readonly #tree: FileTree;
  readonly #seen = new Set<Bdf>();
  readonly #roots = new Set<string>();
  readonly #places: FunctionPlace[] = [];
  /** Folders where the links of the bus should be: looked into last, as the real ones say more. */
  readonly #copied: FunctionPlace[] = [];

  constructor(tree: FileTree) {
    this.#tree = tree;
    const isListed = this.#addFromBus(tree.list(BUS_FOLDER) ?? []);
    if (!isListed) this.#addFromDevices();
    const roots = (tree.list("sys/devices") ?? []).filter((name) => rootFolder.test(name));
    for (const root of roots) this.#addRoot(`sys/devices/${root}`);
  }

  /** The next function that was found and not given yet. */
  next(): FunctionPlace | undefined {
    const place = this.#places.pop();
    if (place !== undefined) return place;
    for (let copied = this.#copied.pop(); copied !== undefined; copied = this.#copied.pop()) {
      if (this.#isNew(copied.bdf)) return copied;
    }
    return undefined;
  }

  /** Adds what `entries`, the names in a function's folder, show to be below it. */
  lookIn({ path, isReal }: FunctionPlace, entries: readonly string[]): void {
    for (const name of entries) {
      if (!name.includes(":")) continue;
      const bdf = parseBdf(name);
      if (bdf === undefined || this.#seen.has(bdf)) {
        if (rootFolder.test(name)) this.#addRoot(`${path}/${name}`);
      } else if (this.#tree.readLink(`${path}/${name}`) === undefined) {
        if (isReal) this.#add(`${path}/${name}`, bdf);
        else this.#copied.push({ bdf, path: `${path}/${name}`, isReal });
      }
    }
  }

  #isNew(bdf: Bdf): boolean {
    if (this.#seen.has(bdf)) return false;
    if (this.#seen.size === MAX_FUNCTIONS)
      throw new PeerlaneError("too-large", `more than ${MAX_FUNCTIONS} functions in ${this.#tree.name}`);
    this.#seen.add(bdf);
    return true;
  }

  #add(path: string, bdf: Bdf): void {
    if (this.#isNew(bdf)) this.#places.push({ bdf, path, isReal: true });
  }

  /** Whether the folder of the bus names a function. */
  #addFromBus(names: readonly string[]): boolean {
    let isListed = false;
    for (const name of names) {
      const bdf = parseBdf(name);
      if (bdf === undefined) continue;
      isListed = true;
      const link = this.#tree.readLink(`${BUS_FOLDER}/${name}`);
      if (link === undefined) {
        this.#copied.push({ bdf, path: `${BUS_FOLDER}/${name}`, isReal: false });
        continue;
      }
      const path = resolveLink(`${BUS_FOLDER}/${name}`, link);
      // A link that leaves sysfs is none of the kernel's.
      if (!path.startsWith("sys/devices/")) continue;
      this.#add(path, bdf);
      this.#addAbove(path);
    }
    return isListed;
  }

  /** The functions and the host bridge that a path leads through. */
  #addAbove(path: string): void {
    for (let end = path.lastIndexOf("/"); end > 0; end = path.lastIndexOf("/", end - 1)) {
      const above = path.slice(0, end);
      const name = baseName(above);
      if (rootFolder.test(name)) {
        if (this.#roots.has(above)) return;
        this.#addRoot(above);
      } else {
        const bdf = parseBdf(name);
        if (bdf !== undefined) this.#add(above, bdf);
      }
    }
  }

  #addRoot(path: string): void {
    if (this.#roots.has(path)) return;
    this.#roots.add(path);
    for (const name of this.#tree.list(path) ?? []) {
      const bdf = parseBdf(name);
      if (bdf !== undefined && !this.#seen.has(bdf) && this.#tree.readLink(`${path}/${name}`) === undefined)
        this.#add(`${path}/${name}`, bdf);
    }
  }

  /** Finds the host bridges below `sys/devices` where a copy left out `sys/bus`. */
  #addFromDevices(): void {
    const { name: treeName } = this.#tree;
    if (this.#tree.list("sys/devices") === undefined) {
      if (this.#tree.list(BUS_FOLDER) !== undefined) return;
      throw new PeerlaneError("not-found", `${treeName} has no ${BUS_FOLDER}`, {
        remedy: "name a folder that holds sys/ and proc/, as a copy of the root of a machine does",
      });
    }
    const pending: { path: string; depth: number }[] = [{ path: "sys/devices", depth: 0 }];
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      for (const name of this.#tree.list(next.path) ?? []) {
        const path = `${next.path}/${name}`;
        if (rootFolder.test(name)) this.#addRoot(path);
        // Folders nest as deep as platforms do; the bound only stops a hostile tree.
        else if (
          (name === "platform" || next.path.startsWith("sys/devices/platform")) &&
          next.depth < 300 &&
          this.#tree.readLink(path) === undefined
        )
          pending.push({ path, depth: next.depth + 1 });
      }
    }
  }
}
