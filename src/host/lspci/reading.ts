import type { Acs } from "../../pci/acs.ts";
import type { Bar } from "../../pci/bar.ts";
import { busOf } from "../../pci/bdf.ts";
import type { BridgeRegisters } from "../../pci/bridge.ts";
import type { HiddenReasons } from "../../pci/config-space.ts";
import { type DecodedConfig, decodeConfig } from "../../pci/decode.ts";
import type { PciExpress } from "../../pci/express.ts";
import type { PciFunction } from "../../pci/function.ts";
import { isUnknown, type Known, type Unknown, unknown } from "../../pci/known.ts";
import type { ResizableBar } from "../../pci/resizable-bar.ts";
import type { Sriov } from "../../pci/sriov.ts";
import { withoutLink } from "./express-lines.ts";
import { EXPRESS_TITLE, type MissingLines } from "./line-order.ts";
import * as why from "./reasons.ts";
import { type ExpressLines, FunctionRecord, NOT_SEEN } from "./record.ts";

/**
 * What one record tells of a function, be it in words or in bytes. `classCode` is known only where the programming
 * interface is shown.
 */
export interface Reading
  extends Omit<DecodedConfig, "oddities">,
    Pick<PciFunction, "driver" | "numaNode" | "iommuGroup" | "label"> {
  /** The line that begins the record. */
  readonly line: number;
  /** Base class and subclass. */
  readonly classKind: Known<number>;
  /** False for the BARs of `-v`, whose indices are the lowest possible. */
  readonly areBarsNumbered: boolean;
  /** A port's link or slot shows that there is a device behind it. */
  readonly isLinkUp: boolean;
  /** What lines of ACS say that came without the title of the capability. */
  readonly looseAcs: Acs | undefined;
  /** How a verbose record ends; `undefined` where it shows no capability, and where bytes do. */
  readonly openEnd: OpenEnd | undefined;
}

/** What tells whether the last lines of a record were cut off, beside the other records of the text. */
export interface OpenEnd {
  /** Lines, and lines of `lspci`: without the rests of those that a mailer wrapped. */
  readonly lineCount: number;
  readonly printedLines: number;
  /** What the last line begins with. */
  readonly lastLineStart: number;
  /** Neither the lines of the driver nor bytes come behind the capabilities. */
  readonly isOpen: boolean;
  /** Lines that it would have where the text prints them at all. */
  readonly missing: readonly MissingLines[];
}

/** How sure one can be that a record's lines are all there. */
export interface RecordEnd {
  readonly isComplete: boolean;
}

const orUnknown = (value: number, reason: Unknown): Known<number> => (value >= 0 ? value : reason);

/** Turns the lines of one record into knowledge: what a whole record does not print is absent, of a cut one unknown. */
export function sealText(given: FunctionRecord, end: RecordEnd): Reading {
  const isGlued = given.isGlued || isOfTwoFunctions(given);
  const record = isGlued ? headOf(given) : given;
  const isVerbose = record.verbosity !== "plain" && !record.isGone;
  const isWhole = end.isComplete || record.isTextDone;
  // Why a line that could have come did not.
  const missing = isGlued
    ? why.glued
    : record.isGone
      ? why.deviceGone
      : isVerbose
        ? isWhole
          ? undefined
          : why.cutOff
        : why.notVerbose;
  const missingHead = record.isHeadDone && isVerbose ? undefined : missing;
  const lost = lostMiddle(record);
  const missingCapability = missing ?? record.capabilitiesHidden ?? unprintedList(record) ?? lost;
  const progIf = programmingInterface(record, isVerbose);
  const kind = orUnknown(record.classKind, why.unreadable);
  return {
    line: record.line,
    label: record.label,
    vendorId: orUnknown(record.vendorId, why.namesOnly),
    deviceId: orUnknown(record.deviceId, why.namesOnly),
    classKind: kind,
    classCode: isUnknown(kind) || isUnknown(progIf) ? why.notVerbose : kind * 0x100 + progIf,
    revision: record.isGone ? why.deviceGone : orUnknown(record.revision, why.unreadable),
    // A bridge has it in a capability.
    subsystem: otherwise(record.subsystem, record.bridge === undefined ? missingHead : missingCapability),
    headerType: missingHead ?? (record.bridge === undefined ? 0 : record.isCardBus ? 2 : 1),
    multifunction: why.notInText,
    command: orUnknown(record.command, missing ?? (record.verbosity === "v" ? why.registersNeedVv : why.unreadable)),
    bars: missingHead ?? allBars(record),
    areBarsNumbered: record.areBarsNumbered,
    openEnd: openEndOf(record),
    isLinkUp: record.express?.isLinkUp === true,
    looseAcs: record.isAcsLoose && !record.hasAcs && !record.showsCapabilities ? looseAcsOf(record) : undefined,
    bridge: sealBridge(record, missingHead),
    express: sealExpress(record, missing, missingCapability),
    acs: lost ?? sealAcs(record, missingCapability),
    sriov: lost ?? sealSriov(record, missingCapability),
    resizableBars: lost ?? sealResizableBars(record, missingCapability),
    capabilities: lost ?? missingCapability ?? record.capabilities,
    driver: lost ?? (record.driver === undefined ? (missing ?? why.noDriverLine) : record.driver),
    numaNode: record.numaNode >= 0 ? record.numaNode : (missingHead ?? why.noNumaLine),
    iommuGroup: record.iommuGroup >= 0 ? record.iommuGroup : (missingHead ?? why.noGroupLine),
  };
}

