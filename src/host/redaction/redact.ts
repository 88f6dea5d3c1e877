import { ACS_BIT_NAMES } from "../../pci/acs.ts";
import type { Capability } from "../../pci/capability.ts";
import { capabilityName } from "../../pci/capability-names.ts";
import { PORT_TYPES } from "../../pci/express.ts";
import type { PciFunction } from "../../pci/function.ts";
import { isUnknown, type Known } from "../../pci/known.ts";
import type { Cpu, Iommu, Kernel, KernelModule, Machine, Note } from "../machine.ts";
import { CONFIG_SYMBOLS, MODULES } from "../system-files.ts";
import { hostNamesIn, keptParameters } from "./command-line.ts";
import { isKernelName } from "./kernel-names.ts";
import { keptRelease } from "./kernel-release.ts";
import { namesOfSource } from "./names-of-source.ts";
import { GONE, type Scrub, scrubber } from "./scrub.ts";

/**
 * The machine without what names it or its people: serial numbers, MAC and IP addresses, host and user names, files. No
 * rule looks at what is left out. Names that are known (of the source, of interfaces, on the command line) are looked for
 * in all texts; what looks like an address or a serial number goes wherever it stands. docs/snapshot.md lists it all.
 */
export function redact(machine: Machine, label = "snapshot"): Machine {
  const scrub = scrubber(knownNames(machine));
  const { host, ...guest } = machine;
  const clean = mapReasons(guest, scrub) as Machine;
  const { source, functionsMayBeMissing, ...rest } = clean;
  const functions = clean.functions.map((fn) => redactFunction(fn, scrub));
  return {
    ...rest,
    source: { ...source, name: label },
    functions,
    ...(functionsMayBeMissing === undefined ? {} : { functionsMayBeMissing: scrub(functionsMayBeMissing) }),
    cpu: redactCpu(clean.cpu, scrub),
    kernel: redactKernel(clean.kernel),
    iommu: redactIommu(clean.iommu),
    ...(host === undefined ? {} : { host: { ...host, machine: redact(host.machine, "host") } }),
    notes: [...machine.notes.map((note) => redactNote(note, scrub)), ...noteOfNames(machine.functions, functions)],
  };
}

function knownNames({ source, kernel, functions, notes }: Machine): Parameters<typeof scrubber>[0] {
  const places = notes.flatMap(({ place }) => (place === undefined ? [] : [place.file]));
  // All notes of a reader are about one file, or a few.
  const sources = [...new Set([source.name, ...places])].slice(0, 16).map(namesOfSource);
  const hosts = isUnknown(kernel.commandLine) ? [] : hostNamesIn(kernel.commandLine);
  const renamed = functions.flatMap(({ names }) => names.filter((name) => name.length >= 3 && !isKernelName(name)));
  return {
    files: new Set(sources.flatMap(({ files }) => files)),
    names: new Set([...sources.flatMap(({ names }) => names), ...hosts, ...renamed]),
  };
}

/** Reasons of hidden values quote the source's name. What holds none is kept as it is, not copied. */
function mapReasons(value: unknown, scrub: Scrub): unknown {
  if (typeof value !== "object" || value === null || value instanceof Map) return value;
  if (Array.isArray(value)) {
    const items = value.map((item) => mapReasons(item, scrub));
    return items.every((item, index) => item === value[index]) ? value : items;
  }
  const entries = Object.entries(value);
  const [only] = entries;
  if (entries.length === 1 && only?.[0] === "unknown" && typeof only[1] === "string") {
    const reason = scrub(only[1]);
    return reason === only[1] ? value : { unknown: reason };
  }
  const changed = entries.map(([key, item]) => [key, mapReasons(item, scrub)] as const);
  return changed.every(([, item], index) => item === entries[index]?.[1]) ? value : Object.fromEntries(changed);
}

function mapKnown<T>(value: Known<T>, change: (value: T) => T): Known<T> {
  return isUnknown(value) ? value : change(value as T);
}

/** Places go whole: they lie in a file that the snapshot's reader does not have. */
function redactNote({ severity, message: text, remedy, place }: Note, scrub: Scrub): Note {
  // What it quotes is what stands there.
  const message = place === undefined ? text : text.replaceAll(/'[^'\n]*'/g, `'${GONE}'`);
  return { severity, message: scrub(message), ...(remedy === undefined ? {} : { remedy: scrub(remedy) }) };
}

function noteOfNames(before: readonly PciFunction[], after: readonly PciFunction[]): readonly Note[] {
  const count = (functions: readonly PciFunction[]): number => functions.reduce((sum, fn) => sum + fn.names.length, 0);
  const gone = count(before) - count(after);
  if (gone === 0) return [];
  return [
    {
      severity: "info",
      message: `${gone} device names that people or MAC addresses gave are left out`,
      remedy: "name those devices by address, class or ids",
    },
  ];
}

function redactFunction(fn: PciFunction, scrub: Scrub): PciFunction {
  return {
    ...fn,
    names: fn.names.filter(isKernelName),
    label: fn.label === null ? null : scrub(fn.label),
    driver: mapKnown(fn.driver, (driver) => (driver === null ? null : scrub(driver))),
    capabilities: mapKnown(fn.capabilities, (list) => list.map(redactCapability)),
  };
}

