import { type Bdf, formatBdf, parseBdf } from "../pci/bdf.ts";
import { CONVENTIONAL_BYTES, HEADER_BYTES, type HiddenReasons } from "../pci/config-space.ts";
import { decodeConfig, mayHaveExtendedSpace } from "../pci/decode.ts";
import type { Attachment, P2pmem, PciFunction } from "../pci/function.ts";
import { isUnknown, type Known, type Unknown, unknown } from "../pci/known.ts";
import { withPhysicals } from "../pci/virtual-functions.ts";
import { baseName, type FileTree, readLines, readValue } from "./file-tree.ts";
import { FunctionFinder, type FunctionPlace, rootFolder } from "./function-finder.ts";
import { readHostBridges } from "./host-bridge-windows.ts";
import { guestOfTree } from "./hypervisor.ts";
import type { Machine, Note, SourceFormat } from "./machine.ts";
import { parseResourceFile } from "./resource-file.ts";
import { type GroupLinks, type Gunzip, readCpu, readIommu, readKernel } from "./system-files.ts";

/** Reading config space of a live function takes the hardware's time for each word: no more than is there to find. */
const HEADER_AND_CAPABILITIES = 256;
const CONFIG_BYTES = 4096;
const CLASS_HOST_BRIDGE = 0x0600;
/** Of an endpoint, and of a bridge. */
const BAR_REGISTERS = [
  [0x10, 0x28],
  [0x10, 0x18],
] as const;

/** Why parts of config space are missing, by how many bytes there are. */
function hiddenBehind(length: number | undefined): HiddenReasons {
  if (length === undefined) return noConfig;
  if (length < HEADER_BYTES) return cutInHeader;
  return length <= READABLE_BYTES ? needsRoot : noExtended;
}

/** What users may read of a CardBus bridge; of all else it is the header. */
const READABLE_BYTES = 128;
const needsRoot: HiddenReasons = bothHidden("config space beyond 64 bytes is readable by root only");
const cutInHeader: HiddenReasons = bothHidden("the config file was cut: it holds less than the 64 bytes of a header");
const noConfig: HiddenReasons = bothHidden("there is no readable config file");
/** The kernel makes the file as large as it found config space to be; a copy of a PCIe function's may still be cut. */
const noExtended: HiddenReasons = {
  endsAtConventional: true,
  beyondHeader: unknown("the file holds less than 256 bytes of config space"),
  extended: unknown("the file holds no extended config space (only 256 of 4,096 bytes)"),
};

function bothHidden(reason: string): HiddenReasons {
  const hidden = unknown(reason);
  return { beyondHeader: hidden, extended: hidden };
}

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
  const finder = new FunctionFinder(tree);
  const reader = new FunctionReader(tree);
  const read: PciFunction[] = [];
  for (let place = finder.next(); place !== undefined; place = finder.next()) {
    const entries = tree.list(place.path) ?? [];
    finder.lookIn(place, entries);
    read.push(reader.read(place, new Set(entries)));
  }
  const functions = withPhysicals(reader.withoutDoubt(read.sort((a, b) => a.bdf - b.bdf)));
  const kernel = readKernel(tree, options.gunzip);
  const guestOf = guestOfTree(tree);
  const cpu = readCpu(tree);
  return {
    source: { format: options.format ?? "sysfs", name: tree.name },
    functions,
    hostBridges: readHostBridges(tree, functions),
    cpu,
    kernel,
    iommu: readIommu(tree, kernel, cpu, reader.groupLinks),
    ...(guestOf === undefined ? {} : { guestOf }),
    notes: reader.notes(),
  };
}

/** Config space of a function as far as it is there and worth reading. */
function readConfig(tree: FileTree, path: string): Uint8Array | undefined {
  const config = tree.read(path, CONFIG_BYTES, { bytes: HEADER_AND_CAPABILITIES, isEnough: hasNoMore });
  if (config === undefined || config.length < HEADER_AND_CAPABILITIES) return config;
  const start = config.subarray(0, HEADER_AND_CAPABILITIES);
  if (isPaddedHeader(start)) return start.subarray(0, HEADER_BYTES);
  return config.length === HEADER_AND_CAPABILITIES || mayHaveExtendedSpace(start) ? config : start;
}

