import type { Bar } from "./bar.ts";
import type { Capability } from "./capability.ts";
import { type CapabilityWalk, FILLED_UP, walkExtended, walkStandard } from "./capability-list.ts";
import { CONVENTIONAL_BYTES, ConfigSpace, HEADER_BYTES, type HiddenReasons } from "./config-space.ts";
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

const CAP_EXPRESS = 0x10;
const CAP_PCI_X = 0x07;
const CAP_ENHANCED_ALLOCATION = 0x14;
const EXT_ACS = 0x0d;
const EXT_SRIOV = 0x10;
const EXT_RESIZABLE_BAR = 0x15;

const gone: Unknown = unknown("config space reads as all ones: the device is gone or asleep");

const zeroed: Unknown = unknown("config space reads as zeros, which no device's does");

const idsOfPhysical: Unknown = unknown("the ids of a virtual function are those of its physical function");

/**
 * Decodes as much of a function's config space as `bytes` holds (a prefix of up to 4,096 bytes); what is beyond is
 * unknown for the reasons given. Never throws. A function without a PCI Express capability has no extended space, as
 * for the kernel (`pci_cfg_space_size`, Linux 7.2), so it is known to have no ACS.
 */
export function decodeConfig(bytes: Uint8Array, hidden: HiddenReasons): DecodedConfig {
  const config = new ConfigSpace(bytes, hidden);
  const ids = config.known32(0x00);
  if (isUnknown(ids)) return allUnknown(ids);
  if (ids === 0xffffffff && bytes.subarray(0, HEADER_BYTES).every((byte) => byte === 0xff)) return allUnknown(gone);
  // The kernel takes such an answer for none at all (`pci_bus_generic_read_dev_vendor_id`, Linux 7.2).
  if (ids === 0 || ids === 0xffff0000) return allUnknown(zeroed);
  // A virtual function leaves its ids to the physical one (PCIe 6.0 sec 9.3.4.1.1).
  const hasIds = ids !== 0xffffffff;
  const classWord = config.known32(0x08);
  const headerByte = config.u8(0x0e);
  const headerType = headerByte === undefined ? config.reason(0x0e) : headerByte & 0x7f;
  const base = {
    vendorId: hasIds ? ids & 0xffff : idsOfPhysical,
    deviceId: hasIds ? ids >>> 16 : idsOfPhysical,
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
  const extended = extendedWalk(config, standard);
  if (standard.isFilledUp || extended.isFilledUp) return decodeBody(config.withoutFilling(FILLED_UP), headerType);
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

/** Class code of host bridges, in which the kernel looks for extended space whatever their capabilities say. */
const CLASS_HOST_BRIDGE = 0x0600;
/** PCI-X status: capable of 266 or 533 MHz, which PCI-X 2.0 devices with extended space are. */
const PCI_X_STATUS_266_OR_533 = 0xc0000000;

function extendedWalk(config: ConfigSpace, standard: CapabilityWalk): CapabilityWalk {
  const answer = hasExtendedSpace(config, standard);
  if (answer === true) return walkExtended(config);
  return answer === false ? nothing : { ...nothing, hidden: answer };
}

/** Where the kernel looks for extended space (`pci_cfg_space_size`, Linux 7.2). */
function hasExtendedSpace(config: ConfigSpace, standard: CapabilityWalk): boolean | Unknown {
  if (standard.headers.some((header) => header.id === CAP_EXPRESS)) return true;
  if ((config.u32(0x08) ?? 0) >>> 16 === CLASS_HOST_BRIDGE)
    return config.length > CONVENTIONAL_BYTES || !config.endsAtConventional;
  // With the list cut short, a capability that brings extended space may follow.
  if (standard.hidden !== null) return standard.hidden;
  const pciX = standard.headers.find((header) => header.id === CAP_PCI_X);
  if (pciX === undefined) return false;
  const status = config.known32(pciX.offset + 4);
  return isUnknown(status) ? status : (status & PCI_X_STATUS_266_OR_533) !== 0;
}

/** True when the first 256 bytes of config space say that there may be more to read. */
export function mayHaveExtendedSpace(start: Uint8Array): boolean {
  const hidden = { beyondHeader: gone, extended: gone };
  const config = new ConfigSpace(start, hidden);
  return hasExtendedSpace(config, walkStandard(config, (config.u8(0x0e) ?? 0) & 0x7f)) !== false;
}

const noBarSeen: Unknown = unknown("a BAR without an address reads as zero, like one that is not there");

function allBars(config: ConfigSpace, headerType: number, standard: CapabilityWalk): Known<readonly Bar[]> {
  const bars = decodeBars(config, headerType);
  if (isUnknown(bars)) return bars;
  const allocation = standard.headers.find((header) => header.id === CAP_ENHANCED_ALLOCATION);
  const hasMemory = bars.some((bar) => bar.kind === "memory");
  if (allocation === undefined) {
    if (hasMemory) return bars;
    return standard.hidden ?? (headerType === 0 ? noBarSeen : bars);
  }
  const allocated = decodeEnhancedAllocation(config, allocation.offset, headerType);
  return isUnknown(allocated) ? allocated : [...bars, ...allocated];
}

function decodeSubsystem(
  config: ConfigSpace,
  standard: CapabilityWalk,
  headerType: number,
): DecodedConfig["subsystem"] {
  let offset: number | undefined = [0x2c, undefined, 0x40][headerType];
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
  const hidden = standard.hidden ?? extended.hidden;
  return hidden ?? [...standard.headers, ...extended.headers].map((header) => decodeCapability(config, header));
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
