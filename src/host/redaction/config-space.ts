import { type CapabilityHeader, walkExtended, walkStandard } from "../../pci/capability-list.ts";
import { CONVENTIONAL_BYTES, ConfigSpace, HEADER_BYTES } from "../../pci/config-space.ts";
import { unknown } from "../../pci/known.ts";

/** Bytes from the start of a capability, end exclusive. */
type Span = readonly [start: number, end: number];
type Spans = Readonly<Record<number, Span | ((config: ConfigSpace, offset: number) => Span)>>;

/**
 * What stays of the capabilities besides their headers: the registers that the rules, the readers here and `rdma_topo`
 * look at. All others are left out, whoever made them: vendor-specific ones may hold any number of the part.
 */
const STANDARD: Spans = {
  // Power Management: capabilities, control.
  1: [2, 6],
  // MSI: control.
  5: [2, 4],
  // PCI-X: command and status.
  7: [2, 8],
  // Vendor specific: length.
  9: [2, 3],
  // Ids of a bridge's subsystem.
  13: [4, 8],
  // PCI Express, which is shorter in version 1.
  16: (config, offset) => [2, ((config.u16(offset + 2) ?? 0) & 0xf) < 2 ? 0x24 : 0x3c],
  // MSI-X: control, places of the table and of the pending bits.
  17: [2, 12],
  // Enhanced Allocation: its ranges stand for BARs.
  20: (config, offset) => [2, allocationEnd(config, offset) - offset],
};

const EXTENDED: Spans = {
  // Advanced Error Reporting: status and masks, without the headers of requests.
  1: [4, 0x1c],
  // Vendor specific: its id, revision and length.
  11: [4, 8],
  // Access Control Services.
  13: [4, 8],
  // Alternative Routing-ID, Address Translation Service.
  14: [4, 8],
  15: [4, 8],
  // SR-IOV.
  16: [4, 0x40],
  // Page Request Interface.
  19: [4, 0x10],
  // Resizable BAR: two registers for each.
  21: (config, offset) => [4, 4 + 8 * Math.min(((config.u32(offset + 8) ?? 0) >>> 5) & 0x7, 6)],
  // Process Address Space ID.
  27: [4, 8],
  // Designated vendor specific: whose, its length and id.
  35: [4, 10],
};

/** Vital Product Data (PCI 3.0 app I), Device Serial Number and Hierarchy ID (PCIe 6.0 sec 7.9.3, 7.9.11): no byte stays. */
const STANDARD_NAMING: Spans = { 3: [2, 8] };
const EXTENDED_NAMING: Spans = { 3: [4, 12], 40: [4, 0x20] };

/** Reserved bytes of the header's types 0 and 1, between the capability pointer and the ROM or the interrupt line. */
const RESERVED: readonly Span[] = [
  [0x35, 0x3c],
  [0x35, 0x38],
];
const CARDBUS_HEADER_BYTES = 0x48;
/** What headers of all types share. */
const COMMON_HEADER_BYTES = 0x10;

const notRead = unknown("not there");

/**
 * A copy of a function's config space with zeros for all that is not on a list of registers that matter: no serial
 * number, MAC address or product data is left in it, and the rules say the same of it. The length stays.
 */
export function withoutIdentifiers(bytes: Uint8Array): Uint8Array {
  // A device that is gone.
  if (bytes.every((byte) => byte === 0xff)) return bytes.slice();
  const config = new ConfigSpace(bytes, { beyondHeader: notRead, extended: notRead });
  const headerType = (bytes[0x0e] ?? 0) & 0x7f;
  const kept = new Uint8Array(bytes.length);
  keepHeader(bytes, kept, headerType);
  if (headerType > 2) return kept;
  const standard = walkStandard(config, headerType).headers;
  const extended = walkExtended(config).headers;
  // Null capabilities hold the pointers of the extended list too.
  for (const offset of extendedOffsets(config)) keep(bytes, kept, offset, offset + 4);
  keepSpans(config, bytes, kept, standard, STANDARD, 2, CONVENTIONAL_BYTES);
  keepSpans(config, bytes, kept, extended, EXTENDED, 4, bytes.length);
  for (const [headers, naming] of [[standard, STANDARD_NAMING] as const, [extended, EXTENDED_NAMING] as const]) {
    for (const { id, offset } of headers) {
      const [start, end] = spanOf(naming, config, id, offset) ?? [0, 0];
      kept.fill(0, offset + start, offset + end);
    }
  }
  return kept;
}

function keepHeader(bytes: Uint8Array, kept: Uint8Array, headerType: number): void {
  const length = [HEADER_BYTES, HEADER_BYTES, CARDBUS_HEADER_BYTES][headerType] ?? COMMON_HEADER_BYTES;
  keep(bytes, kept, 0, length);
  const [start, end] = RESERVED[headerType] ?? [0, 0];
  kept.fill(0, start, end);
}

function keep(bytes: Uint8Array, kept: Uint8Array, start: number, end: number): void {
  kept.set(bytes.subarray(start, end), Math.min(start, kept.length));
}

/** Keeps headers and registers, each at most up to the next capability. */
function keepSpans(
  config: ConfigSpace,
  bytes: Uint8Array,
  kept: Uint8Array,
  headers: readonly CapabilityHeader[],
  spans: Spans,
  headerBytes: number,
  limit: number,
): void {
  const offsets = headers.map(({ offset }) => offset).sort((a, b) => a - b);
  for (const { id, offset } of headers) {
    const [, end] = spanOf(spans, config, id, offset) ?? [0, headerBytes];
    const next = offsets.find((other) => other > offset) ?? limit;
    keep(
      bytes,
      kept,
      offset,
      Math.min(offset + Math.max(end, headerBytes), Math.max(next, offset + headerBytes), limit),
    );
  }
}

function spanOf(spans: Spans, config: ConfigSpace, id: number, offset: number): Span | undefined {
  const span = spans[id];
  return typeof span === "function" ? span(config, offset) : span;
}

/** Every place that the extended list goes through. */
function extendedOffsets(config: ConfigSpace): ReadonlySet<number> {
  const offsets = new Set<number>();
  let offset: number = CONVENTIONAL_BYTES;
  while (offset >= CONVENTIONAL_BYTES && !offsets.has(offset)) {
    const header = config.u32(offset);
    if (header === undefined || header === 0 || header === 0xffffffff) break;
    offsets.add(offset);
    offset = (header >>> 20) & 0xffc;
  }
  return offsets;
}

/** Where the entries of an Enhanced Allocation end (PCIe 6.0 sec 7.8.5). */
function allocationEnd(config: ConfigSpace, offset: number): number {
  const isBridge = ((config.u8(0x0e) ?? 0) & 0x7f) === 1;
  let end = offset + (isBridge ? 8 : 4);
  for (let left = (config.u8(offset + 2) ?? 0) & 0x3f; left > 0 && end < CONVENTIONAL_BYTES; left--) {
    end += 4 * (((config.u32(end) ?? 0) & 0x7) + 1);
  }
  return end;
}
