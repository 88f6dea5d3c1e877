import type { FileTree } from "../file-tree.ts";

const encoder = new TextEncoder();

/** The files of sysfs that a dump stands for, in memory. */
export class DumpTree implements FileTree {
  readonly name: string;
  readonly #files = new Map<string, Uint8Array>();
  readonly #links = new Map<string, string>();
  readonly #folders = new Map<string, Set<string>>();

  constructor(name: string) {
    this.name = name;
    this.#folders.set("sys/bus/pci/devices", new Set());
  }

  addFile(path: string, content: Uint8Array | string): void {
    this.#files.set(path, typeof content === "string" ? encoder.encode(content) : content);
    this.#listInParents(path);
  }

  addLink(path: string, target: string): void {
    this.#links.set(path, target);
    this.#listInParents(path);
  }

  #listInParents(path: string): void {
    let child = path;
    for (let slash = child.lastIndexOf("/"); slash > 0; slash = child.lastIndexOf("/")) {
      const parent = child.slice(0, slash);
      const names = this.#folders.get(parent) ?? new Set();
      this.#folders.set(parent, names);
      const name = child.slice(slash + 1);
      if (names.has(name)) return;
      names.add(name);
      child = parent;
    }
  }

  read(path: string, maxBytes: number): Uint8Array | undefined {
    return this.#files.get(path)?.subarray(0, maxBytes);
  }

  list(path: string): readonly string[] | undefined {
    const names = this.#folders.get(path);
    return names === undefined ? undefined : [...names];
  }

  readLink(path: string): string | undefined {
    return this.#links.get(path);
  }
}