function hasNoMore(start: Uint8Array): boolean {
  return isPaddedHeader(start) || !mayHaveExtendedSpace(start);
}

/**
 * True for a header that was padded with zeros: an archive of a live sysfs, made without root, stores 64 readable bytes
 * in a file of full size. A capability pointer that leads to nothing gives it away.
 */
function isPaddedHeader(config: Uint8Array): boolean {
  const hasList = ((config[0x06] ?? 0) & 0x10) !== 0;
  return hasList && config.subarray(HEADER_BYTES).every((byte) => byte === 0);
}

const noDrivers = unknown("the copy kept no link to any driver");

/** The class folders whose entries are the names that people use, best first. */
const classFolders: readonly (readonly [folder: string, pattern: RegExp])[] = [
  ["nvme", /^nvme\d+$/],
  ["infiniband", /./],
  ["net", /./],
  ["drm", /^card\d+$/],
  ["accel", /^accel\d+$/],
];

/** What no device answers, as the files would print it: vendor 0, or all ones; class 0 is of devices older than classes. */
const noDevice = /^0x(?:0+|f+)$/;

/** Reads functions one by one and remembers what it could not see. */
class FunctionReader {
  readonly #tree: FileTree;
  readonly #groups: GroupMembers;
  #cutAtHeader = 0;
  #total = 0;
  #isCutAtConventional = false;
  #showsExtended = false;
  #hasDrivers = false;
  #hasGroupLinks = false;
  readonly #namedGroups = new Set<number>();
  readonly #oddities: string[] = [];

  constructor(tree: FileTree) {
    this.#tree = tree;
    this.#groups = new GroupMembers(tree);
  }

