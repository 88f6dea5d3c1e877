import type { FileTree } from "../../../../src/host/file-tree.ts";
import { StoredBytes } from "./stored-bytes.ts";
import { type Ino, type Inode, ROOT, StoredNames, WorldState } from "./world-state.ts";

/** Where a device's bytes lie. */
export interface Device {
  readonly name: string;
  /** `major:minor`. */
  readonly number: string;
  /** Of the bytes that it shows, and where they start in them. */
  readonly bytesId: string;
  readonly start: number;
  readonly sizeBytes: number;
  readonly blockBytes: number;
  /** The disk that it is or lies on. */
  readonly disk: string;
  readonly isMounted: boolean;
  /** The device that a loop is attached to; `null` for a file, and for what is no loop. */
  readonly on: string | null;
}

/** What does not change while programs run: devices and mounts, and where the first state comes from. */
export interface Machine {
  readonly devices: ReadonlyMap<string, Device>;
  readonly tree: FileTree;
  readonly first: WorldState;
  /** A file on a file system on a loop: whoever writes to it changes the bytes below. */
  readonly below: ReadonlyMap<string, string>;
}

/** `major:minor` of the file system that all files lie on but those of other mounts. */
const ROOT_FILE_SYSTEM = "253:1";
const ROOT_SECTORS = 1 << 20;

interface Ownership {
  readonly uid?: number;
  readonly mode?: number;
}

