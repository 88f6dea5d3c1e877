import type { Capability } from "../../pci/capability.ts";
import type { PciFunction } from "../../pci/function.ts";
import { isUnknown, type Known } from "../../pci/known.ts";
import type { Iommu, Kernel, Machine, Note } from "../machine.ts";
import { hostNamesIn, keptParameters } from "./command-line.ts";
import { isKernelName } from "./kernel-names.ts";
import { namesOfSource } from "./names-of-source.ts";
import { type Scrub, scrubber } from "./scrub.ts";

export { isKernelName };

/**
 * The machine without what names it or its people: serial numbers, MAC and IP addresses, host and user names, files. No
 * rule looks at what is left out. Names that are known (of the source, of interfaces, on the command line) are looked for
 * in all texts; what looks like an address or a serial number goes wherever it stands. docs/snapshot.md lists it all.
 */
export function redact(machine: Machine, label = "snapshot"): Machine {
  const scrub = scrubber(knownNames(machine));
  const clean = mapReasons(machine, scrub) as Machine;
  const { source, functionsMayBeMissing, ...rest } = clean;
  const functions = clean.functions.map((fn) => redactFunction(fn, scrub));
  return {
    ...rest,
    source: { ...source, name: label },
    functions,
    ...(functionsMayBeMissing === undefined ? {} : { functionsMayBeMissing: scrub(functionsMayBeMissing) }),
    cpu: { ...clean.cpu, name: mapKnown(clean.cpu.name, (name) => (name === null ? null : scrub(name))) },
    kernel: redactKernel(clean.kernel),
    iommu: redactIommu(clean.iommu, scrub),
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
function redactNote({ severity, message, remedy }: Note, scrub: Scrub): Note {
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
    capabilities: mapKnown(fn.capabilities, (list) => list.map((capability) => redactCapability(capability, scrub))),
  };
}

/** Vital Product Data (PCI 3.0 app I), Device Serial Number and Hierarchy ID (PCIe 6.0 sec 7.9.3, 7.9.11). */
const NAMING_CAPABILITIES = { standard: [0x03], extended: [0x03, 0x28] } as const;
const NAMING_FIELD = /serial|guid|uuid|mac|^sn$/i;

function redactCapability(capability: Capability, scrub: Scrub): Capability {
  const { space, id, name, decoded } = capability;
  if ((NAMING_CAPABILITIES[space] as readonly number[]).includes(id)) return { ...capability, decoded: {} };
  const fields = Object.entries(decoded)
    .filter(([field]) => !NAMING_FIELD.test(field))
    .map(([field, value]) => [field, typeof value === "string" ? scrub(value) : value] as const);
  return { ...capability, name: scrub(name), decoded: Object.fromEntries(fields) };
}

/** Values that say how a kernel is built; strings of a configuration may hold a host's name. */
const PLAIN_VALUE = /^(?:[ymn]|-?\d{1,10}|0x[0-9a-f]{1,8})$/i;

function redactKernel({ release, commandLine, config }: Kernel): Kernel {
  return {
    release,
    commandLine: mapKnown(commandLine, keptParameters),
    config: mapKnown(config, (symbols) =>
      Object.fromEntries(
        Object.entries(symbols).filter(([symbol, value]) => /^CONFIG_\w+$/.test(symbol) && PLAIN_VALUE.test(value)),
      ),
    ),
  };
}

function redactIommu(iommu: Iommu, scrub: Scrub): Iommu {
  const { groupTypes } = iommu;
  if (isUnknown(groupTypes)) return iommu;
  return { ...iommu, groupTypes: new Map([...groupTypes].map(([group, type]) => [group, scrub(type)])) };
}
