import { isKernelName } from "../../host/redaction/kernel-names.ts";
import type { Acs } from "../../pci/acs.ts";
import { formatAddress } from "../../pci/addresses.ts";
import type { Bar } from "../../pci/bar.ts";
import { type Bdf, formatBdf } from "../../pci/bdf.ts";
import type { BridgeRegisters } from "../../pci/bridge.ts";
import type { Capability } from "../../pci/capability.ts";
import { capabilityName } from "../../pci/capability-names.ts";
import { PCI_COMMAND_MASTER, PCI_COMMAND_MEMORY } from "../../pci/config-space.ts";
import type { ExpressRegisters, LinkState, PciExpress } from "../../pci/express.ts";
import type { PciFunction } from "../../pci/function.ts";
import { isUnknown, type Known, unknown } from "../../pci/known.ts";
import { packetControlOf } from "../../pci/packet-control.ts";
import { formatSize } from "../../pci/size.ts";
import { physicalOf } from "../../pci/virtual-functions.ts";
import { differing, differingEntries, type Entries, mapKnown, type Sides } from "./entries.ts";
import type { Matching } from "./matching.ts";

/** What of a function may differ. */
export const FUNCTION_FACTS = [
  "upstream",
  "ids",
  "subsystem",
  "revision",
  "class",
  "header",
  "port-type",
  "slot",
  "link",
  "link-capable",
  "express",
  "acs",
  "acs-capability",
  "acs-firmware",
  "driver",
  "dma-mask",
  "numa-node",
  "decode",
  "bus-master",
  "bars",
  "bar-addresses",
  "resizable-bars",
  "windows",
  "sriov",
  "virtual",
  "capabilities",
  "p2pmem",
  "published",
  "group-type",
  "names",
] as const;

/** One of {@link FUNCTION_FACTS}. */
export type FunctionFact = (typeof FUNCTION_FACTS)[number];

/** A function that both machines have and that differs in one thing. */
export interface FunctionChange {
  /** Its address after. */
  readonly bdf: Bdf;
  readonly what: FunctionFact;
  readonly before: Known<string | null>;
  readonly after: Known<string | null>;
}

/** What of the two machines facts of a function hang on. */
export interface FactContext {
  /** The types of the groups of both machines, by number. */
  readonly groupTypes: readonly [before: GroupTypes, after: GroupTypes];
  /** A scenario lays windows and addresses out around the BARs that it has: where they are says nothing. */
  readonly isLaidOut: boolean;
}

type GroupTypes = Known<ReadonlyMap<number, string>>;

/** What differs of one function, by its indices on both sides. */
export function functionChanges(
  matching: Matching,
  old: number,
  now: number,
  { groupTypes, isLaidOut }: FactContext,
): readonly FunctionChange[] {
  const [before, after] = [matching.before.functionAt(old), matching.after.functionAt(now)];
  const changes: FunctionChange[] = [];
  const add = (what: FunctionFact, sides: Sides | undefined): void => {
    if (sides !== undefined) changes.push({ bdf: after.bdf, what, ...sides });
  };
  if (matching.isBelowSame(old, now) === false) {
    add("upstream", { before: upstream(matching.before, old), after: upstream(matching.after, now) });
  }
  for (const [what, read] of readings) add(what, differing(read(before), read(after)));
  for (const [what, read] of lists) add(what, differingEntries(read(before), read(after)));
  const address = isLaidOut ? isAssigned : barAddress;
  add("bar-addresses", differingEntries(barsOf(before, address), barsOf(after, address)));
  if (!isLaidOut) add("windows", differingEntries(windowsOf(before), windowsOf(after)));
  add("virtual", virtualSides(matching, before, after));
  add("group-type", differing(groupType(before, groupTypes[0]), groupType(after, groupTypes[1])));
  add("names", nameSides(before.names, after.names));
  return changes;
}

function upstream(topology: Matching["before"], index: number): string | null {
  const above = topology.parentOf(index);
  return above === undefined ? null : formatBdf(topology.functionAt(above).bdf);
}

