import { isUnknown, type Known, type Unknown, unknown } from "../pci/known.ts";
import { type FileTree, readLines, readValue } from "./file-tree.ts";
import { iommuBySigns } from "./iommu-mode.ts";
import type { Cpu, Iommu, IommuKind, IommuMode, Kernel, KernelModule } from "./machine.ts";

/** Reads the first processor of `proc/cpuinfo`. */
export function readCpu(tree: FileTree): Cpu {
  const lines = readLines(tree, "proc/cpuinfo", 64 * 1024);
  return lines === undefined ? unknownCpu(`${tree.name} has no proc/cpuinfo; give --cpu`) : parseCpuinfo(lines.text);
}

/** A CPU of which nothing is known, for one reason. */
export function unknownCpu(reason: string): Cpu {
  const why = unknown(reason);
  return { architecture: why, vendor: why, family: why, model: why, name: why };
}

/** Parses the text of `/proc/cpuinfo` (x86, arm64, POWER; of others only that they are none of these). */
export function parseCpuinfo(text: string): Cpu {
  const field = (name: string): string | undefined =>
    new RegExp(`^${name}[ \\t]*:[ \\t]*(.*)$`, "m").exec(text)?.[1]?.trim();
  const number = (name: string): Known<number> => {
    const value = field(name);
    if (value !== undefined && /^\d+$/.test(value)) return Number.parseInt(value, 10);
    return unknown(`proc/cpuinfo does not show the CPU's ${name}; give --cpu`);
  };
  const vendor = field("vendor_id");
  if (vendor !== undefined && vendor !== "" && field("cpu family") !== undefined) {
    return {
      architecture: "x86_64",
      vendor,
      family: number("cpu family"),
      model: number("model"),
      name: field("model name") ?? unknown("proc/cpuinfo does not show the CPU's name"),
    };
  }
  const none = { vendor: null, family: null, model: null };
  if (field("CPU implementer") !== undefined)
    return { architecture: "aarch64", ...none, name: field("model name") ?? null };
  const power = field("cpu");
  if (power?.startsWith("POWER") === true) return { architecture: "ppc64", ...none, name: power };
  const isa = field("isa");
  if (isa?.startsWith("rv") === true) return { architecture: "riscv64", ...none, name: field("uarch") ?? null };
  return unknownCpu("proc/cpuinfo does not name a CPU that Peerlane knows; give --cpu");
}

/** Symbols that snapshots have from the beginning: absent there, they are not set. */
const FIRST_SYMBOLS: readonly string[] = [
  "CONFIG_PCI_P2PDMA",
  "CONFIG_ZONE_DEVICE",
  "CONFIG_DMABUF_MOVE_NOTIFY",
  "CONFIG_VFIO_PCI_DMABUF",
  "CONFIG_INTEL_IOMMU",
  "CONFIG_INTEL_IOMMU_DEFAULT_ON",
  "CONFIG_AMD_IOMMU",
  "CONFIG_IOMMU_DEFAULT_DMA_STRICT",
  "CONFIG_IOMMU_DEFAULT_DMA_LAZY",
  "CONFIG_IOMMU_DEFAULT_PASSTHROUGH",
];

/** Symbols that were looked for later; what is not set is written down as `n`. */
const LATER_SYMBOLS: readonly string[] = ["CONFIG_HSA_AMD_P2P", "CONFIG_INFINIBAND_ON_DEMAND_PAGING"];

/** Kernel configuration symbols that P2PDMA, its drivers and the IOMMU hang on. */
export const CONFIG_SYMBOLS: readonly string[] = [...FIRST_SYMBOLS, ...LATER_SYMBOLS];

/** The value of one of {@link CONFIG_SYMBOLS}, `n` where it is not set; unknown where nobody looked for it. */
export function configSymbol({ config }: Kernel, symbol: string): Known<string> {
  if (isUnknown(config)) return config;
  const value = config[symbol];
  if (value !== undefined) return value;
  return FIRST_SYMBOLS.includes(symbol) ? "n" : unknown(`the source was made without looking for ${symbol}`);
}

