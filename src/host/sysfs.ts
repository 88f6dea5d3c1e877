import { type PhysRange, physAddr, physToBus } from "../pci/addresses.ts";
import { type Bdf, busKeyOf, formatBdf, formatBus, parseBdf } from "../pci/bdf.ts";
import { HEADER_BYTES, type HiddenReasons } from "../pci/config-space.ts";
import { decodeConfig, mayHaveExtendedSpace } from "../pci/decode.ts";
import { PeerlaneError } from "../pci/error.ts";
import type { Attachment, P2pmem, PciFunction } from "../pci/function.ts";
import { isUnknown, type Known, unknown } from "../pci/known.ts";
import { withPhysicals } from "../pci/virtual-functions.ts";
import { baseName, type FileTree, readText, resolveLink } from "./file-tree.ts";
import { guestOfTree } from "./hypervisor.ts";
import type { HostBridge, HostBridgeWindow, Machine, Note, SourceFormat } from "./machine.ts";
import { parseResourceFile } from "./resource-file.ts";
import { type Gunzip, readCpu, readIommu, readKernel } from "./system-files.ts";

/** Reading config space of a live function takes the hardware's time for each word: no more than is there to find. */
const HEADER_AND_CAPABILITIES = 256;
const CONFIG_BYTES = 4096;
const MAX_FUNCTIONS = 1_000_000;
const rootFolder = /^pci([0-9a-f]{4,8}):([0-9a-f]{2})$/;

/** Why parts of config space are missing, by how many bytes there are. */
const needsRoot: HiddenReasons = {
  beyondHeader: unknown("config space beyond 64 bytes is readable by root only"),
  extended: unknown("config space beyond 64 bytes is readable by root only"),
};
/** The kernel makes the file as large as it found config space to be; a copy of a PCIe function's may still be cut. */
const noExtended: HiddenReasons = {
  endsAtConventional: true,
  beyondHeader: unknown("the file holds less than 256 bytes of config space"),
  extended: unknown("the file holds no extended config space (only 256 of 4,096 bytes)"),
};

const noConfig: HiddenReasons = {
  beyondHeader: unknown("there is no readable config file"),
  extended: unknown("there is no readable config file"),
};

/** What {@link readSysfs} may be given. */
export interface SysfsOptions {
  readonly format?: SourceFormat;
  readonly gunzip?: Gunzip;
}

/**
 * Reads the machine that a tree with `sys/` and `proc/` shows: the live system, a copy of it, or an archive. Throws
 * `not-found` where the tree has no PCI devices folder.
 */
export function readSysfs(tree: FileTree, options: SysfsOptions = {}): Machine {
  const places = listFunctions(tree);
  const reader = new FunctionReader(tree);
  const functions = withPhysicals(
    withoutDoubt(places.map((place) => reader.read(place))).sort((a, b) => a.bdf - b.bdf),
  );
  const kernel = readKernel(tree, options.gunzip);
  const guestOf = guestOfTree(tree);
  return {
    source: { format: options.format ?? "sysfs", name: tree.name },
    functions,
    hostBridges: readHostBridges(tree, functions),
    cpu: readCpu(tree),
    kernel,
    iommu: readIommu(tree, kernel),
    ...(guestOf === undefined ? {} : { guestOf }),
    notes: reader.notes(),
  };
}

/** Config space of a function as far as it is there and worth reading. */
function readConfig(tree: FileTree, path: string): Uint8Array | undefined {
  const start = tree.read(path, HEADER_AND_CAPABILITIES);
  if (start === undefined || start.length < HEADER_AND_CAPABILITIES) return start;
  if (isPaddedHeader(start)) return start.subarray(0, HEADER_BYTES);
  return mayHaveExtendedSpace(start) ? tree.read(path, CONFIG_BYTES) : start;
}

/**
 * True for a header that was padded with zeros: an archive of a live sysfs, made without root, stores 64 readable bytes
 * in a file of full size. A capability pointer that leads to nothing gives it away.
 */
function isPaddedHeader(config: Uint8Array): boolean {
  const hasList = ((config[0x06] ?? 0) & 0x10) !== 0;
  return hasList && config.subarray(HEADER_BYTES).every((byte) => byte === 0);
}

/** A function and the real path of its folder; without a path the source dereferenced its links. */
interface FunctionPlace {
  readonly bdf: Bdf;
  readonly path: string;
  readonly isReal: boolean;
}

