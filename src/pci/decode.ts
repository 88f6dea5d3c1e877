import type { Bar } from "./bar.ts";
import type { Capability } from "./capability.ts";
import { type CapabilityWalk, walkExtended, walkStandard } from "./capability-list.ts";
import { CONVENTIONAL_BYTES, ConfigSpace } from "./config-space.ts";
import { decodeBars, decodeBridge } from "./decode-bars.ts";
import { decodeAcs, decodeCapability, decodeResizableBars, decodeSriov } from "./decode-capabilities.ts";
import { decodeEnhancedAllocation } from "./decode-enhanced-allocation.ts";
import { decodeExpress } from "./decode-express.ts";
import type { PciFunction } from "./function.ts";
import { isUnknown, type Known, type Unknown, unknown } from "./known.ts";

/** What config space tells of a function. */
export type DecodedConfig = Pick<
  PciFunction,
  | "vendorId"
  | "deviceId"
  | "subsystem"
  | "revision"
  | "classCode"
  | "headerType"
  | "multifunction"
  | "command"
  | "bars"
  | "bridge"
  | "express"
  | "acs"
  | "sriov"
  | "resizableBars"
  | "capabilities"
> & {
  /** Contradictions in the bytes, as sentences. */
  readonly oddities: readonly string[];
};

/** Why a source shows no more than it does: beyond the 64 bytes of the header, and beyond the first 256 bytes. */
export interface HiddenReasons {
  readonly beyondHeader: Unknown;
  readonly extended: Unknown;
}

const CAP_EXPRESS = 0x10;
const CAP_PCI_X = 0x07;
const CAP_ENHANCED_ALLOCATION = 0x14;
const EXT_ACS = 0x0d;
const EXT_SRIOV = 0x10;
const EXT_RESIZABLE_BAR = 0x15;

const gone: Unknown = unknown("config space reads as all ones: the device is gone or asleep");

/**
 * Decodes as much of a function's config space as `bytes` holds (a prefix of up to 4,096 bytes); what is beyond is
 * unknown for the reasons given. Never throws. A function without a PCI Express capability has no extended space, as
 * for the kernel (`pci_cfg_space_size`, Linux 7.2), so it is known to have no ACS.
 */
export function decodeConfig(bytes: Uint8Array, hidden: HiddenReasons): DecodedConfig {
  const config = new ConfigSpace(bytes, hidden);
  const ids = config.known32(0x00);
  if (isUnknown(ids)) return allUnknown(ids);
  if (ids === 0xffffffff) return allUnknown(gone);
  const classWord = config.known32(0x08);
  const headerByte = config.u8(0x0e);
  const headerType = headerByte === undefined ? config.reason(0x0e) : headerByte & 0x7f;
  const base = {
    vendorId: ids & 0xffff,
    deviceId: ids >>> 16,
    revision: isUnknown(classWord) ? classWord : classWord & 0xff,
    classCode: isUnknown(classWord) ? classWord : classWord >>> 8,
    headerType,
    multifunction: headerByte === undefined ? config.reason(0x0e) : (headerByte & 0x80) !== 0,
    command: config.known16(0x04),
  };
  if (isUnknown(headerType)) return { ...allUnknown(headerType), ...base };
  if (headerType > 2) {
    const reason = unknown(`header type ${headerType} is none that the specification knows`);
    return { ...allUnknown(reason), ...base, headerType: reason };
  }
  return { ...base, ...decodeBody(config, headerType) };
}

type Body = Omit<
  DecodedConfig,
  "vendorId" | "deviceId" | "revision" | "classCode" | "headerType" | "multifunction" | "command"
>;

function decodeBody(config: ConfigSpace, headerType: number): Body {
  const standard = walkStandard(config, headerType);
  const isExpress = standard.headers.some((header) => header.id === CAP_EXPRESS);
  const mayBeExtended = isExpress || standard.headers.some((header) => header.id === CAP_PCI_X);
  const extended = extendedWalk(config, standard, isExpress, mayBeExtended);
  const find = <T>(walk: CapabilityWalk, id: number, decode: (offset: number) => Known<T>): Known<T | null> => {
    const header = walk.headers.find((entry) => entry.id === id);
    return header === undefined ? walk.hidden : decode(header.offset);
  };
  const resizable = find(extended, EXT_RESIZABLE_BAR, (offset) => decodeResizableBars(config, offset));
  return {
    subsystem: decodeSubsystem(config, standard, headerType),
    bars: allBars(config, headerType, standard),
    bridge: decodeBridge(config, headerType),
    express: find(standard, CAP_EXPRESS, (offset) => decodeExpress(config, offset)),
    acs: find(extended, EXT_ACS, (offset) => decodeAcs(config, offset)),
    sriov: find(extended, EXT_SRIOV, (offset) => decodeSriov(config, offset)),
    resizableBars: resizable ?? [],
    capabilities: listCapabilities(config, standard, extended),
    oddities: [standard.oddity, extended.oddity].filter((oddity) => oddity !== null),
  };
}

const nothing: CapabilityWalk = { headers: [], hidden: null, oddity: null };

function extendedWalk(
  config: ConfigSpace,
  standard: CapabilityWalk,
  isExpress: boolean,
  mayBeExtended: boolean,
): CapabilityWalk {
  if (isExpress) return walkExtended(config);
  // With the list cut short, an Express capability may follow: then there is extended space to see.
  if (standard.hidden !== null) return { ...nothing, hidden: standard.hidden };
  // PCI-X 2.0 devices may have it too; where the bytes are there, they show it.
  return mayBeExtended && config.length > CONVENTIONAL_BYTES ? walkExtended(config) : nothing;
}

function allBars(config: ConfigSpace, headerType: number, standard: CapabilityWalk): Known<readonly Bar[]> {
  const bars = decodeBars(config, headerType);
  const allocation = standard.headers.find((header) => header.id === CAP_ENHANCED_ALLOCATION);
  if (allocation === undefined || isUnknown(bars)) return bars;
  return [...bars, ...decodeEnhancedAllocation(config, allocation.offset, headerType)];
}

function decodeSubsystem(
  config: ConfigSpace,
  standard: CapabilityWalk,
  headerType: number,
): DecodedConfig["subsystem"] {
  let offset: number | undefined = headerType === 0 ? 0x2c : undefined;
  if (headerType === 1) {
    const bridgeIds = standard.headers.find((header) => header.id === 0x0d);
    if (bridgeIds === undefined) return standard.hidden;
    offset = bridgeIds.offset + 4;
  }
  if (offset === undefined) return null;
  const word = config.known32(offset);
  if (isUnknown(word)) return word;
  return word === 0 ? null : { vendorId: word & 0xffff, deviceId: word >>> 16 };
}

function listCapabilities(
  config: ConfigSpace,
  standard: CapabilityWalk,
  extended: CapabilityWalk,
): Known<readonly Capability[]> {
  if (standard.hidden !== null) return standard.hidden;
  const found = [...standard.headers, ...extended.headers].map((header) => decodeCapability(config, header));
  // A list cut short in extended space still shows the standard one; the rest is what `acs` and its like say of it.
  return found;
}

function allUnknown(reason: Unknown): DecodedConfig {
  return {
    vendorId: reason,
    deviceId: reason,
    subsystem: reason,
    revision: reason,
    classCode: reason,
    headerType: reason,
    multifunction: reason,
    command: reason,
    bars: reason,
    bridge: reason,
    express: reason,
    acs: reason,
    sriov: reason,
    resizableBars: reason,
    capabilities: reason,
    oddities: [],
  };
}