/** What the first line alone tells: of a record that runs into another, no other line is certain to be its own. */
function headOf(record: FunctionRecord): FunctionRecord {
  const { label, vendorId, deviceId, classKind, programmingInterface, revision } = record;
  const head = new FunctionRecord(record.bdf, record.line);
  return Object.assign(head, { label, vendorId, deviceId, classKind, programmingInterface, revision });
}

/** Why a record without any capability does not show that there is none; `undefined` where it does, or has some. */
function unprintedList(record: FunctionRecord): Unknown | undefined {
  if (record.showsCapabilities || record.hasCapabilityList === false) return undefined;
  return record.verbosity === "v" ? why.noCapabilityLineOfV : why.noCapabilityLine;
}

/** True where the lines contradict the first one: buses below what is no bridge, or below another bus than its own. */
function isOfTwoFunctions({ bdf, bridge, classKind }: FunctionRecord): boolean {
  if (bridge === undefined) return false;
  if (classKind !== NOT_SEEN && classKind >>> 8 !== 0x06) return true;
  const { primary, secondary } = bridge;
  // Of bridges whose buses nobody has numbered nothing follows, and some have their primary bus hard wired to 0.
  if (secondary === 0) return false;
  return secondary <= busOf(bdf) || (primary !== 0 && primary !== busOf(bdf));
}

/** Why lines of a record may be of another function: they are out of their order, or have no first lines. */
function lostMiddle(record: FunctionRecord): Unknown | undefined {
  const { verbosity, hasLostLines, showsCapabilities, bridge, classKind, express } = record;
  const isHeadless = verbosity === "plain" && showsCapabilities;
  // Of class 06 there are ports without buses below them: the link to the chipset of an Intel CPU is one.
  const isNoBridge = classKind !== NOT_SEEN && classKind >>> 8 !== 0x06;
  const isOfTwo = bridge === undefined ? isNoBridge && bridgeTypes.has(express?.type) : endTypes.has(express?.type);
  return hasLostLines || isHeadless || isOfTwo || isGroupCut(record) ? why.lostLines : undefined;
}

/** True where a group of lines began whose last ones are not there, whatever other records show. */
function isGroupCut({ order: { seen }, express, verbosity }: FunctionRecord): boolean {
  if (seen.has("Status: Cap") && !seen.has("Control: I/O")) return true;
  if (seen.has("UEMsk:") && !seen.has("AERCap:")) return true;
  if (verbosity !== "vv" || express === undefined || !seen.has("DevCap:")) return false;
  const isRootCut = express.type === "root-port" && !seen.has("RootCtl:");
  const isLinkCut = !withoutLink.has(express.type) && !seen.has("LnkSta:");
  const isSecondCut = express.version >= 2 && !seen.has("DevCap2:");
  return isRootCut || isLinkCut || isSecondCut || (seen.has("LnkCap2:") && !seen.has("LnkSta2:"));
}

/** The lines that a whole record of `-vv` would have. */
function missingLines(record: FunctionRecord): readonly MissingLines[] {
  const { order, verbosity } = record;
  if (verbosity !== "vv") return order.missing;
  const required = [...expressTitle(record), ...headLines(record), ...expressLines(record), ...errorLines(record)];
  return [...order.missing, ...required.filter((text) => !order.seen.has(text)).map((text) => [text])];
}

/** `lspci` looks for extended capabilities where it has found one of these two (PCIe 6.0 sec 7.6.1). */
function expressTitle({ capabilities }: FunctionRecord): readonly string[] {
  const isExtended = capabilities.at(-1)?.space === "extended";
  const isFound = capabilities.some(({ space, id }) => space === "standard" && (id === 0x10 || id === 0x07));
  return isExtended && !isFound ? [EXPRESS_TITLE] : [];
}

/** The command and status registers of all, and of bridges their buses, second status and control. */
function headLines({ bridge, classKind, isCardBus }: FunctionRecord): readonly string[] {
  const isBridge = bridge !== undefined || classKind === 0x0604;
  const ofBridge = isBridge && !isCardBus ? ["Bus: primary=", "Secondary status:", "BridgeCtl:"] : [];
  return ["Control: I/O", "Status: Cap", ...ofBridge];
}