/** Every whole configuration has a line for these, of which the last comes behind all of {@link CONFIG_SYMBOLS}. */
export const ANCHOR_SYMBOLS: readonly string[] = ["CONFIG_PCI", "CONFIG_PROC_FS"];
const anchors = ANCHOR_SYMBOLS.map((symbol) => new RegExp(`^(?:# )?${symbol}(?:=| is not set$)`, "m"));

/**
 * Picks the symbols of interest from the text of a kernel's `.config`; symbols that are not set are left out. Unknown
 * where the text ends too early to say that one is not set.
 */
export function parseKernelConfig(text: string): Known<Readonly<Record<string, string>>> {
  if (!anchors.every((anchor) => anchor.test(text)))
    return unknown("the kernel configuration is not whole, so that a missing symbol may be set all the same");
  const config: Record<string, string> = {};
  for (const symbol of CONFIG_SYMBOLS) {
    const at = text.indexOf(`\n${symbol}=`);
    if (at < 0) {
      if (LATER_SYMBOLS.includes(symbol)) config[symbol] = "n";
      continue;
    }
    const end = text.indexOf("\n", at + 1);
    config[symbol] = text.slice(at + symbol.length + 2, end < 0 ? undefined : end).trim();
  }
  return config;
}

/** Unpacks gzip data; given by readers that can. */
export type Gunzip = (bytes: Uint8Array) => Uint8Array;

/** Reads release, command line and configuration of the running kernel. */
export function readKernel(tree: FileTree, gunzip: Gunzip | undefined): Kernel {
  const release = readRelease(tree);
  const modules = readModules(tree);
  return {
    release,
    commandLine: readValue(tree, "proc/cmdline", MAX_COMMAND_LINE) ?? unknown(`${tree.name} has no whole proc/cmdline`),
    config: readConfig(tree, release, gunzip),
    ...(modules === undefined ? {} : { modules }),
  };
}

/** Modules that decide how drivers share memory, each with its parameters that matter for it. */
export const MODULES: Readonly<Record<string, readonly string[]>> = {
  amdgpu: ["pcie_p2p"],
  habanalabs: [],
  nvidia: [],
  nvidia_fs: [],
  nvidia_peermem: [],
  vfio: ["enable_unsafe_noiommu_mode"],
  xe: [],
};

/** `undefined` where the tree has no folder of modules: one that is not loaded is then not told from one that is. */
function readModules(tree: FileTree): Kernel["modules"] {
  const loaded = new Set(tree.list("sys/module") ?? []);
  if (loaded.size === 0) return undefined;
  const found = Object.entries(MODULES).flatMap(([name, wanted]): [string, KernelModule][] => {
    if (!loaded.has(name)) return [];
    const parameters = wanted.flatMap((parameter): [string, string][] => {
      const value = readValue(tree, `sys/module/${name}/parameters/${parameter}`);
      return value === undefined ? [] : [[parameter, value]];
    });
    const version = readValue(tree, `sys/module/${name}/version`) ?? null;
    return [[name, { version, parameters: Object.fromEntries(parameters) }]];
  });
  return Object.fromEntries(found);
}

function readRelease(tree: FileTree): Known<string> {
  const release = readValue(tree, "proc/sys/kernel/osrelease");
  if (release !== undefined && release !== "") return release;
  const version = readValue(tree, "proc/version") ?? "";
  return /^Linux version (\S+)/.exec(version)?.[1] ?? unknown(`${tree.name} has no proc/version; give --kernel`);
}

/** Architectures take up to 4 KiB, and what a boot loader adds comes on top. */
const MAX_COMMAND_LINE = 64 * 1024;
const MAX_CONFIG_BYTES = 2 * 1024 * 1024;

function readConfig(tree: FileTree, release: Known<string>, gunzip: Gunzip | undefined): Kernel["config"] {
  if (!isUnknown(release) && !release.includes("/")) {
    for (const path of [`boot/config-${release}`, `lib/modules/${release}/config`]) {
      const lines = readLines(tree, path, MAX_CONFIG_BYTES);
      if (lines !== undefined) return parseKernelConfig(`\n${lines.text}`);
    }
  }
  const packed = gunzip === undefined ? undefined : tree.read("proc/config.gz", MAX_CONFIG_BYTES);
  if (packed === undefined || gunzip === undefined) return unknown(`${tree.name} shows no kernel configuration`);
  try {
    return parseKernelConfig(`\n${new TextDecoder().decode(gunzip(packed))}`);
  } catch {
    return unknown("proc/config.gz is damaged");
  }
}