/** Fields of capabilities that the readers decode: switches, counts, and ids of kinds. None of them tells parts apart. */
const CAPABILITY_FIELDS = new Set(
  (
    "enabled vectorsCapable vectorsEnabled address64 maskable masked tableSize tableBar tableOffset length type version " +
    "entries uncorrectableStatus correctableStatus vsecId revision nextFunction invalidateQueueDepth pageAligned " +
    "smallestTranslationUnit totalVfs numVfs stopped executePermission privilegedMode maxWidth vendor dvsecId cxl"
  )
    .split(" ")
    .concat(ACS_BIT_NAMES.map(([, name]) => name)),
);

/** Their texts are hex numbers of up to 32 bits, or types of ports. */
function isFieldText(text: string): boolean {
  return /^0x[0-9a-f]{1,8}$/i.test(text) || text === "reserved" || Object.hasOwn(PORT_TYPES, text);
}

function redactCapability(capability: Capability): Capability {
  const fields = Object.entries(capability.decoded).filter(
    ([field, value]) => CAPABILITY_FIELDS.has(field) && (typeof value !== "string" || isFieldText(value)),
  );
  return { ...capability, name: capabilityName(capability.space, capability.id), decoded: Object.fromEntries(fields) };
}

/** As CPUID gives them; a hypervisor may give any. */
const CPU_VENDORS = new Set([
  "GenuineIntel",
  "AuthenticAMD",
  "HygonGenuine",
  "CentaurHauls",
  "  Shanghai  ",
  "CyrixInstead",
  "GenuineTMx86",
  "UMC UMC UMC ",
  "Vortex86 SoC",
  "Geode by NSC",
  // What lscpu calls those of other architectures.
  "ARM",
  "NVIDIA",
  "IBM",
  "IBM/S390",
  "Ampere",
  "Cavium",
  "Fujitsu",
  "HiSilicon",
  "Phytium",
  "Apple",
  "Qualcomm",
  "Loongson",
]);
const ARCHITECTURE =
  /^(?:x86(?:_64)?|amd64|i[3-6]86|aarch64|arm64|armv[5-9]\w{0,3}|ppc(?:64)?(?:le|el)?|riscv(?:32|64)|s390x?|loongarch64|mips(?:64)?(?:el)?|sparc64)$/;

function redactCpu(cpu: Cpu, scrub: Scrub): Cpu {
  return {
    ...cpu,
    architecture: mapKnown(cpu.architecture, (name) => (ARCHITECTURE.test(name) ? name : GONE)),
    vendor: mapKnown(cpu.vendor, (name) =>
      name === null || CPU_VENDORS.has(name.trim()) || CPU_VENDORS.has(name) ? name : GONE,
    ),
    name: mapKnown(cpu.name, (name) => (name === null ? null : scrub(name))),
  };
}

function redactKernel({ release, commandLine, config, modules }: Kernel): Kernel {
  return {
    release: mapKnown(release, keptRelease),
    commandLine: mapKnown(commandLine, keptParameters),
    config: mapKnown(config, (symbols) =>
      Object.fromEntries(
        Object.entries(symbols).filter(([symbol, value]) => CONFIG_SYMBOLS.includes(symbol) && PLAIN_VALUE.test(value)),
      ),
    ),
    ...(modules === undefined ? {} : { modules: redactModules(modules) }),
  };
}

/** Numbers between points, as makers of drivers give them; who builds one may put a name behind. */
const MODULE_VERSION = /^\d{1,5}(?:\.\d{1,5}){1,4}$/;

function redactModules(modules: NonNullable<Kernel["modules"]>): NonNullable<Kernel["modules"]> {
  const kept = Object.entries(MODULES).flatMap(([name, wanted]): [string, KernelModule][] => {
    const found = modules[name];
    if (found === undefined) return [];
    const { version, parameters } = found;
    const values = Object.entries(parameters).filter(
      ([parameter, value]) => wanted.includes(parameter) && /^(?:-?\d{1,10}|[YN])$/.test(value),
    );
    const isPlain = version === null || MODULE_VERSION.test(version);
    return [[name, { version: isPlain ? version : GONE, parameters: Object.fromEntries(values) }]];
  });
  return Object.fromEntries(kept);
}

/** Values that say how a kernel is built. */
const PLAIN_VALUE = /^[ymn]$/;

/** Types of IOMMU domains (`iommu_group_show_type`, Linux 7.2). */
const GROUP_TYPES = new Set(["DMA", "DMA-FQ", "identity", "blocked", "unmanaged", "unknown", "auto"]);

function redactIommu(iommu: Iommu): Iommu {
  const { groupTypes } = iommu;
  if (isUnknown(groupTypes)) return iommu;
  return {
    ...iommu,
    groupTypes: new Map([...groupTypes].map(([group, type]) => [group, GROUP_TYPES.has(type) ? type : GONE])),
  };
}