/** The first and the last line of the PCI Express capability. */
function expressLines({ express }: FunctionRecord): readonly string[] {
  if (express === undefined || express.type === undefined || express.type === "reserved") return [];
  const { type, version, slotImplemented } = express;
  const hasLink = !withoutLink.has(type);
  return [
    hasLink ? "LnkSta:" : "DevSta:",
    ...(slotImplemented === true ? ["SltSta:"] : []),
    ...(type === "root-port" || type === "root-complex-event-collector" ? ["RootSta:"] : []),
    ...(version >= 2 ? [hasLink ? "LnkSta2:" : "DevCtl2:"] : []),
  ];
}

/** The types whose functions have buses below them (PCIe 6.0 sec 7.5.3.2). */
const bridgeTypes: ReadonlySet<unknown> = new Set([
  "root-port",
  "upstream-port",
  "downstream-port",
  "pcie-to-pci-bridge",
  "pci-to-pcie-bridge",
]);

/** The types whose functions have none. */
const endTypes: ReadonlySet<unknown> = new Set([
  "endpoint",
  "legacy-endpoint",
  "root-complex-endpoint",
  "root-complex-event-collector",
]);

/** Advanced Error Reporting ends so, but for the lines of a root port; old releases have no log of headers. */
function errorLines({ order }: FunctionRecord): readonly string[] {
  return order.endOf("errors") === undefined ? [] : ["AERCap:", "HeaderLog:"];
}

/** A value that a line gave; without one, why it could not, or that there is none. */
function otherwise<T>(given: T | undefined, missing: Unknown | undefined): T | Unknown | null {
  return given === undefined ? (missing ?? null) : given;
}

/** `-v` prints the programming interface unless it is zero and has no name. */
function programmingInterface(record: FunctionRecord, isVerbose: boolean): Known<number> {
  if (record.isGone) return why.deviceGone;
  if (record.programmingInterface !== NOT_SEEN) return record.programmingInterface;
  return isVerbose && record.isHeadWhole ? 0 : why.notVerbose;
}

/** Fixed BARs of an Enhanced Allocation capability, and of the kernel's BARs those that it does not describe. */
function allBars(record: FunctionRecord): readonly Bar[] {
  const { bars, allocatedBars } = record;
  if (allocatedBars.length === 0) return bars;
  const merged = allocatedBars.map((fixed) => {
    const printed = bars.find((bar) => bar.index === fixed.index);
    return printed === undefined ? fixed : { ...fixed, physAddress: printed.physAddress };
  });
  return [...bars.filter((bar) => !allocatedBars.some((fixed) => fixed.index === bar.index)), ...merged];
}

function sealBridge(record: FunctionRecord, missingHead: Unknown | undefined): Known<BridgeRegisters | null> {
  const { bridge } = record;
  if (bridge === undefined) return missingHead ?? null;
  if (record.isCardBus) return { ...bridge, windows: unknown("the windows of CardBus bridges are not decoded") };
  const windows = missingHead ?? (record.windowsUnreadable ? why.busAddressNotPrinted : record.windows);
  return { ...bridge, windows };
}

function sealExpress(
  record: FunctionRecord,
  missing: Unknown | undefined,
  missingCapability: Unknown | undefined,
): Known<PciExpress | null> {
  const { express } = record;
  if (express === undefined) return missingCapability ?? null;
  const isV = record.verbosity === "v";
  const missingLine = isV ? why.registersNeedVv : (missing ?? why.unreadable);
  const hasLink = !withoutLink.has(express.type);
  // Only CXL 1.1 devices print a link for a root complex endpoint, and it is not of this capability.
  const link = (state: ExpressLines["linkCapable"]): PciExpress["linkCapable"] =>
    hasLink ? (state ?? missingLine) : null;
  return {
    type: express.type ?? why.unreadable,
    version: orUnknown(express.version, isV ? why.registersNeedVv : why.unreadable),
    slotImplemented: express.slotImplemented ?? why.unreadable,
    slotNumber: express.slotImplemented === false ? null : express.slotNumber >= 0 ? express.slotNumber : missingLine,
    linkCapable: link(express.linkCapable),
    linkStatus: link(express.linkStatus),
    registers: why.notInText,
    ...statedPackets(express),
  };
}

/** What the lines told of Device Control; nothing where they told none of it. */
function statedPackets(lines: ExpressLines): Pick<PciExpress, "stated"> {
  const { possiblePayload, maxPayload, maxReadRequest, relaxedOrdering, extendedTags } = lines;
  const stated = {
    ...(maxPayload === NOT_SEEN ? {} : { maxPayloadBytes: maxPayload }),
    ...(possiblePayload === NOT_SEEN ? {} : { possiblePayloadBytes: possiblePayload }),
    ...(maxReadRequest === NOT_SEEN ? {} : { maxReadRequestBytes: maxReadRequest }),
    ...(relaxedOrdering === undefined ? {} : { relaxedOrdering }),
    ...(extendedTags === undefined ? {} : { extendedTags }),
  };
  return Object.keys(stated).length === 0 ? {} : { stated };
}

