import type { Machine } from "../../host/machine.ts";
import { keptParameters } from "../../host/redaction/command-line.ts";
import { keptRelease } from "../../host/redaction/kernel-release.ts";
import type { Acs } from "../../pci/acs.ts";
import { type Bdf, formatBdf } from "../../pci/bdf.ts";
import type { LinkState } from "../../pci/express.ts";
import type { PciFunction } from "../../pci/function.ts";
import { isUnknown, type Known, unknown } from "../../pci/known.ts";
import { formatSize } from "../../pci/size.ts";
import type { Topology } from "../../pci/topology.ts";
import { compareGroups, type GroupChange } from "./groups.ts";

/** A fact of the whole machine that differs. */
export interface FactChange {
  readonly what: "kernel" | "command-line" | "cpu" | "iommu-kind" | "iommu-mode";
  readonly before: Known<string | null>;
  readonly after: Known<string | null>;
}

/** A function that both machines have and that differs in one thing. */
export interface FunctionChange {
  readonly bdf: Bdf;
  readonly what: "upstream" | "ids" | "link" | "acs" | "driver" | "numa-node" | "bars" | "p2pmem";
  readonly before: Known<string | null>;
  readonly after: Known<string | null>;
}

/** How one machine differs from another. */
export interface MachineDifference {
  readonly facts: readonly FactChange[];
  readonly added: readonly Bdf[];
  readonly removed: readonly Bdf[];
  readonly functions: readonly FunctionChange[];
  readonly groups: readonly GroupChange[];
}

/**
 * Compares two machines function by function, by address. What one of the two hides is no difference: a source that
 * shows less is not another machine.
 */
export function compareMachines(
  before: Topology,
  after: Topology,
  machines: readonly [Machine, Machine],
): MachineDifference {
  const [old, now] = machines;
  const functions: FunctionChange[] = [];
  const added: Bdf[] = [];
  after.functions.forEach((fn, index) => {
    if (before.has(fn.bdf)) functions.push(...changesOf(before, before.indexOf(fn.bdf), after, index));
    else added.push(fn.bdf);
  });
  return {
    facts: factChanges(old, now),
    added,
    removed: before.functions.map((fn) => fn.bdf).filter((bdf) => !after.has(bdf)),
    functions,
    groups: compareGroups(old, now),
  };
}

function factChanges(before: Machine, after: Machine): FactChange[] {
  // A snapshot holds the parameters that matter and no names in the release: what it left out cannot be compared.
  const isCut = [before, after].some(({ source }) => source.format === "snapshot");
  const release = ({ kernel }: Machine): Known<string> =>
    isCut && !isUnknown(kernel.release) ? keptRelease(kernel.release) : kernel.release;
  const commandLine = ({ kernel }: Machine): Known<string> =>
    isCut && !isUnknown(kernel.commandLine) ? keptParameters(kernel.commandLine) : kernel.commandLine;
  const pairs: readonly [FactChange["what"], (machine: Machine) => Known<string | null>][] = [
    ["kernel", release],
    ["command-line", commandLine],
    ["cpu", cpuName],
    ["iommu-kind", ({ iommu }) => iommu.kind],
    ["iommu-mode", ({ iommu }) => iommu.mode],
  ];
  return pairs.flatMap(([what, read]) => {
    const change = { what, before: read(before), after: read(after) };
    return differs(change.before, change.after) ? [change] : [];
  });
}

function cpuName({ cpu }: Machine): Known<string | null> {
  const { vendor, family, model } = cpu;
  if (isUnknown(vendor)) return vendor;
  if (vendor === null) return null;
  if (isUnknown(model) || model === null) return `${VENDOR_NAMES[vendor] ?? vendor}, model not given`;
  const familyText = isUnknown(family) || family === null ? "" : ` family ${family.toString(16)}h`;
  return `${vendor}${familyText} model ${model.toString(16)}h`;
}

const VENDOR_NAMES: Readonly<Record<string, string>> = { GenuineIntel: "Intel", AuthenticAMD: "AMD" };

function differs(before: Known<string | null>, after: Known<string | null>): boolean {
  return !isUnknown(before) && !isUnknown(after) && before !== after;
}

type Reading = (topology: Topology, index: number) => Known<string | null>;

const readings: readonly (readonly [FunctionChange["what"], Reading])[] = [
  ["upstream", upstream],
  ["ids", (topology, index) => ids(topology.functionAt(index))],
  ["link", (topology, index) => link(topology.functionAt(index))],
  ["acs", (topology, index) => mapKnown(topology.functionAt(index).acs, acsBits)],
  ["driver", (topology, index) => topology.functionAt(index).driver],
  [
    "numa-node",
    (topology, index) => mapKnown(topology.functionAt(index).numaNode, (node) => (node === null ? null : String(node))),
  ],
  ["bars", (topology, index) => bars(topology.functionAt(index))],
  ["p2pmem", (topology, index) => p2pmem(topology.functionAt(index))],
];

function changesOf(before: Topology, position: number, after: Topology, index: number): FunctionChange[] {
  const bdf = after.functionAt(index).bdf;
  return readings.flatMap(([what, read]) => {
    const change = { bdf, what, before: read(before, position), after: read(after, index) };
    return differs(change.before, change.after) ? [change] : [];
  });
}

function mapKnown<T>(value: Known<T>, text: (value: T) => string | null): Known<string | null> {
  return isUnknown(value) ? value : text(value as T);
}

const parentHidden = unknown("the source does not show what is above");

function upstream(topology: Topology, index: number): Known<string | null> {
  if (topology.isOnRootBus(index)) return null;
  const above = topology.parentOf(index);
  return above === undefined ? parentHidden : formatBdf(topology.functionAt(above).bdf);
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, "0");
}

function ids({ vendorId, deviceId }: PciFunction): Known<string | null> {
  if (isUnknown(vendorId)) return vendorId;
  return isUnknown(deviceId) ? deviceId : `${hex(vendorId, 4)}:${hex(deviceId, 4)}`;
}

/** Capability and control as hex; `control` alone where a bit is uncertain would compare wrongly. */
function acsBits(acs: Acs | null): string | null {
  if (acs === null) return null;
  const uncertain = acs.uncertain ?? 0;
  return `0x${hex(acs.control, 2)}${uncertain === 0 ? "" : ` (0x${hex(uncertain, 2)} uncertain)`}`;
}

function link({ express }: PciFunction): Known<string | null> {
  if (isUnknown(express)) return express;
  if (express === null) return null;
  return mapKnown<LinkState | null>(express.linkStatus, (state) =>
    state === null ? null : `x${state.width} ${state.speedGTps}GT/s`,
  );
}

function bars({ bars: list }: PciFunction): Known<string | null> {
  if (isUnknown(list)) return list;
  const hidden = list.map((bar) => bar.sizeBytes).find(isUnknown);
  return hidden ?? list.map(({ index, sizeBytes }) => `BAR ${index} ${formatSize(Number(sizeBytes))}`).join(", ");
}

function p2pmem(fn: PciFunction): Known<string | null> {
  return mapKnown(fn.p2pmem, (memory) => (memory === null ? null : formatSize(memory.sizeBytes)));
}