/** Builds a machine, thing by thing. All that is made here belongs to root unless said otherwise. */
export class MachineBuilder {
  readonly #devices = new Map<string, Device>();
  readonly #sysfs: Record<string, string> = {};
  readonly #mounts = [`31 1 ${ROOT_FILE_SYSTEM} / / rw - ext4 /dev/vda1 rw`];
  readonly #below = new Map<string, string>();
  #state = new WorldState(
    new Map([[ROOT, { kind: "folder", names: new StoredNames(new Map()), ...owner(0, 0o755, ROOT_FILE_SYSTEM) }]]),
    new Map(),
  );
  #minor = 0;

  constructor() {
    this.folder("/dev").folder("/data").folder("/state", { mode: 0o700 });
    this.#describe("devices/virtual/block/vda/vda1", ROOT_FILE_SYSTEM, ROOT_SECTORS, {
      partition: "1",
      start: "2048",
    });
    this.#describe("devices/virtual/block/vda", "253:0", ROOT_SECTORS + 2048, {});
  }

  folder(path: string, { uid = 0, mode = 0o755 }: Ownership = {}): this {
    return this.#add(path, {
      kind: "folder",
      names: new StoredNames(new Map()),
      ...owner(uid, mode, this.#under(path)),
    });
  }

  file(path: string, bytes: Buffer, { uid = 0, mode = 0o644 }: Ownership = {}): this {
    const ino = this.#state.freeIno;
    this.#add(path, { kind: "file", ...owner(uid, mode, this.#under(path)) });
    this.#state = this.#state.withBytes(`file:${ino}`, new StoredBytes(bytes));
    return this;
  }

  symlink(path: string, to: string): this {
    return this.#add(path, { kind: "link", to, ...owner(0, 0o777, this.#under(path)) });
  }

  hardLink(path: string, existing: string): this {
    this.#state = this.#state.withNames(this.#folderOf(path), [[nameIn(path), this.#find(existing)]]);
    return this;
  }

  disk(name: string, bytes: Buffer): this {
    this.#state = this.#state.withBytes(`disk:${name}`, new StoredBytes(bytes));
    this.#describe(`devices/virtual/block/${name}`, `259:${this.#minor}`, bytes.length / 512, {});
    return this.#device({
      ...{ name, bytesId: `disk:${name}`, start: 0, sizeBytes: bytes.length, disk: name },
      ...{ number: `259:${this.#minor++}`, isMounted: false, on: null },
    });
  }

  partition(name: string, disk: string, start: number, sizeBytes: number): this {
    const more = { partition: name.slice(-1), start: `${start / 512}` };
    this.#describe(`devices/virtual/block/${disk}/${name}`, `259:${this.#minor}`, sizeBytes / 512, more);
    return this.#device({
      ...{ name, bytesId: `disk:${disk}`, start, sizeBytes, disk },
      ...{ number: `259:${this.#minor++}`, isMounted: false, on: null },
    });
  }

  /** A loop on a file or on the node of another device. */
  loop(name: string, path: string, offset = 0): this {
    const inode = this.#state.inode(this.#find(path));
    const below = inode.kind === "device" ? this.#devices.get(inode.device) : undefined;
    const bytesId = below?.bytesId ?? `file:${this.#find(path)}`;
    const sizeBytes = (below?.sizeBytes ?? this.#state.stored(bytesId).seen.length) - offset;
    const minor = name.replace("loop", "");
    this.#describe(`devices/virtual/block/${name}`, `7:${minor}`, sizeBytes / 512, {
      "loop/backing_file": path,
      "loop/offset": `${offset}`,
      "loop/sizelimit": "0",
      "loop/autoclear": "0",
    });
    const start = (below?.start ?? 0) + offset;
    const on = below?.name ?? null;
    return this.#device({ name, bytesId, start, sizeBytes, disk: name, number: `7:${minor}`, isMounted: false, on });
  }

  /** Mounts a device at an empty folder that it makes. */
  mount(name: string, point: string): this {
    const device = this.#devices.get(name);
    if (device === undefined) throw new Error(`no ${name}`);
    this.#devices.set(name, { ...device, isMounted: true });
    this.#mounts.push(`${31 + this.#mounts.length} 31 ${device.number} / ${point} rw - ext4 /dev/${name} rw`);
    return this.#add(point, {
      kind: "folder",
      names: new StoredNames(new Map()),
      ...owner(0, 0o755, device.number),
    });
  }

  build(): Machine {
    return {
      devices: this.#devices,
      tree: indexed({
        ...this.#sysfs,
        "proc/self/mountinfo": `${this.#mounts.join("\n")}\n`,
        "proc/1/mountinfo": `${this.#mounts.join("\n")}\n`,
        "proc/swaps": "Filename Type Size Used Priority\n",
      }),
      first: this.#state.synced(),
      below: this.#below,
    };
  }

  #device(device: Omit<Device, "blockBytes">): this {
    this.#devices.set(device.name, { ...device, blockBytes: 512 });
    return this.#add(`/dev/${device.name}`, {
      kind: "device",
      device: device.name,
      ...owner(0, 0o660, ROOT_FILE_SYSTEM),
    });
  }

  #describe(folder: string, number: string, sectors: number, more: Readonly<Record<string, string>>): void {
    const name = nameIn(folder);
    this.#sysfs[`sys/class/block/${name}`] = `→ ../../${folder}`;
    this.#sysfs[`sys/dev/block/${number}`] = `→ ../../${folder}`;
    for (const [file, text] of Object.entries({ dev: number, size: `${sectors}`, ro: "0", ...more }))
      this.#sysfs[`sys/${folder}/${file}`] = text;
    // What is read through the link of the class.
    for (const [file, text] of Object.entries(more)) this.#sysfs[`sys/class/block/${name}/${file}`] = text;
  }

  #add(path: string, inode: Inode): this {
    const folder = this.#folderOf(path);
    const ino = this.#state.freeIno;
    this.#state = this.#state.withNew(folder, nameIn(path), inode);
    const device = [...this.#devices.values()].find(({ number }) => number === inode.fileSystem);
    if (inode.kind === "file" && device !== undefined) this.#below.set(`file:${ino}`, device.bytesId);
    return this;
  }

  #folderOf(path: string): Ino {
    return this.#find(path.slice(0, path.lastIndexOf("/")));
  }

  #find(path: string): Ino {
    let ino = ROOT;
    for (const name of path.split("/").filter((part) => part !== "")) {
      const inode = this.#state.inode(ino);
      const next = inode.kind === "folder" ? inode.names.seen.get(name) : undefined;
      if (next === undefined) throw new Error(`no ${path}`);
      ino = next;
    }
    return ino;
  }

  #under(path: string): string {
    return this.#state.inode(this.#folderOf(path)).fileSystem;
  }
}

/** A tree as that of `treeOf`, made for many reads. */
function indexed(files: Readonly<Record<string, string>>): FileTree {
  const encoder = new TextEncoder();
  const contents = new Map<string, Uint8Array>();
  const links = new Map<string, string>();
  const folders = new Map<string, Set<string>>();
  for (const [path, text] of Object.entries(files)) {
    if (text.startsWith("→ ")) links.set(path, text.slice(2));
    else contents.set(path, encoder.encode(text));
    const parts = path.split("/");
    for (const [index, name] of parts.entries()) {
      const folder = parts.slice(0, index).join("/");
      folders.set(folder, (folders.get(folder) ?? new Set()).add(name));
    }
  }
  return {
    name: "the tree of a world",
    read: (path, maxBytes) => contents.get(path)?.subarray(0, maxBytes),
    list: (path) => {
      const names = folders.get(path);
      return names === undefined ? undefined : [...names];
    },
    readLink: (path) => links.get(path),
  };
}

function nameIn(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

function owner(uid: number, mode: number, fileSystem: string) {
  return { uid, mode, fileSystem, isOurs: false, modifiedMs: 1_000 } as const;
}