function sealAcs(record: FunctionRecord, missingCapability: Unknown | undefined): Known<Acs | null> {
  if (!record.hasAcs) return missingCapability ?? null;
  if (record.verbosity === "v") return why.acsNeedsVv;
  const { acsCapability, acsControl } = record;
  if (acsCapability < 0 || acsControl < 0) return missingCapability ?? why.unreadable;
  return { capability: acsCapability, control: acsControl };
}

function openEndOf(record: FunctionRecord): OpenEnd | undefined {
  if (record.verbosity === "plain" || !record.showsCapabilities) return undefined;
  // Records of -v are short, and of one length by chance.
  const isLong = record.verbosity === "vv" && !record.isTextDone;
  const { lineCount, printedLines, lastLineStart } = record;
  return {
    lineCount: isLong ? lineCount : 0,
    printedLines: isLong ? printedLines : 0,
    lastLineStart,
    isOpen: !record.isTextDone,
    missing: missingLines(record),
  };
}

function looseAcsOf({ acsCapability, acsControl }: FunctionRecord): Acs | undefined {
  if (acsControl < 0) return undefined;
  return acsCapability < 0
    ? { capability: acsControl, control: acsControl, capabilityHidden: true }
    : { capability: acsCapability, control: acsControl };
}

function sealSriov(record: FunctionRecord, missingCapability: Unknown | undefined): Known<Sriov | null> {
  if (!record.hasSriov) return missingCapability ?? null;
  if (record.verbosity === "v") return why.registersNeedVv;
  const { sriovCounts, sriovRouting } = record;
  if (sriovCounts === undefined || sriovRouting === undefined) return missingCapability ?? why.unreadable;
  const { sriovMemoryEnable: vfMemoryEnable } = record;
  return { ...sriovCounts, ...sriovRouting, ...(vfMemoryEnable === undefined ? {} : { vfMemoryEnable }) };
}

function sealResizableBars(
  record: FunctionRecord,
  missingCapability: Unknown | undefined,
): Known<readonly ResizableBar[]> {
  if (record.hasResizableBar && record.verbosity === "v") return why.registersNeedVv;
  if (missingCapability !== undefined) return missingCapability;
  if (!record.hasResizableBar) return [];
  return record.resizableBarsUnreadable || record.resizableBars.length === 0 ? why.unreadable : record.resizableBars;
}

const upToHeader: HiddenReasons = { beyondHeader: why.dumpBelow256, extended: why.dumpBelow256 };
const upTo256: HiddenReasons = { beyondHeader: why.dumpBelow256, extended: why.dumpBelow4096 };
const idsOfVirtualFunction: Unknown = unknown("a virtual function's own registers do not hold its ids: use -nn");

/** Decodes the hex lines of a record; `undefined` where there are none. */
export function sealBytes(record: FunctionRecord): { reading: Reading; oddities: readonly string[] } | undefined {
  if (record.config === undefined || record.isGlued || isOfTwoFunctions(record) || lostMiddle(record) !== undefined)
    return undefined;
  const bytes = record.config.slice(0, record.configLength);
  // A virtual function's ids read as ones (PCIe 6.0 sec 9.3.4.1), the rest of its space does not.
  const isVirtual = bytes.length >= 16 && allOnes(bytes.subarray(0, 4)) && !allOnes(bytes.subarray(4, 16));
  const config = decodeConfig(bytes, bytes.length < 256 ? upToHeader : upTo256);
  const reading: Reading = {
    line: record.line,
    label: null,
    vendorId: isVirtual ? idsOfVirtualFunction : config.vendorId,
    deviceId: isVirtual ? idsOfVirtualFunction : config.deviceId,
    classKind: isUnknown(config.classCode) ? config.classCode : config.classCode >>> 8,
    classCode: config.classCode,
    revision: config.revision,
    subsystem: config.subsystem,
    headerType: config.headerType,
    multifunction: config.multifunction,
    command: config.command,
    bars: config.bars,
    areBarsNumbered: true,
    looseAcs: undefined,
    openEnd: undefined,
    isLinkUp: false,
    bridge: config.bridge,
    express: config.express,
    acs: config.acs,
    sriov: config.sriov,
    resizableBars: config.resizableBars,
    capabilities: config.capabilities,
    driver: why.notInText,
    numaNode: why.notInText,
    iommuGroup: why.notInText,
  };
  return { reading, oddities: config.oddities };
}

function allOnes(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0xff);
}
