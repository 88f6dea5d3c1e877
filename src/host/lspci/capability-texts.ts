import type { Capability } from "../../pci/capability.ts";
import { type Line, word } from "./line.ts";

/** How each standard capability's line begins in the releases since 3.0, with its id. */
const standardTexts: readonly (readonly [id: number, text: string])[] = [
  [0x00, "Null"],
  [0x01, "Power Management"],
  [0x02, "AGP version"],
  [0x03, "Vital Product Data"],
  [0x04, "Slot ID"],
  [0x05, "MSI:"],
  [0x05, "Message Signalled Interrupts"],
  [0x06, "CompactPCI hot-swap"],
  [0x07, "PCI-X"],
  [0x08, "HyperTransport"],
  [0x09, "Vendor Specific Information"],
  [0x0a, "Debug port"],
  [0x0b, "CompactPCI central"],
  [0x0c, "Hot-plug capable"],
  [0x0d, "Subsystem:"],
  [0x0e, "AGP3"],
  [0x0f, "Secure device"],
  [0x10, "Express "],
  [0x11, "MSI-X"],
  [0x12, "SATA HBA"],
  [0x13, "PCI Advanced Features"],
  [0x14, "Enhanced Allocation"],
];

/** How each extended capability's line begins, with its id. */
const extendedTexts: readonly (readonly [id: number, text: string])[] = [
  [0x00, "Null"],
  [0x01, "Advanced Error Reporting"],
  [0x02, "Virtual Channel"],
  [0x03, "Device Serial Number"],
  [0x04, "Power Budgeting"],
  [0x05, "Root Complex Link"],
  [0x06, "Root Complex Internal Link"],
  [0x07, "Root Complex Event Collector"],
  [0x08, "Multi-Function Virtual Channel"],
  [0x0a, "Root Complex Register Block"],
  [0x0b, "Vendor Specific Information"],
  [0x0d, "Access Control Services"],
  [0x0e, "Alternative Routing-ID Interpretation"],
  [0x0f, "Address Translation Service"],
  [0x10, "Single Root I/O Virtualization"],
  [0x11, "Multi-Root I/O Virtualization"],
  [0x12, "Multicast"],
  [0x13, "Page Request Interface"],
  [0x15, "Physical Resizable BAR"],
  [0x15, "Resizable BAR"],
  [0x16, "Dynamic Power Allocation"],
  [0x17, "Transaction Processing Hints"],
  [0x18, "Latency Tolerance Reporting"],
  [0x19, "Secondary PCI Express"],
  [0x1a, "Protocol Multiplexing"],
  [0x1b, "Process Address Space ID"],
  [0x1c, "LN Requester"],
  [0x1d, "Downstream Port Containment"],
  [0x1e, "L1 PM Substates"],
  [0x1f, "Precision Time Measurement"],
  [0x20, "PCI Express over M_PHY"],
  [0x21, "FRS Queueing"],
  [0x22, "Readiness Time Reporting"],
  [0x23, "Designated Vendor-Specific"],
  [0x24, "Virtual Resizable BAR"],
  [0x24, "VF Resizable BAR"],
  [0x25, "Data Link Feature"],
  [0x26, "Physical Layer 16.0 GT/s"],
  [0x27, "Lane Margining at the Receiver"],
  [0x28, "Hierarchy ID"],
  [0x29, "Native PCIe Enclosure Management"],
  [0x2a, "Physical Layer 32.0 GT/s"],
  [0x2b, "Alternate Protocol"],
  [0x2c, "System Firmware Intermediary"],
  [0x2e, "Data Object Exchange"],
  [0x2f, "Device 3"],
  [0x30, "Integrity & Data Encryption"],
  [0x31, "Physical Layer 64.0 GT/s"],
  [0x32, "Flit Logging"],
  [0x34, "Flit Error Injection"],
  [0x36, "MMIO Register Block Locator"],
];

interface Text {
  readonly id: number;
  readonly text: Uint8Array;
}

/** By first letter, so that a line is compared with a few texts only. */
function byFirstLetter(
  entries: readonly (readonly [id: number, text: string])[],
): ReadonlyMap<number, readonly Text[]> {
  const buckets = new Map<number, Text[]>();
  for (const [id, text] of entries) {
    const bucket = buckets.get(text.charCodeAt(0)) ?? [];
    bucket.push({ id, text: word(text) });
    buckets.set(text.charCodeAt(0), bucket);
  }
  return buckets;
}

const texts = { standard: byFirstLetter(standardTexts), extended: byFirstLetter(extendedTexts) };

/** What releases print for an id that they have no name for, newest first; hexadecimal digits follow. */
const idTexts = [word("Extended Capability ID 0x"), word("Capability ID 0x"), word("#")];

/** True for the beginning of a text of the tables that was cut or wrapped: which capability it is, is not known. */
export function isCutCapabilityText(text: string, space: Capability["space"]): boolean {
  const list = space === "standard" ? standardTexts : extendedTexts;
  return list.some(([, whole]) => whole.length > text.length && whole.startsWith(text));
}

/** The id of the capability whose text stands at `at`; `undefined` for a text that is not in the tables. */
export function capabilityIdOfText(line: Line, at: number, space: Capability["space"]): number | undefined {
  for (const { id, text } of texts[space].get(line.byte(at)) ?? []) if (line.has(text, at)) return id;
  for (const prefix of idTexts) {
    if (!line.has(prefix, at)) continue;
    const id = line.hex(at + prefix.length);
    return id >= 0 && id <= 0xffff ? id : undefined;
  }
  return undefined;
}