function listFunctions(tree: FileTree): FunctionPlace[] {
  const folder = "sys/bus/pci/devices";
  const names = tree.list(folder);
  if (names === undefined) return listFromDevices(tree);
  if (names.length > MAX_FUNCTIONS)
    throw new PeerlaneError("too-large", `more than ${MAX_FUNCTIONS} functions in ${tree.name}`);
  return names.flatMap((name): FunctionPlace[] => {
    const bdf = parseBdf(name);
    if (bdf === undefined) return [];
    const link = tree.readLink(`${folder}/${name}`);
    if (link === undefined) return [{ bdf, path: `${folder}/${name}`, isReal: false }];
    const path = resolveLink(`${folder}/${name}`, link);
    // A link that leaves sysfs is none of the kernel's.
    return path.startsWith("sys/devices/") ? [{ bdf, path, isReal: true }] : [];
  });
}

/** Finds the functions below `sys/devices` where a copy left out `sys/bus`. */
function listFromDevices(tree: FileTree): FunctionPlace[] {
  if (tree.list("sys/devices") === undefined) {
    throw new PeerlaneError("not-found", `${tree.name} has no sys/bus/pci/devices`, {
      remedy: "name a folder that holds sys/ and proc/, as a copy of the root of a machine does",
    });
  }
  const places: FunctionPlace[] = [];
  const pending: { path: string; depth: number }[] = [{ path: "sys/devices", depth: 0 }];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    for (const name of tree.list(next.path) ?? []) {
      const path = `${next.path}/${name}`;
      const bdf = parseBdf(name);
      if (bdf !== undefined && next.path.includes("/pci")) places.push({ bdf, path, isReal: true });
      const leads =
        bdf !== undefined ||
        rootFolder.test(name) ||
        next.path.startsWith("sys/devices/platform") ||
        name === "platform";
      // Folders nest as deep as buses do; the bound only stops a hostile tree.
      if (leads && next.depth < 300 && tree.readLink(path) === undefined) pending.push({ path, depth: next.depth + 1 });
    }
  }
  return places;
}

const noDrivers = unknown("the copy kept no link to any driver");

/** A copy in which no function has a driver is one that left the links out, and not a machine without drivers. */
function withoutDoubt(functions: readonly PciFunction[]): PciFunction[] {
  const hasDrivers = functions.some((fn) => fn.driver !== null);
  return functions.map((fn) => (hasDrivers ? fn : { ...fn, driver: noDrivers }));
}

/** The class folders whose entries are the names that people use, best first. */
const classFolders: readonly (readonly [folder: string, pattern: RegExp])[] = [
  ["nvme", /^nvme\d+$/],
  ["infiniband", /./],
  ["net", /./],
  ["drm", /^card\d+$/],
  ["accel", /^accel\d+$/],
];

/** Reads functions one by one and remembers what it could not see. */
class FunctionReader {
  readonly #tree: FileTree;
  #cutAtHeader = 0;
  #total = 0;
  readonly #oddities: string[] = [];

  constructor(tree: FileTree) {
    this.#tree = tree;
  }

  read(place: FunctionPlace): PciFunction {
    const tree = this.#tree;
    const { bdf, path } = place;
    const config = readConfig(tree, `${path}/config`);
    const cut = config !== undefined && config.length <= 128;
    this.#total++;
    const decoded = decodeConfig(
      config ?? new Uint8Array(0),
      config === undefined ? noConfig : cut ? needsRoot : noExtended,
    );
    if (cut && isUnknown(decoded.express)) this.#cutAtHeader++;
    for (const oddity of decoded.oddities) this.#oddities.push(`${formatBdf(bdf)}: ${oddity}`);
    const entries = new Set(tree.list(path) ?? []);
    const { oddities: _, ...fields } = decoded;
    return {
      bdf,
      ...fields,
      ...this.#idsFromFiles(path, fields),
      bars: this.#bars(path, fields.bars),
      names: this.#names(path, entries),
      label: null,
      driver: entries.has("driver") ? this.#linkName(`${path}/driver`) : null,
      numaNode: this.#numaNode(path, entries),
      iommuGroup: this.#iommuGroup(path, entries),
      p2pmem: entries.has("p2pmem") ? this.#p2pmem(`${path}/p2pmem`) : null,
      physicalFunction: entries.has("physfn") ? this.#physicalFunction(path) : null,
      attachment: place.isReal ? attachmentOf(path) : unknown("the copy replaced the links of sys/bus/pci/devices"),
      dmaMaskBits: this.#number(`${path}/dma_mask_bits`, entries.has("dma_mask_bits")),
    };
  }

