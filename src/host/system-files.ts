import { isUnknown, type Known, unknown } from "../pci/known.ts";
import { type FileTree, readText } from "./file-tree.ts";
import type { Cpu, Iommu, IommuKind, IommuMode, Kernel } from "./machine.ts";

/** Reads the first processor of `proc/cpuinfo`. */
export function readCpu(tree: FileTree): Cpu {
  const text = readText(tree, "proc/cpuinfo", 64 * 1024);
  return text === undefined ? unknownCpu(`${tree.name} has no proc/cpuinfo; give --cpu`) : parseCpuinfo(text);
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
  const whole = (value: string | undefined): number | null =>
    value !== undefined && /^\d+$/.test(value) ? Number.parseInt(value, 10) : null;
  const vendor = field("vendor_id");
  if (vendor !== undefined && vendor !== "" && field("cpu family") !== undefined) {
    return {
      architecture: "x86_64",
      vendor,
      family: whole(field("cpu family")),
      model: whole(field("model")),
      name: field("model name") ?? null,
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

/** Kernel configuration symbols that P2PDMA and the IOMMU hang on. */
export const CONFIG_SYMBOLS: readonly string[] = [
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

/** Picks the symbols of interest from the text of a kernel's `.config`; symbols that are not set are left out. */
export function parseKernelConfig(text: string): Readonly<Record<string, string>> {
  const config: Record<string, string> = {};
  for (const symbol of CONFIG_SYMBOLS) {
    const at = text.indexOf(`\n${symbol}=`);
    if (at < 0) continue;
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
  return {
    release,
    commandLine: readText(tree, "proc/cmdline") ?? unknown(`${tree.name} has no proc/cmdline`),
    config: readConfig(tree, release, gunzip),
  };
}

function readRelease(tree: FileTree): Known<string> {
  const release = readText(tree, "proc/sys/kernel/osrelease");
  if (release !== undefined && release !== "") return release;
  const version = readText(tree, "proc/version") ?? "";
  return /^Linux version (\S+)/.exec(version)?.[1] ?? unknown(`${tree.name} has no proc/version; give --kernel`);
}

const MAX_CONFIG_BYTES = 2 * 1024 * 1024;

function readConfig(tree: FileTree, release: Known<string>, gunzip: Gunzip | undefined): Kernel["config"] {
  if (!isUnknown(release) && !release.includes("/")) {
    for (const path of [`boot/config-${release}`, `lib/modules/${release}/config`]) {
      const text = readText(tree, path, MAX_CONFIG_BYTES);
      if (text !== undefined) return parseKernelConfig(`\n${text}`);
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

/** Reads which IOMMU is in use and how, from its class devices and the types of its groups. */
export function readIommu(tree: FileTree, kernel: Kernel): Iommu {
  const units = tree.list("sys/class/iommu");
  const groups = tree.list("sys/kernel/iommu_groups");
  if (groups === undefined) {
    const why = unknown(`${tree.name} does not show sys/kernel/iommu_groups; give --iommu`);
    return { kind: why, mode: why, groupTypes: why };
  }
  if (groups.length === 0) {
    // Units may be there and unused only on a system that is still starting: then nothing is known.
    if ((units ?? []).length === 0) return { kind: "none", mode: "off", groupTypes: new Map() };
    const why = unknown(`${tree.name} shows IOMMU units and no groups; give --iommu`);
    return { kind: why, mode: why, groupTypes: new Map() };
  }
  const kinds = new Set((units ?? []).map(kindOf));
  const groupTypes = readGroupTypes(tree, groups);
  return {
    kind: kinds.size === 1 ? ([...kinds][0] as IommuKind) : unknown(`${tree.name} does not name one kind of IOMMU`),
    mode: groupTypes.size > 0 ? commonMode(groupTypes) : modeFromCommandLine(kernel.commandLine),
    groupTypes: groupTypes.size > 0 ? groupTypes : unknown(`${tree.name} does not show the types of IOMMU groups`),
  };
}

function kindOf(unit: string): IommuKind {
  return kindByPrefix.find(([prefix]) => unit.startsWith(prefix))?.[1] ?? "other";
}

function readGroupTypes(tree: FileTree, groups: readonly string[]): ReadonlyMap<number, string> {
  const types = new Map<number, string>();
  for (const group of groups) {
    const type = /^\d+$/.test(group) ? readText(tree, `sys/kernel/iommu_groups/${group}/type`) : undefined;
    if (type !== undefined) types.set(Number.parseInt(group, 10), type);
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

function modeFromCommandLine(commandLine: Known<string>): Known<IommuMode> {
  if (!isUnknown(commandLine)) {
    const words = commandLine.split(/\s+/);
    if (words.includes("iommu=pt") || words.includes("iommu.passthrough=1")) return "passthrough";
    if (words.includes("iommu.strict=1") || words.includes("intel_iommu=strict")) return "strict";
  }
  return unknown("neither group types nor the command line show how the IOMMU is used; give --iommu");
}
