import { type FileTree, resolveLink } from "../../../src/host/file-tree.ts";

/** What a path of a tree is: a file's bytes, a link's target, or a folder. */
export type Entry = Uint8Array | { readonly link: string } | "folder";

const encoder = new TextEncoder();

/** The files of a machine in memory, by path: what damages are done to. */
export class Files implements FileTree {
  readonly name: string;
  readonly #entries = new Map<string, Entry>();
  readonly #names = new Map<string, Set<string>>();

  constructor(name: string) {
    this.name = name;
  }

  /** All of a tree below these folders. */
  static copyOf(tree: FileTree, folders: readonly string[]): Files {
    const files = new Files(tree.name);
    const take = (path: string): void => {
      const link = tree.readLink(path);
      if (link !== undefined) {
        files.link(path, link);
        return;
      }
      const names = tree.list(path);
      if (names === undefined) {
        const bytes = tree.read(path, 2 ** 21);
        if (bytes !== undefined) files.file(path, bytes);
        return;
      }
      files.folder(path);
      for (const name of names) take(`${path}/${name}`);
    };
    for (const folder of folders) take(folder);
    return files;
  }

  file(path: string, content: Uint8Array | string): void {
    this.#add(path, typeof content === "string" ? encoder.encode(content) : content);
  }

  link(path: string, target: string): void {
    this.#add(path, { link: target });
  }

  folder(path: string): void {
    this.#add(path, "folder");
  }

  #add(path: string, entry: Entry): void {
    this.#entries.set(path, entry);
    if (entry === "folder" && !this.#names.has(path)) this.#names.set(path, new Set());
    for (let child = path, slash = child.lastIndexOf("/"); slash > 0; slash = child.lastIndexOf("/")) {
      const parent = child.slice(0, slash);
      const names = this.#names.get(parent) ?? new Set();
      this.#names.set(parent, names);
      const name = child.slice(slash + 1);
      if (names.has(name)) return;
      names.add(name);
      child = parent;
    }
  }

  read(path: string, maxBytes: number): Uint8Array | undefined {
    const entry = this.#entries.get(path);
    return entry instanceof Uint8Array ? entry.subarray(0, maxBytes) : undefined;
  }

  list(path: string): readonly string[] | undefined {
    const names = this.#names.get(path);
    return names === undefined ? undefined : [...names];
  }

  readLink(path: string): string | undefined {
    const entry = this.#entries.get(path);
    return entry === undefined || entry === "folder" || entry instanceof Uint8Array ? undefined : entry.link;
  }
}

/** A tree of which parts are missing or other than they were. The whole one stays as it is. */
export class DamagedFiles implements FileTree {
  readonly whole: Files;
  readonly #gone: string[] = [];
  readonly #changed = new Map<string, Uint8Array>();
  /** Links that became the folders that they led to. */
  readonly #followed = new Map<string, string>();

  constructor(whole: Files) {
    this.whole = whole;
  }

  get name(): string {
    return this.whole.name;
  }

  /** Takes out a file, a link, or a folder with all in it. */
  remove(path: string): void {
    this.#gone.push(path);
  }

  /** Puts other bytes in the place of a file or link. */
  replace(path: string, bytes: Uint8Array): void {
    this.#changed.set(path, bytes);
  }

  /** Puts the folder that a link leads to in its place, as copies do that follow links. */
  follow(path: string): void {
    const target = this.readLink(path);
    if (target !== undefined) this.#followed.set(path, resolveLink(path, target));
  }

  #isGone(path: string): boolean {
    return this.#gone.some(
      (gone) => path.startsWith(gone) && (path.length === gone.length || path[gone.length] === "/"),
    );
  }

  /** Where the content of a path lies in the whole tree; `undefined` where it is gone. */
  #source(path: string): string | undefined {
    if (this.#isGone(path)) return undefined;
    if (this.#followed.size === 0) return path;
    for (let end = path.length; end > 0; end = path.lastIndexOf("/", end - 1)) {
      const target = this.#followed.get(path.slice(0, end));
      // What was copied is another file than the one that it was copied from: damage of that is not its own.
      if (target !== undefined) return target + path.slice(end);
    }
    return path;
  }

  read(path: string, maxBytes: number = 2 ** 21): Uint8Array | undefined {
    const source = this.#source(path);
    if (source === undefined) return undefined;
    const changed = this.#changed.get(path) ?? this.#changed.get(source);
    return changed === undefined ? this.whole.read(source, maxBytes) : changed.subarray(0, maxBytes);
  }

  list(path: string): readonly string[] | undefined {
    const source = this.#source(path);
    if (source === undefined || this.#changed.has(path)) return undefined;
    const names = this.whole.list(source);
    return this.#gone.length === 0 ? names : names?.filter((name) => !this.#isGone(`${path}/${name}`));
  }

  readLink(path: string): string | undefined {
    const source = this.#source(path);
    if (source === undefined || this.#changed.has(path) || this.#followed.has(path)) return undefined;
    return this.whole.readLink(source);
  }
}
