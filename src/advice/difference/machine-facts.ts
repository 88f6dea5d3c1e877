import type { Cpu, HostBridge, Kernel, Machine } from "../../host/machine.ts";
import { isScenario } from "../../host/machine.ts";
import { keptParameters } from "../../host/redaction/command-line.ts";
import { keptRelease } from "../../host/redaction/kernel-release.ts";
import { CONFIG_SYMBOLS, configSymbol } from "../../host/system-files.ts";
import { formatAddress } from "../../pci/addresses.ts";
import { formatBus } from "../../pci/bdf.ts";
import { isUnknown, type Known, unknown } from "../../pci/known.ts";
import { formatSize } from "../../pci/size.ts";
import { virtualMachineOf, whyMaybeVirtual } from "../../platforms/virtual-machine.ts";
import { differing, differingEntries, type Entries, mapKnown, type Sides } from "./entries.ts";
import type { Matching } from "./matching.ts";

/** What of the whole machine may differ. */
export const MACHINE_FACTS = [
  "kernel",
  "command-line",
  "config",
  "modules",
  "architecture",
  "cpu",
  "cpu-name",
  "iommu-kind",
  "iommu-mode",
  "virtual-machine",
  "windows",
  "bus-offset",
  "host-bridge-numa-node",
] as const;

/** One of {@link MACHINE_FACTS}. */
export type MachineFact = (typeof MACHINE_FACTS)[number];

/** A fact of the whole machine that differs. */
export interface FactChange {
  readonly what: MachineFact;
  /** The root bus that it is about (`0000:40`, as it is after); absent for the machine's own. */
  readonly of?: string;
  readonly before: Known<string | null>;
  readonly after: Known<string | null>;
}

/** What differs between two machines beside their functions. */
export function factChanges(before: Machine, after: Machine, matching: Matching): readonly FactChange[] {
  // A snapshot holds the parameters that matter and no names in the release: what it left out cannot be compared.
  const isCut = [before, after].some(({ source }) => source.format === "snapshot");
  const changes: FactChange[] = [];
  const add = (what: MachineFact, sides: Sides | undefined, of?: string): void => {
    if (sides !== undefined) changes.push({ what, ...(of === undefined ? {} : { of }), ...sides });
  };
  const read = (what: MachineFact, value: (machine: Machine) => Known<string | null>): void =>
    add(what, differing(value(before), value(after)));
  read("kernel", ({ kernel }) => (isCut ? mapKnown(kernel.release, keptRelease) : kernel.release));
  read("command-line", ({ kernel }) => (isCut ? mapKnown(kernel.commandLine, keptParameters) : kernel.commandLine));
  add("config", differingEntries(configEntries(before.kernel), configEntries(after.kernel)));
  add("modules", differingEntries(moduleEntries(before.kernel), moduleEntries(after.kernel)));
  read("architecture", ({ cpu }) => cpu.architecture);
  if (differingEntries(cpuEntries(before.cpu), cpuEntries(after.cpu)) !== undefined)
    add("cpu", { before: cpuName(before.cpu), after: cpuName(after.cpu) });
  // A name says nothing that vendor, family and model do not, where there are such.
  if (before.cpu.vendor === null && after.cpu.vendor === null) read("cpu-name", ({ cpu }) => cpu.name);
  read("iommu-kind", ({ iommu }) => iommu.kind);
  read("iommu-mode", ({ iommu }) => iommu.mode);
  read("virtual-machine", (machine) => virtualMachineOf(machine)?.hypervisor ?? whyMaybeVirtual(machine));
  for (const [old, now] of hostBridgePairs(before, after, matching)) {
    const of = formatBus(now.rootBus);
    if (!isScenario(before) && !isScenario(after))
      add("windows", differingEntries(windowEntries(old), windowEntries(now)), of);
    add("bus-offset", differingEntries(offsetEntries(old), offsetEntries(now)), of);
    add("host-bridge-numa-node", differing(nodeText(old), nodeText(now)), of);
  }
  return changes;
}

