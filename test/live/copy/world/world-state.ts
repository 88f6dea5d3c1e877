import { StoredBytes } from "./stored-bytes.ts";

/** Number of an inode. */
export type Ino = number;

/** What a name leads to. */
export type Inode = Owner &
  (
    | { readonly kind: "file" }
    | { readonly kind: "folder"; readonly names: StoredNames }
    | { readonly kind: "link"; readonly to: string }
    | { readonly kind: "device"; readonly device: string }
  );

interface Owner {
  readonly uid: number;
  /** Permission bits. */
  readonly mode: number;
  /** `major:minor` of the file system. */
  readonly fileSystem: string;
  /** Whether it was there before the first run. */
  readonly isOurs: boolean;
  /** Milliseconds; only that it changes counts. */
  readonly modifiedMs: number;
}

/** Names that are set or removed (`null`) together. */
export type NameChange = readonly (readonly [name: string, to: Ino | null])[];

/** The names in a folder: those on the medium, and changes above them that a loss of power may take. Immutable. */
export class StoredNames {
  readonly medium: ReadonlyMap<string, Ino>;
  readonly unsynced: readonly NameChange[];
  readonly seen: ReadonlyMap<string, Ino>;

  constructor(medium: ReadonlyMap<string, Ino>, unsynced: readonly NameChange[] = []) {
    this.medium = medium;
    this.unsynced = unsynced;
    this.seen = renamed(medium, unsynced);
  }

  with(change: NameChange): StoredNames {
    return new StoredNames(this.medium, [...this.unsynced, change]);
  }

  get atRisk(): number {
    return this.unsynced.length;
  }

  synced(): StoredNames {
    return this.unsynced.length === 0 ? this : new StoredNames(this.seen);
  }

  afterPowerLoss(survives: (index: number) => boolean): StoredNames {
    return new StoredNames(
      renamed(
        this.medium,
        this.unsynced.filter((_, index) => survives(index)),
      ),
    );
  }
}

function renamed(names: ReadonlyMap<string, Ino>, changes: readonly NameChange[]): ReadonlyMap<string, Ino> {
  if (changes.length === 0) return names;
  const next = new Map(names);
  for (const [name, to] of changes.flat()) {
    if (to === null) next.delete(name);
    else next.set(name, to);
  }
  return next;
}

/** Number of the root folder. */
export const ROOT: Ino = 2;
const FIRST_INO: Ino = 11;

/** All that outlives a process: names, inodes, bytes. A snapshot is the object itself; changes make another. */
export class WorldState {
  readonly inodes: ReadonlyMap<Ino, Inode>;
  /** Of files by `file:INO`, of disks by `disk:NAME`. */
  readonly bytes: ReadonlyMap<string, StoredBytes>;

  constructor(inodes: ReadonlyMap<Ino, Inode>, bytes: ReadonlyMap<string, StoredBytes>) {
    this.inodes = inodes;
    this.bytes = bytes;
  }

  inode(ino: Ino): Inode {
    const inode = this.inodes.get(ino);
    if (inode === undefined) throw new Error(`no inode ${ino}`);
    return inode;
  }

  /** How many names an inode has. */
  linksOf(ino: Ino): number {
    return linksIn(this.inodes).get(ino) ?? 0;
  }

  stored(id: string): StoredBytes {
    const bytes = this.bytes.get(id);
    if (bytes === undefined) throw new Error(`no bytes ${id}`);
    return bytes;
  }

  withInode(ino: Ino, inode: Inode): WorldState {
    return new WorldState(new Map(this.inodes).set(ino, inode), this.bytes);
  }

  withBytes(id: string, bytes: StoredBytes): WorldState {
    return new WorldState(this.inodes, new Map(this.bytes).set(id, bytes));
  }

