import { constants, type Descriptor, type FileStats, type SystemCalls } from "../../../../src/live/system-calls.ts";
import type { Machine } from "./machine.ts";
import { failed, realPath, requireAccess, type View, walk } from "./paths.ts";
import { type Ino, type Inode, StoredNames, type WorldState } from "./world-state.ts";

/** A call that a program makes, before it is carried out. */
export interface Call {
  readonly name: keyof SystemCalls;
  /** What it is about: a path, or what a descriptor was opened as. */
  readonly about: string;
}

/** What goes wrong with a call. */
export type CallFault = { readonly kind: "error"; readonly errno: string } | { readonly kind: "short" };

/** Looks at each call before it is carried out, and says what shall go wrong with it. */
export type Watcher = (call: Call, before: WorldState) => CallFault | null;

interface OpenFile {
  readonly path: string;
  readonly ino: Ino;
  readonly flags: number;
  position: number;
}

interface Extent {
  readonly bytesId: string;
  readonly start: number;
  /** `null`: a file, which grows. */
  readonly sizeBytes: number | null;
}

/** Of what is written now; things of before are older. */
const NOW_MS = 2_000;
const DIRECT_BLOCK = 512;

/**
 * The system calls of one process in a world: names, permissions, locks, claims, direct I/O and its alignment, as Linux
 * has them. Calls that wait end one by one, in the order that `order` says.
 */
export class WorldSystem implements SystemCalls {
  readonly #machine: Machine;
  readonly #watch: Watcher;
  readonly #uid: number;
  readonly #order: "first" | "last";
  readonly #open = new Map<Descriptor, OpenFile>();
  readonly #locks = new Map<Ino, Descriptor>();
  readonly #waiting: (() => void)[] = [];
  #nextDescriptor = 3;
  #clockMs = 0;
  state: WorldState;

  constructor(
    machine: Machine,
    state: WorldState,
    watch: Watcher,
    { uid = 0, order = "first" }: { readonly uid?: number; readonly order?: "first" | "last" } = {},
  ) {
    this.#machine = machine;
    this.state = state;
    this.#watch = watch;
    this.#uid = uid;
    this.#order = order;
  }

