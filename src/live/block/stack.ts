import { join, relative } from "node:path";
import { type FileTree, readText } from "../../host/file-tree.ts";
import type { ByteRange } from "../../pci/addresses.ts";
import { PeerlaneError } from "../../pci/error.ts";
import { errnoOf, type FileStats, realSystem, type SystemCalls } from "../system-calls.ts";
import { type BlockDevice, listBlockDevices, sysfsFolder } from "./block-device.ts";
import { type DataFile, deviceNumber, type RegularFile } from "./data-file.ts";
import { fitsLoop, type Loop, readLoops } from "./loops.ts";
import { type Mount, mountOf, readMounts } from "./mounts.ts";

/** What stores bytes: a whole disk, or a file. */
export interface Store {
  /** The same for two names of one disk (two paths to it, by its identity) or of one file (hard links, bind mounts). */
  readonly key: string;
  /** What people call it. */
  readonly name: string;
  /** The kernel's name of a disk. */
  readonly disk?: BlockDevice;
  readonly file?: StoredFile;
}

type StoredFile = Pick<RegularFile, "path" | "fileSystem" | "sizeBytes">;

/** A range of a store. */
export interface Part {
  readonly store: Store;
  readonly range: ByteRange;
}

/** Where the bytes of a part lie on the next store below it. */
export interface Step extends Part {
  /** What gives out parts of that store and keeps them apart (a file system, a volume group, a pool); `null`: nothing. */
  readonly keeper: string | null;
  /** What people call the part: the partition, not its disk. */
  readonly name: string;
}

/** Larger than anything that is stored. */
export const WHOLE: ByteRange = { start: 0, sizeBytes: Number.MAX_SAFE_INTEGER };

/** How the keepers of files begin. */
export const FILE_SYSTEM = "file system ";

/** File systems whose files lie in memory and nowhere else. */
const IN_MEMORY = /^(tmpfs|ramfs|hugetlbfs|devtmpfs|rootfs)$/;

/** How the disks and files of a host stand on each other, read once. */
export class BlockStack {
  readonly devices: readonly BlockDevice[];
  readonly mounts: readonly Mount[];
  readonly loops: ReadonlyMap<string, Loop>;
  readonly #tree: FileTree;
  readonly #system: SystemCalls;
  readonly #byName: ReadonlyMap<string, BlockDevice>;
  readonly #byNumber: ReadonlyMap<string, BlockDevice>;
  readonly #steps = new Map<string, readonly Step[]>();
  readonly #lower: ReadonlyMap<string, readonly string[]>;

  constructor(tree: FileTree, system: SystemCalls = realSystem) {
    this.#tree = tree;
    this.#system = system;
    this.devices = listBlockDevices(tree);
    this.#byName = new Map(this.devices.map((device) => [device.name, device]));
    this.#byNumber = new Map(this.devices.map((device) => [device.number, device]));
    this.#lower = lowerNames(tree, this.devices);
    this.mounts = readMounts(tree);
    this.loops = readLoops(tree, this.devices);
  }

  /** A disk, a partition or a file, or a range of it, as part of what stores it. */
  partOf(file: DataFile, range: ByteRange = WHOLE): Part {
    if (file.kind === "file") return { store: storeOf(file), range };
    const sizeBytes = Math.max(0, Math.min(range.sizeBytes, file.sizeBytes - range.start));
    return {
      store: storeOfDisk(this.#byName.get(file.disk.name) ?? file),
      range: { start: file.disk.startBytes + range.start, sizeBytes },
    };
  }

  /** What lies at a path; `undefined` where neither a disk nor a file does. */
  partAt(path: string): Part | undefined {
    const device = this.deviceAt(path);
    if (device !== undefined) return this.partOf(device);
    const stats = this.#stat(path);
    return stats?.isFile() === true ? { store: storeOf(storedAt(path, stats)), range: WHOLE } : undefined;
  }

  /** The device of a node. */
  deviceAt(path: string): BlockDevice | undefined {
    const stats = this.#stat(path);
    if (stats !== undefined && !stats.isBlockDevice()) return undefined;
    const byNumber = stats === undefined ? undefined : this.#byNumber.get(deviceNumber(stats.rdev));
    return byNumber ?? this.devices.find((device) => device.path === path);
  }

  #stat(path: string): FileStats | undefined {
    try {
      return this.#system.stat(path);
    } catch (error) {
      if (error instanceof PeerlaneError || errnoOf(error) === undefined) throw error;
      return undefined;
    }
  }