/** A symbol that one side did not look for is hidden there. */
function configEntries(kernel: Kernel): Known<Entries> {
  if (isUnknown(kernel.config)) return kernel.config;
  return new Map(CONFIG_SYMBOLS.map((symbol) => [symbol, configSymbol(kernel, symbol)] as const));
}

function moduleEntries({ modules }: Kernel): Known<Entries> {
  if (modules === undefined) return unknown("the source does not show modules");
  return new Map(
    Object.entries(modules).flatMap(([name, { version, parameters }]): [string, string][] => [
      [name, version ?? ""],
      ...Object.entries(parameters).map(([key, value]): [string, string] => [`${name}.${key}`, value]),
    ]),
  );
}

function cpuEntries({ vendor, family, model }: Cpu): Entries {
  const text = (value: Known<number | null>): Known<string | null> =>
    mapKnown(value, (number) => (number === null ? null : String(number)));
  return new Map([
    ["vendor", vendor],
    ["family", text(family)],
    ["model", text(model)],
  ]);
}

/** As much of a CPU as is known. */
function cpuName({ vendor, family, model }: Cpu): Known<string | null> {
  if (isUnknown(vendor) || vendor === null) return vendor;
  const familyText = isUnknown(family) || family === null ? "" : ` family ${family.toString(16)}h`;
  if (isUnknown(model) || model === null) return `${VENDOR_NAMES[vendor] ?? vendor}${familyText}, model not given`;
  return `${vendor}${familyText} model ${model.toString(16)}h`;
}

const VENDOR_NAMES: Readonly<Record<string, string>> = { GenuineIntel: "Intel", AuthenticAMD: "AMD" };

function hostBridgePairs(
  before: Machine,
  after: Machine,
  matching: Matching,
): readonly (readonly [before: HostBridge, after: HostBridge])[] {
  if (isUnknown(before.hostBridges) || isUnknown(after.hostBridges)) return [];
  const byRoot = new Map(before.hostBridges.map((bridge) => [bridge.rootBus, bridge]));
  const earlierRoot = new Map(
    matching.after.roots.map(({ rootBus }, index) => {
      const earlier = matching.earlierRootOf(index);
      return [rootBus, earlier === undefined ? undefined : matching.before.roots[earlier]?.rootBus];
    }),
  );
  return after.hostBridges.flatMap((bridge): [HostBridge, HostBridge][] => {
    const earlier = byRoot.get(earlierRoot.get(bridge.rootBus) ?? -1);
    return earlier === undefined ? [] : [[earlier, bridge]];
  });
}

function windowEntries({ windows }: HostBridge): Known<Entries> {
  return mapKnown(
    windows,
    (list): Entries =>
      new Map(list.map(({ kind, physStart, sizeBytes }) => [windowName(kind, physStart), formatSize(sizeBytes)])),
  );
}

/** How far the addresses of the bus are below those of the CPU, window by window. */
function offsetEntries({ windows }: HostBridge): Known<Entries> {
  return mapKnown(
    windows,
    (list): Entries =>
      new Map(
        list.map(({ kind, physStart, busStart }, index) => [
          `${kind === "io" ? "I/O" : kind} window ${index + 1}`,
          mapKnown(busStart, (start) => offsetText(physStart - start)),
        ]),
      ),
  );
}

function offsetText(offset: number): string {
  if (offset === 0) return "the same on the bus";
  return offset > 0 ? `${formatAddress(offset)} less on the bus` : `${formatAddress(-offset)} more on the bus`;
}

function windowName(kind: string, start: number): string {
  return `${kind === "io" ? "I/O" : kind} at ${formatAddress(start)}:`;
}

function nodeText({ numaNode }: HostBridge): Known<string | null> {
  return mapKnown(numaNode, (node) => (node === null ? null : String(node)));
}