  /** Descriptors that are still open. */
  get openFiles(): readonly string[] {
    return [...this.#open.values()].map(({ path }) => path);
  }

  /** What a descriptor was opened as. */
  pathOf(file: Descriptor): string {
    return this.#file(file).path;
  }

  open = (path: string, flags: number, mode = 0o666): Descriptor => {
    this.#refuse({ name: "open", about: path });
    const has = (flag: number): boolean => (flags & flag) === flag;
    const access = flags & 3;
    const isWriting = access !== constants.O_RDONLY;
    const {
      folder,
      name,
      ino: found,
    } = walk(this.#view, path, !has(constants.O_NOFOLLOW) && !has(constants.O_CREAT | constants.O_EXCL));
    if (found !== null && has(constants.O_CREAT | constants.O_EXCL)) throw failed("EEXIST", "open", path);
    if (found === null && !has(constants.O_CREAT)) throw failed("ENOENT", "open", path);
    const ino = found ?? this.#create(folder, name, { kind: "file", ...this.#newOwner(folder, mode) });
    const inode = this.state.inode(ino);
    if (inode.kind === "link") throw failed(has(constants.O_DIRECTORY) ? "ENOTDIR" : "ELOOP", "open", path);
    if (has(constants.O_DIRECTORY) && inode.kind !== "folder") throw failed("ENOTDIR", "open", path);
    if (inode.kind === "folder" && isWriting) throw failed("EISDIR", "open", path);
    if (found !== null)
      requireAccess(this.#uid, inode, (access === constants.O_WRONLY ? 0 : 4) | (isWriting ? 2 : 0), path);
    if (inode.kind === "device" && has(constants.O_EXCL) && !has(constants.O_CREAT)) this.#claim(inode.device, path);
    const descriptor = this.#nextDescriptor++;
    this.#open.set(descriptor, { path, ino, flags, position: 0 });
    if (has(constants.O_TRUNC) && found !== null && inode.kind === "file" && isWriting) this.#resize(ino, 0);
    return descriptor;
  };

  close = (file: Descriptor): void => {
    const { path, ino } = this.#file(file);
    this.#open.delete(file);
    if (this.#locks.get(ino) === file) this.#locks.delete(ino);
    this.#refuse({ name: "close", about: path });
  };

  pread = async (
    file: Descriptor,
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
  ): Promise<number> => {
    const open = this.#file(file);
    const fault = this.#ask({ name: "pread", about: open.path });
    this.#requireAccess(open, constants.O_WRONLY, "read");
    this.#requireAligned(open, [length, position], "read");
    const whole = this.#readAt(open.ino, buffer.subarray(offset, offset + length), position);
    await this.#turn();
    return fault?.kind === "short" ? Math.min(whole, shortOf(length)) : whole;
  };

  pwrite = async (
    file: Descriptor,
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
  ): Promise<number> => {
    const open = this.#file(file);
    const fault = this.#ask({ name: "pwrite", about: open.path });
    this.#requireAccess(open, constants.O_RDONLY, "write");
    this.#requireAligned(open, [length, position], "write");
    const most = fault?.kind === "short" ? shortOf(length) : length;
    const written = this.#writeAt(open, Buffer.from(buffer.subarray(offset, offset + most)), position);
    await this.#turn();
    return written;
  };

  fdatasync = async (file: Descriptor): Promise<void> => {
    this.#flush("fdatasync", this.#file(file));
    await this.#turn();
  };

  ftruncate = async (file: Descriptor, sizeBytes: number): Promise<void> => {
    const { path, ino } = this.#file(file);
    this.#refuse({ name: "ftruncate", about: path });
    if (this.state.inode(ino).kind !== "file") throw failed("EINVAL", "ftruncate", path);
    this.#resize(ino, sizeBytes);
    await this.#turn();
  };

  read = (file: Descriptor, buffer: Uint8Array): number => {
    const open = this.#file(file);
    const fault = this.#ask({ name: "read", about: open.path });
    const length = fault?.kind === "short" ? shortOf(buffer.length) : buffer.length;
    const count = this.#readAt(open.ino, buffer.subarray(0, length), open.position);
    open.position += count;
    return count;
  };

  write = (file: Descriptor, bytes: Uint8Array): number => {
    const open = this.#file(file);
    const fault = this.#ask({ name: "write", about: open.path });
    const length = fault?.kind === "short" ? shortOf(bytes.length) : bytes.length;
    const count = this.#writeAt(open, Buffer.from(bytes.subarray(0, length)), open.position);
    open.position += count;
    return count;
  };

  fsync = (file: Descriptor): void => this.#flush("fsync", this.#file(file));

  fstat = (file: Descriptor): FileStats => {
    const { path, ino } = this.#file(file);
    this.#refuse({ name: "fstat", about: path });
    return this.#statsOf(ino);
  };

  stat = (path: string): FileStats => {
    this.#refuse({ name: "stat", about: path });
    return this.#statsOf(this.#existing(path, true, "stat"));
  };

  lstat = (path: string): FileStats => {
    this.#refuse({ name: "lstat", about: path });
    return this.#statsOf(this.#existing(path, false, "lstat"));
  };

  realpath = (path: string): string => {
    this.#refuse({ name: "realpath", about: path });
    return realPath(this.#view, path);
  };

  readlink = (path: string): string => {
    this.#refuse({ name: "readlink", about: path });
    const inode = this.state.inode(this.#existing(path, false, "readlink"));
    if (inode.kind !== "link") throw failed("EINVAL", "readlink", path);
    return inode.to;
  };

  readdir = (path: string): readonly string[] => {
    this.#refuse({ name: "readdir", about: path });
    const inode = this.state.inode(this.#existing(path, true, "readdir"));
    if (inode.kind !== "folder") throw failed("ENOTDIR", "readdir", path);
    requireAccess(this.#uid, inode, 4, path);
    return [...inode.names.seen.keys()];
  };

  mkdir = (path: string, mode: number): void => {
    this.#refuse({ name: "mkdir", about: path });
    const parts = path.split("/").filter((part) => part !== "");
    for (let count = 1; count <= parts.length; count++) {
      const { folder, name, ino } = walk(this.#view, `/${parts.slice(0, count).join("/")}`, true);
      if (ino !== null && this.state.inode(ino).kind !== "folder") throw failed("EEXIST", "mkdir", path);
      if (ino !== null) continue;
      this.#create(folder, name, {
        kind: "folder",
        names: new StoredNames(new Map()),
        ...this.#newOwner(folder, mode),
      });
    }
  };

  rename = (from: string, to: string): void => {
    this.#refuse({ name: "rename", about: `${from} to ${to}` });
    const source = walk(this.#view, from, false);
    const target = walk(this.#view, to, false);
    if (source.ino === null) throw failed("ENOENT", "rename", from);
    requireAccess(this.#uid, this.state.inode(source.folder), 2, from);
    requireAccess(this.#uid, this.state.inode(target.folder), 2, to);
    if (source.ino === target.ino) return;
    if (source.folder === target.folder) {
      this.state = this.state.withNames(source.folder, [
        [source.name, null],
        [target.name, source.ino],
      ]);
      return;
    }
    // Across folders a loss of power may show both names, and never none.
    this.state = this.state
      .withNames(target.folder, [[target.name, source.ino]])
      .withNames(source.folder, [[source.name, null]]);
  };

  link = (from: string, to: string): void => {
    this.#refuse({ name: "link", about: `${from} to ${to}` });
    const ino = this.#existing(from, false, "link");
    const { folder, name, ino: there } = walk(this.#view, to, false);
    if (there !== null) throw failed("EEXIST", "link", to);
    requireAccess(this.#uid, this.state.inode(folder), 2, to);
    this.state = this.state.withNames(folder, [[name, ino]]);
  };

  unlink = (path: string): void => {
    this.#refuse({ name: "unlink", about: path });
    const { folder, name, ino } = walk(this.#view, path, false);
    if (ino === null) throw failed("ENOENT", "unlink", path);
    if (this.state.inode(ino).kind === "folder") throw failed("EISDIR", "unlink", path);
    requireAccess(this.#uid, this.state.inode(folder), 2, path);
    this.state = this.state.withNames(folder, [[name, null]]);
  };

  flock = async (file: Descriptor): Promise<void> => {
    const { path, ino } = this.#file(file);
    this.#refuse({ name: "flock", about: path });
    const holder = this.#locks.get(ino);
    if (holder !== undefined && holder !== file) throw failed("EWOULDBLOCK", "flock", path);
    this.#locks.set(ino, file);
  };

  geteuid = (): number => this.#uid;
  /** Always the same moment: two states that differ in it alone are one. */
  now = (): Date => new Date(NOW_MS);
  cpuSeconds = (): number => 0;
  monotonicMs = (): number => this.#clockMs;
  sleep = async (milliseconds: number): Promise<void> => {
    this.#clockMs += milliseconds;
  };

  get #view(): View {
    return { state: this.state, uid: this.#uid };
  }

  /** Where the bytes of an inode lie. */
  #extentOf(ino: Ino): Extent {
    const inode = this.state.inode(ino);
    if (inode.kind !== "device") return { bytesId: `file:${ino}`, start: 0, sizeBytes: null };
    const device = this.#machine.devices.get(inode.device);
    if (device === undefined) throw new Error(`no ${inode.device}`);
    return device;
  }

  #readAt(ino: Ino, into: Uint8Array, position: number): number {
    const { bytesId, start, sizeBytes } = this.#extentOf(ino);
    const { seen } = this.state.stored(bytesId);
    const end = sizeBytes === null ? seen.length : Math.min(seen.length, start + sizeBytes);
    const count = Math.max(0, Math.min(into.length, end - start - position));
    into.set(seen.subarray(start + position, start + position + count));
    return count;
  }

  #writeAt({ ino, path }: OpenFile, bytes: Buffer, position: number): number {
    const { bytesId, start, sizeBytes } = this.#extentOf(ino);
    const count = sizeBytes === null ? bytes.length : Math.max(0, Math.min(bytes.length, sizeBytes - position));
    if (count === 0 && bytes.length > 0) throw failed("ENOSPC", "write", path);
    const change = { kind: "write", position: start + position, bytes: bytes.subarray(0, count) } as const;
    this.state = this.state.withBytes(bytesId, this.state.stored(bytesId).with(change));
    this.#touched(ino);
    return count;
  }

  #resize(ino: Ino, sizeBytes: number): void {
    const id = `file:${ino}`;
    this.state = this.state.withBytes(id, this.state.stored(id).with({ kind: "size", sizeBytes }));
    this.#touched(ino);
  }

  #touched(ino: Ino): void {
    const inode = this.state.inode(ino);
    if (inode.kind === "file" && inode.modifiedMs !== NOW_MS)
      this.state = this.state.withInode(ino, { ...inode, modifiedMs: NOW_MS });
    const below = this.#machine.below.get(`file:${ino}`);
    if (below === undefined) return;
    // The file system puts the file's bytes somewhere: here at the start.
    const stored = this.state.stored(below);
    const bytes = Buffer.from([(stored.seen[0] ?? 0) ^ 0xff]);
    this.state = this.state.withBytes(below, stored.with({ kind: "write", position: 0, bytes }));
  }

  #flush(name: "fdatasync" | "fsync", { path, ino }: OpenFile): void {
    const inode = this.state.inode(ino);
    const fault = this.#watch({ name, about: path }, this.state);
    if (inode.kind === "folder") {
      if (fault?.kind === "error") throw failed(fault.errno, name, path);
      this.state = this.state.withInode(ino, { ...inode, names: inode.names.synced() });
      return;
    }
    const { bytesId } = this.#extentOf(ino);
    const stored = this.state.stored(bytesId);
    this.state = this.state.withBytes(bytesId, fault === null ? stored.synced() : stored.givenUp());
    if (fault?.kind === "error") throw failed(fault.errno, name, path);
  }

  #claim(name: string, path: string): void {
    const claimed = this.#machine.devices.get(name);
    const isBusy = [...this.#machine.devices.values()].some(
      (other) =>
        other.isMounted && other.disk === claimed?.disk && (other.name === name || claimed.name === claimed.disk),
    );
    if (isBusy) throw failed("EBUSY", "open", path);
  }

  #create(folder: Ino, name: string, inode: Inode): Ino {
    requireAccess(this.#uid, this.state.inode(folder), 2, name);
    const ino = this.state.freeIno;
    this.state = this.state.withNew(folder, name, inode);
    return ino;
  }

  #newOwner(folder: Ino, mode: number) {
    const { fileSystem } = this.state.inode(folder);
    return { uid: this.#uid, mode: mode & ~0o022, fileSystem, isOurs: true, modifiedMs: NOW_MS } as const;
  }

  #existing(path: string, follows: boolean, call: string): Ino {
    const { ino } = walk(this.#view, path, follows);
    if (ino === null) throw failed("ENOENT", call, path);
    return ino;
  }

  #statsOf(ino: Ino): FileStats {
    const inode = this.state.inode(ino);
    const device = inode.kind === "device" ? this.#machine.devices.get(inode.device) : undefined;
    const rdev = device === undefined ? 0 : encoded(device.number);
    const size = inode.kind === "file" ? this.state.stored(`file:${ino}`).seen.length : 0;
    return new WorldStats(ino, inode, { nlink: this.state.linksOf(ino), rdev, size });
  }

  #requireAccess({ flags, path }: OpenFile, forbidden: number, call: string): void {
    if ((flags & 3) === forbidden) throw failed("EBADF", call, path);
  }

  #requireAligned({ flags, path }: OpenFile, values: readonly number[], call: string): void {
    if ((flags & constants.O_DIRECT) !== 0 && values.some((value) => value % DIRECT_BLOCK !== 0))
      throw failed("EINVAL", call, path);
  }

  #file(file: Descriptor): OpenFile {
    const open = this.#open.get(file);
    if (open === undefined) throw failed("EBADF", "file", `${file}`);
    return open;
  }

  /** The fault of a call, where that is no error. */
  #ask(call: Call): CallFault | null {
    const fault = this.#watch(call, this.state);
    if (fault?.kind === "error") throw failed(fault.errno, call.name, call.about);
    return fault;
  }

  #refuse(call: Call): void {
    this.#ask(call);
  }

  /** Waits until it is this call's turn to end. */
  #turn(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      setImmediate(() => (this.#order === "first" ? this.#waiting.shift() : this.#waiting.pop())?.());
    });
  }
}