/** Where one side hides ids, names that sources give in their place are compared. */
const readings: readonly (readonly [FunctionFact, (fn: PciFunction) => Known<string | null>])[] = [
  ["ids", ids],
  ["subsystem", ({ subsystem }) => mapKnown(subsystem, (sub) => sub && idText(sub.vendorId, sub.deviceId))],
  ["revision", ({ revision }) => mapKnown(revision, (value) => hex(value, 2))],
  ["class", ({ classCode }) => mapKnown(classCode, (value) => hex(value, 6))],
  ["header", header],
  ["port-type", (fn) => ofExpress(fn, ({ type }) => type)],
  ["slot", (fn) => ofExpress(fn, slot)],
  ["link", (fn) => ofExpress(fn, ({ linkStatus }) => mapKnown(linkStatus, linkText))],
  ["link-capable", (fn) => ofExpress(fn, ({ linkCapable }) => mapKnown(linkCapable, linkText))],
  ["acs", ({ acs }) => mapKnown(acs, acsControl)],
  ["acs-capability", ({ acs }) => mapKnown(acs, acsCapability)],
  ["acs-firmware", ({ acs }) => mapKnown(acs, acsFirmware)],
  ["driver", ({ driver }) => driver],
  ["dma-mask", ({ dmaMaskBits }) => mapKnown(dmaMaskBits, (bits) => `${bits} bits`)],
  ["numa-node", ({ numaNode }) => mapKnown(numaNode, (node) => (node === null ? null : String(node)))],
  ["decode", decode],
  ["bus-master", ({ command }) => mapKnown(command, (bits) => onOff((bits & PCI_COMMAND_MASTER) !== 0))],
  ["p2pmem", ({ p2pmem }) => mapKnown(p2pmem, (memory) => memory && formatSize(memory.sizeBytes))],
  [
    "published",
    ({ p2pmem }) => mapKnown(p2pmem, (memory) => memory && mapKnown(memory.published, (is) => (is ? "yes" : "no"))),
  ],
];

const lists: readonly (readonly [FunctionFact, (fn: PciFunction) => Known<Entries>])[] = [
  ["express", ({ express }) => mapKnown(express, expressEntries)],
  ["bars", (fn) => barsOf(fn, barText)],
  ["resizable-bars", ({ resizableBars }) => mapKnown(resizableBars, resizableEntries)],
  ["sriov", ({ sriov }) => mapKnown(sriov, sriovEntries)],
  ["capabilities", ({ capabilities }) => mapKnown(capabilities, capabilityEntries)],
];

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, "0");
}

function onOff(is: boolean): string {
  return is ? "on" : "off";
}

function idText(vendorId: number, deviceId: number): string {
  return `${hex(vendorId, 4)}:${hex(deviceId, 4)}`;
}

/** `10de:2330`. */
function ids({ vendorId, deviceId }: PciFunction): Known<string> {
  return mapKnown(vendorId, (vendor) => mapKnown(deviceId, (device) => idText(vendor, device)));
}

function header({ headerType, multifunction }: PciFunction): Known<string> {
  return mapKnown(headerType, (type) =>
    mapKnown(multifunction, (is) => `type ${type}${is ? ", one function of several" : ""}`),
  );
}

function ofExpress(
  { express }: PciFunction,
  read: (express: PciExpress) => Known<string | null>,
): Known<string | null> {
  return mapKnown(express, (capability) => (capability === null ? null : read(capability)));
}

function slot({ slotImplemented, slotNumber }: PciExpress): Known<string | null> {
  return mapKnown(slotImplemented, (is) => (is ? mapKnown(slotNumber, (value) => `slot ${value ?? "?"}`) : null));
}

function linkText(state: LinkState | null): string | null {
  return state && `x${state.width} ${state.speedGTps}GT/s`;
}

/** The bits that are on; with those that are uncertain, as their value alone would compare wrongly. */
function acsControl(acs: Acs | null): string | null {
  if (acs === null) return null;
  const uncertain = acs.uncertain ?? 0;
  return `0x${hex(acs.control, 2)}${uncertain === 0 ? "" : ` (0x${hex(uncertain, 2)} uncertain)`}`;
}

