import { ACS_BIT_NAMES, type Acs } from "./acs.ts";
import type { Capability } from "./capability.ts";
import type { CapabilityHeader } from "./capability-list.ts";
import { capabilityName } from "./capability-names.ts";
import type { ConfigSpace } from "./config-space.ts";
import { decodeExpress } from "./decode-express.ts";
import { isUnknown, type Known } from "./known.ts";
import type { ResizableBar } from "./resizable-bar.ts";
import type { Sriov } from "./sriov.ts";

type Fields = Record<string, number | string | boolean>;
type FieldDecoder = (config: ConfigSpace, offset: number) => Fields;

/** Access Control Services (PCIe 6.0 sec 7.7.11). */
export function decodeAcs(config: ConfigSpace, offset: number): Known<Acs> {
  const word = config.known32(offset + 4);
  return isUnknown(word) ? word : { capability: word & 0xffff, control: word >>> 16 };
}

/** SR-IOV (PCIe 6.0 sec 9.3.3). */
export function decodeSriov(config: ConfigSpace, offset: number): Known<Sriov> {
  const words = config.all32(offset + 0x08, offset + 0x0c, offset + 0x10, offset + 0x14, offset + 0x18);
  if (isUnknown(words)) return words;
  const [control = 0, vfs = 0, num = 0, routing = 0, device = 0] = words;
  const isEnabled = (control & 1) === 1;
  return {
    totalVfs: vfs >>> 16,
    // Until VF Enable is set there are none, whatever number was written.
    numVfs: isEnabled ? num & 0xffff : 0,
    firstVfOffset: routing & 0xffff,
    vfStride: routing >>> 16,
    vfDeviceId: device >>> 16,
    vfMemoryEnable: (control & 8) !== 0,
  };
}

/** Resizable BAR (PCIe 6.0 sec 7.8.6): sizes are powers of two from 1 MiB. */
export function decodeResizableBars(config: ConfigSpace, offset: number): Known<readonly ResizableBar[]> {
  const first = config.known32(offset + 8);
  if (isUnknown(first)) return first;
  const count = Math.min((first >>> 5) & 0x7, 6);
  const bars: ResizableBar[] = [];
  for (let entry = 0; entry < count; entry++) {
    const words = config.all32(offset + 4 + 8 * entry, offset + 8 + 8 * entry);
    if (isUnknown(words)) return words;
    const [capability = 0, control = 0] = words;
    bars.push({
      barIndex: control & 0x7,
      currentBytes: 2 ** (20 + ((control >>> 8) & 0x3f)),
      supportedBytes: supportedSizes(capability, control),
    });
  }
  return bars;
}

function supportedSizes(capability: number, control: number): number[] {
  const sizes: number[] = [];
  // Capability bits 4..31 stand for 1 MiB to 128 TiB, control bits 16..31 for the sizes above.
  for (let bit = 4; bit < 32; bit++) if ((capability >>> bit) & 1) sizes.push(2 ** (20 + bit - 4));
  for (let bit = 16; bit < 32; bit++) if ((control >>> bit) & 1) sizes.push(2 ** (20 + 28 + bit - 16));
  return sizes.filter(Number.isSafeInteger);
}

const bit = (value: number, position: number): boolean => ((value >>> position) & 1) === 1;
const hex = (value: number, digits: number): string => `0x${value.toString(16).padStart(digits, "0")}`;

/** Fields of the capabilities that are decoded for display; each reads only bytes that it checked for. */
const standardFields: Readonly<Record<number, FieldDecoder>> = {
  // MSI, PCI 3.0 sec 6.8.1
  5: (config, offset) =>
    fromWord(config.u16(offset + 2), (control) => ({
      enabled: bit(control, 0),
      vectorsCapable: 2 ** ((control >>> 1) & 7),
      vectorsEnabled: 2 ** ((control >>> 4) & 7),
      address64: bit(control, 7),
      maskable: bit(control, 8),
    })),
  // Vendor specific
  9: (config, offset) => fromWord(config.u8(offset + 2), (length) => ({ length })),
  // PCI Express
  16: (config, offset) => expressFields(config, offset),
  // MSI-X, PCI 3.0 sec 6.8.2
  17: (config, offset) => {
    const table = config.u32(offset + 4);
    return fromWord(config.u16(offset + 2), (control) => ({
      enabled: bit(control, 15),
      masked: bit(control, 14),
      tableSize: (control & 0x7ff) + 1,
      ...(table === undefined ? {} : { tableBar: table & 7, tableOffset: hex((table & ~7) >>> 0, 8) }),
    }));
  },
  // Enhanced Allocation, PCIe 6.0 sec 7.8.5
  20: (config, offset) => fromWord(config.u8(offset + 2), (entries) => ({ entries: entries & 0x3f })),
};