  /** What the single-value files tell where config space is not readable at all. */
  #idsFromFiles(path: string, fields: Pick<PciFunction, "vendorId" | "classCode">): Partial<PciFunction> {
    if (!isUnknown(fields.vendorId)) return {};
    const value = (file: string): Known<number> => {
      const text = readText(this.#tree, `${path}/${file}`);
      return text !== undefined && /^0x[0-9a-f]+$/i.test(text) ? Number.parseInt(text, 16) : unknown(`no ${file} file`);
    };
    return {
      vendorId: value("vendor"),
      deviceId: value("device"),
      ...(isUnknown(fields.classCode) ? { classCode: value("class") } : {}),
    };
  }

  #bars(path: string, decoded: PciFunction["bars"]): PciFunction["bars"] {
    const text = readText(this.#tree, `${path}/resource`);
    return text === undefined ? decoded : (parseResourceFile(text, decoded) ?? decoded);
  }

  #names(path: string, entries: ReadonlySet<string>): string[] {
    const names: string[] = [];
    const folders = [path, ...[...entries].filter((name) => /^virtio\d+$/.test(name)).map((name) => `${path}/${name}`)];
    for (const folder of folders) {
      const inside = folder === path ? entries : new Set(this.#tree.list(folder) ?? []);
      for (const [kind, pattern] of classFolders) {
        if (!inside.has(kind)) continue;
        names.push(...(this.#tree.list(`${folder}/${kind}`) ?? []).filter((name) => pattern.test(name)).sort());
      }
    }
    return names;
  }

  #linkName(path: string): Known<string | null> {
    const target = this.#tree.readLink(path);
    return target === undefined ? unknown(`the copy did not keep the link ${baseName(path)}`) : baseName(target);
  }

  #number(path: string, isThere: boolean): Known<number> {
    const text = isThere ? readText(this.#tree, path) : undefined;
    return text !== undefined && /^-?\d+$/.test(text)
      ? Number.parseInt(text, 10)
      : unknown(`no ${baseName(path)} file`);
  }

  #numaNode(path: string, entries: ReadonlySet<string>): Known<number | null> {
    const node = this.#number(`${path}/numa_node`, entries.has("numa_node"));
    return !isUnknown(node) && node < 0 ? null : node;
  }

  #iommuGroup(path: string, entries: ReadonlySet<string>): Known<number | null> {
    if (!entries.has("iommu_group")) {
      const showsGroups = this.#tree.list("sys/kernel/iommu_groups") !== undefined;
      return showsGroups ? null : unknown(`${this.#tree.name} does not show sys/kernel/iommu_groups`);
    }
    const name = this.#linkName(`${path}/iommu_group`);
    if (isUnknown(name) || name === null) return name;
    return /^\d+$/.test(name) ? Number.parseInt(name, 10) : unknown(`IOMMU group '${name}' has no number`);
  }

  #p2pmem(path: string): Known<P2pmem> {
    const size = this.#number(`${path}/size`, true);
    if (isUnknown(size)) return size;
    const published = this.#number(`${path}/published`, true);
    return {
      sizeBytes: size,
      availableBytes: this.#number(`${path}/available`, true),
      published: isUnknown(published) ? published : published !== 0,
    };
  }

  #physicalFunction(path: string): Known<Bdf | null> {
    const name = this.#linkName(`${path}/physfn`);
    if (isUnknown(name) || name === null) return name;
    return parseBdf(name) ?? unknown(`physfn points to '${name}'`);
  }

  notes(): Note[] {
    const notes: Note[] = this.#oddities.slice(0, 20).map((message) => ({ severity: "warning", message }));
    if (this.#total === 0) notes.push({ severity: "warning", message: `${this.#tree.name} shows no PCI function` });
    if (this.#cutAtHeader > 0 && this.#total > 0) {
      notes.push({
        severity: "warning",
        message: `capabilities are hidden: config space of ${this.#cutAtHeader} of ${this.#total} functions ends after its header, so ACS and PCIe port types are unknown`,
        remedy: "run as root (sudo npx peerlane), or read a copy of sys/ and proc/ that root made",
      });
    }
    return notes;
  }
}