  /** The names of what a disk or partition directly stands on: slaves of sysfs, read from both ends. */
  lowerOf(name: string): readonly string[] {
    return this.#lower.get(name) ?? [];
  }

  /** One layer down. Nothing: the bytes finally lie here, as far as this host shows. */
  below({ store, range }: Part): readonly Step[] {
    if (store.file !== undefined) return this.#belowFile(store.file, range);
    const { disk } = store;
    if (disk === undefined) return [];
    const loop = this.loops.get(disk.name);
    if (loop !== undefined) {
      const backing = this.backingOf(loop);
      const start = backing.range.start + loop.offsetBytes + range.start;
      const name = this.deviceAt(loop.backingPath)?.name ?? backing.store.name;
      return [{ store: backing.store, range: { start, sizeBytes: range.sizeBytes }, keeper: null, name }];
    }
    return this.#belowDisk(disk);
  }

  /** Of arrays and volumes the places are not known: any of it may lie anywhere below. */
  #belowDisk(disk: BlockDevice): readonly Step[] {
    const known = this.#steps.get(disk.name);
    if (known !== undefined) return known;
    const steps = this.lowerDevices(disk).map((lower) => ({
      ...this.partOf(lower),
      keeper: this.#keeperOf(disk, lower),
      name: lower.name,
    }));
    this.#steps.set(disk.name, steps);
    return steps;
  }

  /** All that stands on something: loops, volumes, arrays; each with what it directly stands on. */
  uppers(): readonly { readonly name: string; readonly key: string; readonly steps: readonly Step[] }[] {
    const disks = this.devices
      .filter(({ name, disk }) => name === disk.name)
      .map((disk) => ({ name: disk.name, key: storeOfDisk(disk).key, steps: this.below(this.partOf(disk)) }));
    // Named as holders, and not there themselves (of no size yet, hidden).
    const hidden = [...this.#lower.keys()]
      .filter((name) => !this.#byName.has(name))
      .map((name) => ({
        name,
        key: `holder ${name}`,
        steps: this.lowerOf(name)
          .map((lower) => this.#byName.get(lower))
          .filter((lower) => lower !== undefined)
          .map((lower) => ({ ...this.partOf(lower), keeper: null, name: lower.name })),
      }));
    return [...disks, ...hidden];
  }

  /** What a disk is made of: slaves, and the disk that zram writes what it cannot compress to. */
  lowerDevices(disk: BlockDevice): readonly BlockDevice[] {
    const backing = readText(this.#tree, `${sysfsFolder(this.#tree, disk.name)}/backing_dev`)?.trim() ?? "none";
    const written = backing.startsWith("/") ? this.deviceAt(backing) : undefined;
    const slaves = this.lowerOf(disk.name).map((name) => this.#byName.get(name));
    return [...slaves, written].filter((device) => device !== undefined);
  }

  /** What a loop is attached to, and whether that is sure; a file that is not found here is a store of its own. */
  backingOf(loop: Loop): Part & { readonly isSure: boolean } {
    const { backingPath } = loop;
    const part = this.partAt(backingPath);
    if (part === undefined)
      return { store: { key: `lost ${backingPath}`, name: backingPath }, range: WHOLE, isSure: false };
    const size = part.store.file?.sizeBytes ?? part.range.sizeBytes;
    return { ...part, isSure: fitsLoop(loop, size) };
  }

  #belowFile({ path, fileSystem }: StoredFile, range: ByteRange): readonly Step[] {
    const mount = mountOf(this.mounts, fileSystem, path);
    if (mount?.type === "overlay") {
      const real = this.#behindOverlay(mount, path);
      return real === undefined ? [] : [{ store: real.store, range, keeper: null, name: real.store.name }];
    }
    const { devices, keeper } = this.fileSystemOf(mount, fileSystem);
    return devices.map((device) => ({ ...this.partOf(device), keeper, name: device.name }));
  }

  /** The file behind one of an overlay: the upper layer's, else the first of the lower ones'. */
  #behindOverlay({ point, root, options }: Mount, path: string): Part | undefined {
    const folders = ["upperdir", "lowerdir+", "lowerdir"].flatMap((name) =>
      options
        .filter((option) => option.startsWith(`${name}=`))
        .flatMap((option) => option.slice(name.length + 1).split(/(?<!\\):+/)),
    );
    const inside = join(root, relative(point, path));
    return folders
      .map((folder) => this.partAt(join(folder.replaceAll(/\\([\\:,])/g, "$1"), inside)))
      .find((part) => part?.store.file !== undefined);
  }

  /** The devices of a file system, and its name as the keeper of its files. */
  fileSystemOf(mount: Mount | undefined, number: string): { devices: readonly BlockDevice[]; keeper: string } {
    const own = this.#byNumber.get(number);
    const named = mount === undefined ? [] : this.#devicesNamedBy(mount);
    const first = own === undefined ? [] : [own];
    const devices = [...new Set([...first, ...named])];
    const names = devices.map(({ name }) => name).sort();
    return { devices, keeper: `${FILE_SYSTEM}${own?.name ?? names[0] ?? number}` };
  }

  /** Devices by what was mounted: a node, several (bcachefs), a member of Btrfs, and logs apart (xfs). */
  #devicesNamedBy({ source, options }: Mount): readonly BlockDevice[] {
    const apart = options.flatMap((option) => /^(?:logdev|rtdev|journal_path|jdev)=(.*)$/.exec(option)?.[1] ?? []);
    const found = [...source.split(":"), ...apart]
      .filter((path) => path.startsWith("/dev/"))
      .map((path) => this.deviceAt(path))
      .filter((device) => device !== undefined);
    const members = found.flatMap(({ name }) => this.#poolOf(name));
    return [...found, ...members.map((name) => this.#byName.get(name)).filter((device) => device !== undefined)];
  }

  /** All devices of the mounted Btrfs file system that a device belongs to. */
  #poolOf(name: string): readonly string[] {
    const pools = (this.#tree.list("sys/fs/btrfs") ?? []).map(
      (id) => this.#tree.list(`sys/fs/btrfs/${id}/devices`) ?? [],
    );
    return pools.find((members) => members.includes(name)) ?? [];
  }

  /** What keeps apart that of several devices on one below: the manager that gave each its place. */
  #keeperOf(upper: BlockDevice, lower: BlockDevice): string | null {
    const [upperId, lowerId] = [upper, lower].map((device) => this.#mapperId(device)) as [string, string];
    // The ids of LVM are those of the group and of the volume, 32 characters each, and what a hidden volume is for.
    const group = /^LVM-(.{32})/.exec(upperId)?.[1];
    if (group !== undefined && !lowerId.startsWith(`LVM-${group}`)) return `volume group ${group}`;
    if (/-[tv]pool$/.test(lowerId)) return `pool ${lowerId}`;
    const partitioned = /^part\d+-(.+)$/.exec(upperId)?.[1];
    if (partitioned !== undefined) return `partition table of ${partitioned}`;
    if (/^bcache\d+$/.test(upper.name)) return `bcache on ${lower.name}`;
    const folder = sysfsFolder(this.#tree, upper.name);
    const metadata = readText(this.#tree, `${folder}/md/metadata_version`) ?? "";
    const container = /^external:[/-](md\w+)\//.exec(metadata)?.[1];
    return container === undefined ? null : `container ${container}`;
  }

  #mapperId({ name }: BlockDevice): string {
    return readText(this.#tree, `${sysfsFolder(this.#tree, name)}/dm/uuid`)?.trim() ?? "";
  }

  /** What this host cannot know of the bytes of a store, as a sentence; `null` where nothing is hidden. */
  unseenBelow({ name, disk, file }: Store): string | null {
    if (file !== undefined) return this.#unseenBelowFile(file);
    if (disk === undefined) return `the file behind a loop device, ${name}, is not found here: it may have other names`;
    const loop = this.loops.get(disk.name);
    if (loop !== undefined && !this.backingOf(loop).isSure)
      return `${loop.backingPath}, to which ${disk.name} is attached, is not the file that it was: it may be another one`;
    const transport = this.#networkOf(disk);
    return transport === null
      ? null
      : `${disk.name} is reached through a network (${transport}): whether something else here or on another host is the same bytes does not show`;
  }

  #unseenBelowFile({ path, fileSystem }: StoredFile): string | null {
    const mount = mountOf(this.mounts, fileSystem, path);
    if (mount === undefined || IN_MEMORY.test(mount.type)) return null;
    if (this.#belowFile({ path, fileSystem, sizeBytes: 0 }, WHOLE).length > 0) return null;
    return `${path} lies on ${mount.type}, which does not show where its bytes are: another file or disk may be the same`;
  }

  #networkOf({ name, disk }: BlockDevice): string | null {
    const driver = /^(nbd|rbd|drbd)\d+$/.exec(name)?.[1];
    if (driver !== undefined) return driver;
    const folder = sysfsFolder(this.#tree, disk.name) ?? "";
    if (/\/session\d+\//.test(folder)) return "iSCSI";
    const controller = /\/(nvme\d+)\/nvme\d+n\d+$/.exec(folder)?.[1];
    const transport = readText(this.#tree, `sys/class/nvme/${controller}/transport`)?.trim() ?? "pcie";
    return ["tcp", "rdma", "fc", "loop"].includes(transport) ? `NVMe over ${transport}` : null;
  }
}

function storeOfDisk(disk: BlockDevice): Store {
  // Two paths to one disk (multipath without a map, one namespace at two controllers) have one identity and one size.
  const key = disk.identity === null ? `disk ${disk.number}` : `disk ${disk.identity} ${disk.sizeBytes}`;
  return { key, name: disk.name, disk };
}

function storeOf({ path, fileSystem, inode, sizeBytes }: StoredFile & Pick<RegularFile, "inode">): Store {
  // A file that is not there yet has no number of its own.
  return { key: `file ${fileSystem} ${inode || path}`, name: path, file: { path, fileSystem, sizeBytes } };
}

function storedAt(path: string, { dev, ino, size }: FileStats): StoredFile & Pick<RegularFile, "inode"> {
  return { path, fileSystem: deviceNumber(dev), inode: ino, sizeBytes: size };
}

/** Slaves by name of the device above, as each says of itself and as those below say of it (`holders`). */
function lowerNames(tree: FileTree, devices: readonly BlockDevice[]): ReadonlyMap<string, readonly string[]> {
  const lower = new Map<string, Set<string>>();
  const add = (upper: string, name: string): void => {
    lower.set(upper, (lower.get(upper) ?? new Set()).add(name));
  };
  for (const { name, madeOf } of devices) {
    for (const slave of madeOf) add(name, slave);
    for (const holder of tree.list(`${sysfsFolder(tree, name)}/holders`) ?? []) add(holder, name);
  }
  return new Map([...lower].map(([upper, names]) => [upper, [...names]]));
}