const extendedFields: Readonly<Record<number, FieldDecoder>> = {
  // AER, PCIe 6.0 sec 7.8.4
  1: (config, offset) => ({
    ...fromWord(config.u32(offset + 4), (value) => ({ uncorrectableStatus: hex(value, 8) })),
    ...fromWord(config.u32(offset + 0x10), (value) => ({ correctableStatus: hex(value, 8) })),
  }),
  // VSEC, PCIe 6.0 sec 7.9.5
  11: (config, offset) =>
    fromWord(config.u32(offset + 4), (value) => ({
      vsecId: hex(value & 0xffff, 4),
      revision: (value >>> 16) & 0xf,
      length: value >>> 20,
    })),
  // ACS
  13: (config, offset) => {
    const acs = decodeAcs(config, offset);
    if (isUnknown(acs)) return {};
    return Object.fromEntries(
      ACS_BIT_NAMES.filter(([mask]) => (acs.capability & mask) !== 0).map(([mask, name]) => [
        name,
        (acs.control & mask) !== 0,
      ]),
    );
  },
  // ARI, PCIe 6.0 sec 7.8.8
  14: (config, offset) => fromWord(config.u16(offset + 4), (value) => ({ nextFunction: value >>> 8 })),
  // ATS, PCIe 6.0 sec 10.5.1
  15: (config, offset) =>
    fromWord(config.u32(offset + 4), (value) => ({
      invalidateQueueDepth: value & 0x1f || 32,
      pageAligned: bit(value, 5),
      enabled: bit(value, 31),
      smallestTranslationUnit: (value >>> 16) & 0x1f,
    })),
  // SR-IOV
  16: (config, offset) => {
    const sriov = decodeSriov(config, offset);
    return isUnknown(sriov) ? {} : { totalVfs: sriov.totalVfs, numVfs: sriov.numVfs };
  },
  // PRI, PCIe 6.0 sec 10.5.2
  19: (config, offset) =>
    fromWord(config.u32(offset + 4), (value) => ({ enabled: bit(value, 0), stopped: bit(value, 24) })),
  // PASID, PCIe 6.0 sec 7.8.9
  27: (config, offset) =>
    fromWord(config.u32(offset + 4), (value) => ({
      executePermission: bit(value, 1),
      privilegedMode: bit(value, 2),
      maxWidth: (value >>> 8) & 0x1f,
      enabled: bit(value, 16),
    })),
  // DVSEC, PCIe 6.0 sec 7.9.6; vendor 1e98 is CXL (CXL 3.1 sec 8.1)
  35: (config, offset) => {
    const header = config.u32(offset + 4);
    const id = config.u16(offset + 8);
    if (header === undefined || id === undefined) return {};
    return {
      vendor: hex(header & 0xffff, 4),
      revision: (header >>> 16) & 0xf,
      length: header >>> 20,
      dvsecId: hex(id, 4),
      cxl: (header & 0xffff) === 0x1e98,
    };
  },
};

function fromWord(value: number | undefined, fields: (value: number) => Fields): Fields {
  return value === undefined ? {} : fields(value);
}

function expressFields(config: ConfigSpace, offset: number): Fields {
  const express = decodeExpress(config, offset);
  const fields: Fields = {};
  if (!isUnknown(express.type)) fields["type"] = express.type;
  if (!isUnknown(express.version)) fields["version"] = express.version;
  return fields;
}

/** Names and decodes one entry for display. */
export function decodeCapability(config: ConfigSpace, header: CapabilityHeader): Capability {
  const decoder = (header.space === "standard" ? standardFields : extendedFields)[header.id];
  return {
    ...header,
    name: capabilityName(header.space, header.id),
    decoded: decoder === undefined ? {} : decoder(config, header.offset),
  };
}