const capabilityHidden = unknown("the source shows the control register only");
const firmwareHidden = unknown("the source does not show what firmware left");

function acsCapability(acs: Acs | null): Known<string | null> {
  if (acs === null) return null;
  return acs.capabilityHidden === true ? capabilityHidden : `0x${hex(acs.capability, 2)}`;
}

function acsFirmware(acs: Acs | null): Known<string | null> {
  if (acs === null) return null;
  return acs.firmwareControl === undefined ? firmwareHidden : `0x${hex(acs.firmwareControl, 2)}`;
}

/** A virtual function leaves decode to the physical one. */
function decode(fn: PciFunction): Known<string | null> {
  if (physicalOf(fn) !== undefined) return null;
  return mapKnown(fn.command, (bits) => onOff((bits & PCI_COMMAND_MEMORY) !== 0));
}

/** Status registers change by themselves. */
const REGISTERS: readonly (keyof ExpressRegisters)[] = [
  "deviceCapabilities",
  "deviceControl",
  "linkCapabilities",
  "linkControl",
  "deviceCapabilities2",
  "deviceControl2",
  "linkCapabilities2",
  "linkControl2",
];

function expressEntries(express: PciExpress | null): Known<Entries> {
  if (express === null) return new Map();
  const version = mapKnown(express.version, String);
  const packets = packetControlOf(express);
  return new Map([
    ["version", version],
    ["MaxPayload", mapKnown(packets.maxPayloadBytes, String)],
    ["MaxReadReq", mapKnown(packets.maxReadRequestBytes, String)],
    ["Relaxed Ordering", mapKnown(packets.relaxedOrdering, onOff)],
    ["Extended Tags", mapKnown(packets.extendedTags, onOff)],
    ...REGISTERS.map((name): [string, Known<string>] => [
      name,
      mapKnown(express.registers, (registers) => `0x${hex(registers[name], 4)}`),
    ]),
  ]);
}

function barsOf({ bars }: PciFunction, text: (bar: Bar) => Known<string | null>): Known<Entries> {
  return mapKnown(
    bars,
    (list): Entries => new Map(list.map((bar) => [bar.index === 6 ? "ROM" : `BAR ${bar.index}`, text(bar)])),
  );
}

function windowsOf({ bridge }: PciFunction): Known<Entries> {
  return mapKnown(bridge, windowEntries);
}

/** Of addresses that a scenario laid out only whether there is one. */
function isAssigned({ physAddress }: Bar): Known<string> {
  return mapKnown(physAddress, (value) => (value === null ? "without an address" : "with an address"));
}

function barText({ kind, is64Bit, prefetchable, sizeBytes, fromEnhancedAllocation }: Bar): Known<string> {
  return mapKnown(sizeBytes, (size) => {
    const memory = `${is64Bit ? "64-bit" : "32-bit"}${prefetchable ? " prefetchable" : ""}`;
    return `${formatSize(size)} ${kind === "io" ? "I/O" : memory}${fromEnhancedAllocation ? " (EA)" : ""}`;
  });
}

function barAddress({ physAddress, busAddress }: Bar): Known<string> {
  const text = (address: Known<number | null>): Known<string> =>
    mapKnown(address, (value) => (value === null ? "without an address" : `at ${formatAddress(value)}`));
  const [own, bus] = [text(physAddress), text(busAddress)];
  if (isUnknown(own)) return bus;
  return isUnknown(bus) || bus === own ? own : `${own} (on the bus ${bus})`;
}

function resizableEntries(bars: NonNullable<Exclude<PciFunction["resizableBars"], { unknown: string }>>): Entries {
  return new Map(
    bars.flatMap(({ barIndex, currentBytes, supportedBytes }): [string, Known<string | null>][] => [
      [`BAR ${barIndex} is`, mapKnown(currentBytes, formatSize)],
      [`BAR ${barIndex} can be`, mapKnown(supportedBytes, (sizes) => sizes.map(formatSize).join(" ") || null)],
    ]),
  );
}