  /** Adds an inode under a name of a folder; a file gets bytes of its own. Numbers that are free are used again. */
  withNew(folder: Ino, name: string, inode: Inode): WorldState {
    const ino = this.freeIno;
    const added = this.withInode(ino, inode).withNames(folder, [[name, ino]]);
    return inode.kind === "file" ? added.withBytes(`file:${ino}`, new StoredBytes(Buffer.alloc(0))) : added;
  }

  /** The number that the next inode gets. */
  get freeIno(): Ino {
    let ino = FIRST_INO;
    while (this.inodes.has(ino)) ino++;
    return ino;
  }

  withNames(folder: Ino, change: NameChange): WorldState {
    const inode = this.inode(folder);
    if (inode.kind !== "folder") throw new Error(`${folder} is no folder`);
    return this.withInode(folder, { ...inode, names: inode.names.with(change) });
  }

  /** Everything is on the medium. */
  synced(): WorldState {
    return this.#mapped(
      (bytes) => bytes.synced(),
      (names) => names.synced(),
    );
  }

  /** How many changes a loss of power may take or leave. */
  get atRisk(): number {
    let count = 0;
    for (const bytes of this.bytes.values()) count += bytes.atRisk;
    for (const inode of this.inodes.values()) if (inode.kind === "folder") count += inode.names.atRisk;
    return count;
  }

  /** After a loss of power that the changes at risk survive, whole or by half, as told for each of them. */
  afterPowerLoss(fates: readonly Fate[]): WorldState {
    let next = 0;
    const take = (count: number): number => {
      next += count;
      return next - count;
    };
    return this.#mapped(
      (bytes) => {
        const first = take(bytes.atRisk);
        return bytes.afterPowerLoss((index) => fates[first + index] ?? "not");
      },
      (names) => {
        const first = take(names.atRisk);
        return names.afterPowerLoss((index) => fates[first + index] === "whole");
      },
    ).afterKill();
  }

  /** Without inodes that no name leads to: nobody has them open any more. */
  afterKill(): WorldState {
    const named = new Set([ROOT]);
    for (const inode of this.inodes.values()) {
      if (inode.kind !== "folder") continue;
      // What the medium has, and what was there in between, may come back.
      for (const ino of [...inode.names.seen.values(), ...inode.names.medium.values()]) named.add(ino);
      for (const [, ino] of inode.names.unsynced.flat()) if (ino !== null) named.add(ino);
    }
    if (named.size === this.inodes.size) return this;
    return new WorldState(
      new Map([...this.inodes].filter(([ino]) => named.has(ino))),
      new Map([...this.bytes].filter(([id]) => !id.startsWith("file:") || named.has(Number(id.slice(5))))),
    );
  }

  #mapped(ofBytes: (bytes: StoredBytes) => StoredBytes, ofNames: (names: StoredNames) => StoredNames): WorldState {
    const bytes = new Map(this.bytes);
    for (const [id, stored] of bytes) if (stored.unsynced.length > 0) bytes.set(id, ofBytes(stored));
    const inodes = new Map(this.inodes);
    for (const [ino, inode] of inodes)
      if (inode.kind === "folder" && inode.names.atRisk > 0) inodes.set(ino, { ...inode, names: ofNames(inode.names) });
    return new WorldState(inodes, bytes);
  }
}

const knownLinks = new WeakMap<ReadonlyMap<Ino, Inode>, ReadonlyMap<Ino, number>>();

/** The number of names of each inode that has some; states with the same inodes are counted once. */
function linksIn(inodes: ReadonlyMap<Ino, Inode>): ReadonlyMap<Ino, number> {
  const known = knownLinks.get(inodes);
  if (known !== undefined) return known;
  const links = new Map<Ino, number>();
  for (const inode of inodes.values())
    if (inode.kind === "folder") for (const ino of inode.names.seen.values()) links.set(ino, (links.get(ino) ?? 0) + 1);
  knownLinks.set(inodes, links);
  return links;
}

/** What becomes of a change in a loss of power; half a change of names is none. */
export type Fate = "whole" | "start" | "end" | "not";