const kindByPrefix: readonly (readonly [prefix: string, kind: IommuKind])[] = [
  ["dmar", "intel"],
  ["ivhd", "amd"],
  ["smmu", "arm-smmu"],
  ["arm-smmu", "arm-smmu"],
  ["virtio", "virtio"],
];

const modeByType: ReadonlyMap<string, IommuMode> = new Map([
  ["identity", "passthrough"],
  ["DMA", "strict"],
  ["DMA-FQ", "lazy"],
]);

/** What the functions of a tree say of IOMMU groups: their links, as far as they have any. */
export interface GroupLinks {
  /** True where a function has a link to a group, readable or not. */
  readonly areThere: boolean;
  readonly groups: ReadonlySet<number>;
}

/** Reads which IOMMU is in use and how, from its class devices and the types of its groups. */
export function readIommu(tree: FileTree, kernel: Kernel, cpu: Cpu, links: GroupLinks): Iommu {
  const units = tree.list("sys/class/iommu") ?? [];
  const listed = tree.list("sys/kernel/iommu_groups");
  if (listed === undefined) {
    const why = unknown(`${tree.name} does not show sys/kernel/iommu_groups; give --iommu`);
    const { kind, mode } = iommuBySigns({ kernel, cpu, remedy: "give --iommu" });
    return isUnknown(mode) ? { kind: why, mode: why, groupTypes: why } : { kind, mode, groupTypes: why };
  }
  const groups = listed.filter(isNumber).map(Number);
  if (groups.length === 0) {
    // Units may be there and unused only on a system that is still starting: then nothing is known.
    if (units.length === 0 && !links.areThere) return { kind: "none", mode: "off", groupTypes: new Map() };
    const why = unknown(
      `${tree.name} shows ${units.length > 0 ? "IOMMU units" : "functions in IOMMU groups"} and no groups; give --iommu`,
    );
    return { kind: why, mode: why, groupTypes: why };
  }
  const kinds = new Set(units.map(kindOf));
  const groupTypes = readGroupTypes(tree, groups, links);
  return {
    kind: kinds.size === 1 ? ([...kinds][0] as IommuKind) : unknown(`${tree.name} does not name one kind of IOMMU`),
    mode: isUnknown(groupTypes) ? modeOfKernel(kernel, cpu, groupTypes) : commonMode(groupTypes),
    groupTypes,
  };
}

const isNumber = (name: string): boolean => /^\d{1,15}$/.test(name);

function kindOf(unit: string): IommuKind {
  return kindByPrefix.find(([prefix]) => unit.startsWith(prefix))?.[1] ?? "other";
}

/** The types of all groups: of a part of them nothing follows for the others. */
function readGroupTypes(tree: FileTree, groups: readonly number[], { groups: named }: GroupLinks): Iommu["groupTypes"] {
  const types = new Map<number, string>();
  for (const group of new Set([...groups, ...named])) {
    const type = readValue(tree, `sys/kernel/iommu_groups/${group}/type`);
    if (type === undefined) return unknown(`${tree.name} does not show the type of each IOMMU group`);
    types.set(group, type);
  }
  return types;
}

/** The mode of most groups: single devices may be forced into another one. */
function commonMode(types: ReadonlyMap<number, string>): Known<IommuMode> {
  const counts = new Map<IommuMode, number>();
  for (const type of types.values()) {
    const mode = modeByType.get(type);
    if (mode !== undefined) counts.set(mode, (counts.get(mode) ?? 0) + 1);
  }
  const [most] = [...counts].sort((a, b) => b[1] - a[1]);
  return most?.[0] ?? unknown("no IOMMU group has a DMA or identity domain by default");
}

/** The mode that a kernel was told to use, where that is known. */
function modeOfKernel(kernel: Kernel, cpu: Cpu, hidden: Unknown): Known<IommuMode> {
  const { mode } = iommuBySigns({ kernel, cpu, inUse: "its groups are listed", remedy: "give --iommu" });
  return isUnknown(mode) ? unknown(`${hidden.unknown}; ${mode.unknown}`) : mode;
}