function windowEntries(bridge: BridgeRegisters | null): Known<Entries> {
  if (bridge === null) return new Map();
  return mapKnown(
    bridge.windows,
    (windows): Entries =>
      new Map(
        windows.map(({ kind, start, size }) => [kind, `${formatSize(size)} at ${formatAddress(start)}`] as const),
      ),
  );
}

function sriovEntries(sriov: Exclude<PciFunction["sriov"], { unknown: string }>): Entries {
  if (sriov === null) return new Map();
  const { totalVfs, numVfs, firstVfOffset, vfStride, vfDeviceId, vfMemoryEnable } = sriov;
  return new Map<string, Known<string | null>>([
    ["VFs", String(numVfs)],
    ["of", String(totalVfs)],
    ["VF offset", String(firstVfOffset)],
    ["VF stride", String(vfStride)],
    ["VF device", mapKnown(vfDeviceId, (id) => hex(id, 4))],
    ["VF memory", vfMemoryEnable === undefined ? unknown("the source does not show VF MSE") : onOff(vfMemoryEnable)],
  ]);
}

/** Fields that are compared. Others change by themselves, or may hold anything in what another program wrote, serial numbers too. */
const FIELDS: ReadonlySet<string> = new Set([
  ...["enabled", "vectorsCapable", "vectorsEnabled", "address64", "maskable", "tableSize", "tableBar", "nextFunction"],
  ...["invalidateQueueDepth", "pageAligned", "smallestTranslationUnit", "entries"],
  ...["executePermission", "privilegedMode", "maxWidth"],
]);

/** Capabilities whose fields have facts of their own: PCI Express, ACS, SR-IOV. */
function isComparedElsewhere({ space, id }: Capability): boolean {
  return space === "standard" ? id === 0x10 : id === 0x0d || id === 0x10;
}

function capabilityEntries(capabilities: Exclude<PciFunction["capabilities"], { unknown: string }>): Entries {
  const entries = new Map<string, string>();
  for (const capability of capabilities) {
    if (isComparedElsewhere(capability)) continue;
    const { space, id, version, decoded } = capability;
    const name = capabilityName(space, id);
    let key = name;
    for (let again = 2; entries.has(key); again++) key = `${name} ${again}`;
    const fields = Object.entries(decoded).filter(([field, value]) => FIELDS.has(field) && typeof value !== "string");
    const texts = [...(version > 0 ? [["version", version] as const] : []), ...fields];
    entries.set(key, texts.length === 0 ? "" : `(${texts.map(([field, value]) => `${field} ${value}`).join(", ")})`);
  }
  return entries;
}

function virtualSides(matching: Matching, before: PciFunction, after: PciFunction): Sides | undefined {
  if (isUnknown(before.physicalFunction) || isUnknown(after.physicalFunction)) return undefined;
  const [old, now] = [before.physicalFunction, after.physicalFunction];
  const moved = old === null ? null : (matching.laterOf(old) ?? old);
  if (moved === now) return undefined;
  const text = (bdf: Bdf | null): string | null => (bdf === null ? null : `of ${formatBdf(bdf)}`);
  return { before: text(old), after: text(now) };
}

function groupType({ iommuGroup }: PciFunction, types: GroupTypes): Known<string | null> {
  return mapKnown(types, (byGroup) =>
    mapKnown(iommuGroup, (group) => {
      const type = group === null ? undefined : byGroup.get(group);
      return type ?? unknown("the source does not show the type of the group");
    }),
  );
}

/** Names that people gave are left out of what is sent on: those of the kernel are compared, or else all. */
function nameSides(before: readonly string[], after: readonly string[]): Sides | undefined {
  const kept = (names: readonly string[]): readonly string[] => {
    const own = names.filter(isKernelName);
    return own.length > 0 ? own : names;
  };
  const [old, now] = [kept(before), kept(after)];
  if (old.length === 0 || now.length === 0 || old.some((name) => now.includes(name))) return undefined;
  return { before: old.join(", "), after: now.join(", ") };
}