/** Reads a function's place from its real path: `sys/devices/pci0000:00/0000:00:04.0/0000:01:00.0`. */
function attachmentOf(path: string): Known<Attachment> {
  let rootBus: number | undefined;
  let upstream: Bdf | null = null;
  const parts = path.split("/");
  for (const part of parts.slice(0, -1)) {
    const root = rootFolder.exec(part);
    if (root !== null) {
      rootBus = Number.parseInt(root[1] ?? "", 16) * 0x100 + Number.parseInt(root[2] ?? "", 16);
      upstream = null;
    } else if (rootBus !== undefined) {
      upstream = parseBdf(part) ?? upstream;
    }
  }
  return rootBus === undefined ? unknown("the path of the device names no host bridge") : { upstream, rootBus };
}

function readHostBridges(tree: FileTree, functions: readonly PciFunction[]): Known<readonly HostBridge[]> {
  const rootBuses = new Set<number>();
  for (const fn of functions) {
    if (isUnknown(fn.attachment)) return unknown("the copy replaced the links of sys/bus/pci/devices");
    rootBuses.add(fn.attachment.rootBus);
  }
  const ranges = parseIomem(readText(tree, "proc/iomem", 1024 * 1024));
  return [...rootBuses]
    .sort((a, b) => a - b)
    .map((rootBus) => ({
      rootBus,
      windows: isUnknown(ranges) ? ranges : hostWindows(ranges.get(rootBus) ?? [], busOffsetOf(functions, rootBus)),
      numaNode: numaNodeOf(functions, rootBus),
    }));
}

function hostWindows(ranges: readonly PhysRange[], seenOffset: Known<number>): HostBridgeWindow[] {
  const busOffset =
    isUnknown(seenOffset) || ranges.every(({ start }) => isBusAddress(start + seenOffset))
      ? seenOffset
      : unknown("the addresses of a BAR below this host bridge do not fit its windows");
  return ranges.map(({ start: physStart, sizeBytes }) => ({
    kind: "memory",
    physStart,
    busStart: isUnknown(busOffset) ? busOffset : physToBus(physStart, busOffset),
    sizeBytes,
  }));
}

function isBusAddress(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

/** Bus address minus CPU address below a root bus, from any BAR of which both are seen. */
function busOffsetOf(functions: readonly PciFunction[], rootBus: number): Known<number> {
  for (const fn of functions) {
    if (isUnknown(fn.attachment) || fn.attachment.rootBus !== rootBus || isUnknown(fn.bars)) continue;
    for (const { kind, busAddress, physAddress } of fn.bars) {
      if (kind !== "memory" || busAddress === null || physAddress === null) continue;
      if (!isUnknown(busAddress) && !isUnknown(physAddress)) return busAddress - physAddress;
    }
  }
  return unknown("no BAR below this host bridge shows both of its addresses");
}

function numaNodeOf(functions: readonly PciFunction[], rootBus: number): Known<number | null> {
  return (
    functions.find((fn) => busKeyOf(fn.bdf) === rootBus)?.numaNode ?? unknown(`nothing on bus ${formatBus(rootBus)}`)
  );
}

/** Memory windows of root buses from `/proc/iomem`: the lines that name a bus and lie below nothing else. */
export function parseIomem(text: string | undefined): Known<ReadonlyMap<number, readonly PhysRange[]>> {
  if (text === undefined) return unknown("no proc/iomem");
  const windows = new Map<number, PhysRange[]>();
  let sawAddress = false;
  for (const line of text.split("\n")) {
    const match = /^([0-9a-f]{8,16})-([0-9a-f]{8,16}) : (?:PCI Bus ([0-9a-f]{4,8}):([0-9a-f]{2}))?/i.exec(line);
    if (match === null) continue;
    const [start, end, domain, bus] = match.slice(1, 5).map((digits) => Number.parseInt(digits ?? "x", 16));
    if (start === undefined || end === undefined || !Number.isSafeInteger(end)) continue;
    if (end !== 0) sawAddress = true;
    if (domain === undefined || bus === undefined || Number.isNaN(domain) || Number.isNaN(bus)) continue;
    const key = domain * 0x100 + bus;
    const list = windows.get(key) ?? [];
    list.push({ start: physAddr(start), sizeBytes: end - start + 1 });
    windows.set(key, list);
  }
  return sawAddress ? windows : unknown("proc/iomem shows addresses to root only");
}