  get groupLinks(): GroupLinks {
    return { areThere: this.#hasGroupLinks, groups: this.#namedGroups };
  }

  read(place: FunctionPlace, entries: ReadonlySet<string>): PciFunction {
    const tree = this.#tree;
    const { bdf, path } = place;
    const config = readConfig(tree, `${path}/config`);
    const hidden = hiddenBehind(config?.length);
    this.#total++;
    const decoded = decodeConfig(config ?? new Uint8Array(0), hidden);
    if (hidden === needsRoot && isUnknown(decoded.express)) this.#cutAtHeader++;
    if (config !== undefined && config.length <= CONVENTIONAL_BYTES && isExpress(decoded))
      this.#isCutAtConventional = true;
    if (showsExtended(decoded)) this.#showsExtended = true;
    for (const oddity of decoded.oddities) this.#oddities.push(`${formatBdf(bdf)}: ${oddity}`);
    const { oddities: _, ...fields } = decoded;
    // A folder without any of the files that the kernel makes for each function lost the others, too.
    const isBare = !entries.has("config") && !entries.has("vendor") && !entries.has("class");
    const filesLost = isBare ? unknown(`${tree.name} has no files of this function`) : null;
    return {
      bdf,
      ...fields,
      ...this.#idsFromFiles(path, fields),
      bars: this.#bars(path, fields, config, entries.has("physfn") || isUnknown(fields.vendorId)),
      names: this.#names(path, entries),
      label: null,
      driver: filesLost ?? this.#driver(path, entries),
      numaNode: this.#numaNode(path, entries),
      iommuGroup: this.#iommuGroup(place, entries) ?? filesLost,
      p2pmem: entries.has("p2pmem") ? this.#p2pmem(`${path}/p2pmem`) : filesLost,
      physicalFunction: entries.has("physfn") ? this.#physicalFunction(path) : (filesLost ?? mayBeVirtual(decoded)),
      attachment: place.isReal ? attachmentOf(path) : unknown("the copy replaced the links of sys/bus/pci/devices"),
      dmaMaskBits: this.#number(`${path}/dma_mask_bits`, entries.has("dma_mask_bits")),
    };
  }

  /** What one function alone does not tell: whether the copy kept links to drivers, groups and extended config space. */
  withoutDoubt(functions: readonly PciFunction[]): PciFunction[] {
    const areGroupsLost = this.#groups.areLost(this.#hasGroupLinks);
    return functions.map((fn) => ({
      ...fn,
      ...(this.#hasDrivers || fn.driver !== null ? {} : { driver: noDrivers }),
      ...(areGroupsLost && fn.iommuGroup === null ? { iommuGroup: groupsLost } : {}),
      ...(this.#isCutAtConventional && isHostBridge(fn) && !isExpress(fn)
        ? withoutExtended(fn, noExtended.extended)
        : {}),
      ...(!this.#showsExtended && isExpress(fn) ? withoutExtended(fn, allFilledUp) : {}),
    }));
  }

  /** What the single-value files tell where config space is not readable at all. */
  #idsFromFiles(path: string, fields: Pick<PciFunction, "vendorId" | "classCode">): Partial<PciFunction> {
    if (!isUnknown(fields.vendorId)) return {};
    const value = (file: string, digits: number): Known<number> => {
      const text = readValue(this.#tree, `${path}/${file}`) ?? "";
      // A device may be number 0, but beside its vendor that is not known to be read.
      const isId = text.length === digits + 2 && /^0x[0-9a-f]+$/.test(text) && !noDevice.test(text);
      return isId ? Number.parseInt(text, 16) : unknown(`no ${file} file`);
    };
    return {
      vendorId: value("vendor", 4),
      deviceId: value("device", 4),
      ...(isUnknown(fields.classCode) ? { classCode: value("class", 6) } : {}),
    };
  }

  /** The registers of a virtual function are 0 whatever its BARs are: those are in its physical function. */
  #bars(
    path: string,
    { bars, headerType }: Pick<PciFunction, "bars" | "headerType">,
    config: Uint8Array | undefined,
    mayBeVirtual: boolean,
  ): PciFunction["bars"] {
    const lines = readLines(this.#tree, `${path}/resource`);
    if (mayBeVirtual) {
      const hidden = isUnknown(bars) ? bars : virtualRegisters;
      return (lines === undefined ? undefined : parseResourceFile(lines.text, hidden, false)) ?? hidden;
    }
    if (lines === undefined) return bars;
    const [start, end] = BAR_REGISTERS[headerType === 0 ? 0 : 1];
    const registers = isUnknown(headerType) ? undefined : config?.subarray(start, end);
    const isEmpty = registers?.length === end - start && registers.every((byte) => byte === 0);
    return parseResourceFile(lines.text, bars, isEmpty) ?? bars;
  }

  /** By its link; a copy without links may have the name in `uevent`, where the kernel writes it while one is bound. */
  #driver(path: string, entries: ReadonlySet<string>): Known<string | null> {
    if (entries.has("driver")) this.#hasDrivers = true;
    const linked = entries.has("driver") ? this.#linkName(`${path}/driver`) : null;
    if (typeof linked === "string" || !entries.has("uevent")) return linked;
    const named = /^DRIVER=(\S+)$/m.exec(readLines(this.#tree, `${path}/uevent`)?.text ?? "")?.[1];
    if (named !== undefined) this.#hasDrivers = true;
    return named ?? linked;
  }

  #names(path: string, entries: ReadonlySet<string>): string[] {
    const names: string[] = [];
    const virtio = [...entries].filter((name) => name.startsWith("virtio") && /^virtio\d+$/.test(name));
    const folders = [path, ...virtio.map((name) => `${path}/${name}`)];
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
    const text = isThere ? readValue(this.#tree, path) : undefined;
    return text !== undefined && /^-?\d+$/.test(text)
      ? Number.parseInt(text, 10)
      : unknown(`no ${baseName(path)} file`);
  }

  #numaNode(path: string, entries: ReadonlySet<string>): Known<number | null> {
    const node = this.#number(`${path}/numa_node`, entries.has("numa_node"));
    return !isUnknown(node) && node < 0 ? null : node;
  }

  #iommuGroup({ bdf, path }: FunctionPlace, entries: ReadonlySet<string>): Known<number | null> {
    if (!entries.has("iommu_group")) return this.#groups.groupOf(bdf);
    this.#hasGroupLinks = true;
    const name = this.#linkName(`${path}/iommu_group`);
    if (isUnknown(name) || name === null) return name;
    if (!/^\d{1,15}$/.test(name)) return unknown(`IOMMU group '${name}' has no number`);
    this.#namedGroups.add(Number(name));
    return Number(name);
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

const groupsLost = unknown("there are IOMMU groups, and the copy does not show them");

/** The members of IOMMU groups as the groups list them, for functions without a link to one. Read where one asks. */
class GroupMembers {
  readonly #tree: FileTree;
  #byBdf: ReadonlyMap<Bdf, number> | undefined;
  #isWhole = true;

  constructor(tree: FileTree) {
    this.#tree = tree;
  }

  /** True where the folder of groups is empty, though units of an IOMMU or links of functions show that there are some. */
  areLost(hasLinks: boolean): boolean {
    const units = this.#tree.list("sys/class/iommu") ?? [];
    return this.#tree.list(GROUPS_FOLDER)?.length === 0 && (hasLinks || units.length > 0);
  }

  /** The group that lists a function, `null` where there are none: where others have one, a copy may have lost this one's. */
  groupOf(bdf: Bdf): Known<number | null> {
    const groups = this.#tree.list(GROUPS_FOLDER);
    if (groups === undefined) return unknown(`${this.#tree.name} does not show ${GROUPS_FOLDER}`);
    this.#byBdf ??= this.#read(groups);
    return this.#byBdf.get(bdf) ?? (this.#isWhole && this.#byBdf.size === 0 ? null : membersHidden);
  }

  /** Groups are numbered from 0; a number that is missing may be a group that the copy lost, and so may one behind the last. */
  #read(groups: readonly string[]): ReadonlyMap<Bdf, number> {
    const byBdf = new Map<Bdf, number>();
    let highest = -1;
    for (const group of groups) {
      const members = this.#tree.list(`${GROUPS_FOLDER}/${group}/devices`);
      if (members === undefined || members.length === 0 || !/^\d{1,15}$/.test(group)) this.#isWhole = false;
      highest = Math.max(highest, Number(group));
      for (const bdf of (members ?? []).map(parseBdf)) if (bdf !== undefined) byBdf.set(bdf, Number(group));
    }
    if (highest + 1 !== groups.length) this.#isWhole = false;
    return byBdf;
  }
}

const GROUPS_FOLDER = "sys/kernel/iommu_groups";
const membersHidden = unknown("the copy does not show the members of all IOMMU groups");

function showsExtended({ capabilities, acs }: Pick<PciFunction, "capabilities" | "acs">): boolean {
  if (isUnknown(capabilities)) return acs !== null && !isUnknown(acs);
  return capabilities.some(({ space }) => space === "extended");
}

const isExpress = ({ express }: Pick<PciFunction, "express">): boolean => !isUnknown(express) && express !== null;

function isHostBridge({ classCode }: PciFunction): boolean {
  return !isUnknown(classCode) && classCode >>> 8 === CLASS_HOST_BRIDGE;
}

const allFilledUp = unknown(
  "no function of the copy shows an extended capability: config space beyond 256 bytes was lost, or there is none",
);

const virtualRegisters = unknown(
  "the registers of a virtual function hold no BARs: its resource file has to show them",
);

/** A function whose extended space seems to be empty, in a copy that may have lost it. */
function withoutExtended(
  { acs, sriov, resizableBars, capabilities }: PciFunction,
  extended: Unknown,
): Partial<PciFunction> {
  const isEmpty = acs === null && sriov === null && !isUnknown(resizableBars) && resizableBars.length === 0;
  return isEmpty && !isUnknown(capabilities)
    ? { acs: extended, sriov: extended, resizableBars: extended, capabilities: extended }
    : {};
}

/** Without a link to a physical function, one is none of its own kind if it has ids; else its registers are not seen. */
function mayBeVirtual({ vendorId, headerType }: Pick<PciFunction, "vendorId" | "headerType">): Known<null> {
  if (isUnknown(headerType)) return headerType;
  return isUnknown(vendorId) ? unknown("the copy did not keep the link physfn of a virtual function") : null;
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