/** What a world says of an inode. */
class WorldStats implements FileStats {
  readonly ino: Ino;
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
  readonly nlink: number;
  readonly dev: number;
  readonly rdev: number;
  readonly size: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
  readonly birthtimeMs = 0;
  readonly #kind: Inode["kind"];

  constructor(
    ino: Ino,
    { uid, mode, fileSystem, modifiedMs, kind }: Inode,
    { nlink, rdev, size }: { readonly nlink: number; readonly rdev: number; readonly size: number },
  ) {
    this.ino = ino;
    this.uid = uid;
    this.gid = uid;
    this.mode = mode;
    this.nlink = nlink;
    this.dev = encoded(fileSystem);
    this.rdev = rdev;
    this.size = size;
    this.mtimeMs = modifiedMs;
    this.ctimeMs = modifiedMs;
    this.#kind = kind;
  }

  isFile(): boolean {
    return this.#kind === "file";
  }

  isDirectory(): boolean {
    return this.#kind === "folder";
  }

  isBlockDevice(): boolean {
    return this.#kind === "device";
  }

  isSymbolicLink(): boolean {
    return this.#kind === "link";
  }
}

/** Half of it, in whole blocks where there are some. */
function shortOf(length: number): number {
  return length >= 2 * DIRECT_BLOCK ? Math.floor(length / 2 / DIRECT_BLOCK) * DIRECT_BLOCK : Math.floor(length / 2);
}

function encoded(number: string): number {
  const colon = number.indexOf(":");
  return Number(number.slice(0, colon)) * 256 + Number(number.slice(colon + 1));
}
