import type { LinkState, PortType } from "../../pci/express.ts";
import { isPacketSize } from "../../pci/packet-control.ts";
import { type Line, word } from "./line.ts";
import { type ExpressLines, type FunctionRecord, NOT_SEEN } from "./record.ts";

const PLUS = 0x2b;
const MINUS = 0x2d;
const express = word("Express ");
const versionText = word("(v");
const behindVersion = word(") ");
const slotText = word(" (Slot");

/** `lspci`'s words for the port types; one that begins like another comes after it. */
const types: readonly (readonly [text: Uint8Array, type: PortType | "reserved"])[] = [
  [word("Endpoint"), "endpoint"],
  [word("Legacy Endpoint"), "legacy-endpoint"],
  [word("Root Port"), "root-port"],
  [word("Upstream Port"), "upstream-port"],
  [word("Downstream Port"), "downstream-port"],
  [word("PCI-Express to PCI/PCI-X Bridge"), "pcie-to-pci-bridge"],
  [word("PCI/PCI-X to PCI-Express Bridge"), "pci-to-pcie-bridge"],
  [word("PCI/PCI-X Bridge"), "pcie-to-pci-bridge"],
  [word("Root Complex Integrated Endpoint"), "root-complex-endpoint"],
  [word("Root Complex Event Collector"), "root-complex-event-collector"],
  [word("Unknown type"), "reserved"],
];

/** The types without a link of their own. */
export const withoutLink: ReadonlySet<unknown> = new Set(["root-complex-endpoint", "root-complex-event-collector"]);

/** The types that have a slot bit, which then is printed; of the others the specification says that it is clear. */
function mayHaveSlot(type: PortType | "reserved" | undefined): boolean {
  return type === "root-port" || type === "downstream-port" || type === "pci-to-pcie-bridge" || type === undefined;
}

/** Reads `Express (v2) Root Port (Slot+), MSI 00` at `at`. */
export function readExpressTitle(line: Line, at: number): ExpressLines {
  let typeAt = at + express.length;
  let version = NOT_SEEN;
  if (line.has(versionText, typeAt)) {
    version = line.decimal(typeAt + versionText.length);
    typeAt = line.next + behindVersion.length;
  }
  const found = types.find(([text]) => line.has(text, typeAt));
  const slotAt = line.find(slotText, typeAt);
  const type = found?.[1];
  return {
    type,
    version,
    slotImplemented: slotAt >= 0 ? line.byte(slotAt + slotText.length) === PLUS : mayHaveSlot(type) ? undefined : false,
    slotNumber: NOT_SEEN,
    linkCapable: undefined,
    linkStatus: undefined,
    possiblePayload: NOT_SEEN,
    maxPayload: NOT_SEEN,
    maxReadRequest: NOT_SEEN,
    relaxedOrdering: undefined,
    extendedTags: undefined,
    isLinkUp: false,
  };
}

const linkCapable = word("LnkCap:");
const linkStatus = word("LnkSta:");
const slotNumber = word("Slot #");
const deviceCapabilities = word("DevCap:");
const maxPayload = word("MaxPayload ");
const maxReadRequest = word("MaxReadReq ");
const relaxedOrdering = word("RlxdOrd");
const extendedTags = word("ExtTag");
const changed = word("Changed:");
/** What shows a device behind a port, by the line in which it stands or begins. */
const signs = new Map([
  ["LnkSta:", word("DLActive+")],
  ["SltSta:", word("PresDet+")],
]);
const speedText = word("Speed ");
const widthText = word("Width x");

/** Reads the lines of Device Control, link and slot below a PCI Express capability. */
export function readExpressLine(line: Line, record: FunctionRecord): void {
  const lines = record.express;
  if (lines === undefined) return;
  const sign = signs.get(record.order.endOf("express") ?? "");
  if (sign !== undefined && line.find(sign) >= 0 && !line.has(changed)) lines.isLinkUp = true;
  switch (line.byte(line.start)) {
    case 0x4c: // L
      if (line.has(linkCapable)) lines.linkCapable ??= readLink(line);
      else if (line.has(linkStatus)) lines.linkStatus ??= readLink(line);
      return;
    case 0x44: // D
      if (line.has(deviceCapabilities)) lines.possiblePayload = sizeBehind(line, maxPayload);
      return;
    case 0x4d: // M
      if (!line.has(maxPayload)) return;
      lines.maxPayload = sizeBehind(line, maxPayload);
      lines.maxReadRequest = sizeBehind(line, maxReadRequest);
      return;
    case 0x52: // R
      if (!line.has(relaxedOrdering)) return;
      lines.relaxedOrdering = flagBehind(line, relaxedOrdering);
      lines.extendedTags = flagBehind(line, extendedTags);
      return;
    case 0x53: // S
      if (line.has(slotNumber)) lines.slotNumber = line.decimal(line.start + slotNumber.length);
      return;
    default:
  }
}

/** The number of bytes behind a word, where it is one that the register can hold. */
function sizeBehind(line: Line, text: Uint8Array): number {
  const at = line.find(text);
  const size = at < 0 ? NOT_SEEN : line.decimal(at + text.length);
  return isPacketSize(size) ? size : NOT_SEEN;
}

function flagBehind(line: Line, text: Uint8Array): boolean | undefined {
  const at = line.find(text);
  const sign = at < 0 ? undefined : line.byte(at + text.length);
  return sign === PLUS ? true : sign === MINUS ? false : undefined;
}

const unknownSpeed = word("unknown");

/** `Speed 2.5GT/s (downgraded), Width x8`; `Speed unknown` stands for an encoding that is reserved, speed 0. */
function readLink(line: Line): LinkState | undefined {
  const speedAt = line.find(speedText);
  const widthAt = speedAt < 0 ? -1 : line.find(widthText, speedAt);
  if (widthAt < 0) return undefined;
  const width = line.decimal(widthAt + widthText.length);
  const speedGTps = line.has(unknownSpeed, speedAt + speedText.length)
    ? 0
    : readSpeed(line, speedAt + speedText.length);
  return width < 0 || speedGTps < 0 ? undefined : { speedGTps, width };
}

const half = word(".5GT/s");
const whole = word("GT/s");

function readSpeed(line: Line, at: number): number {
  const speed = line.decimal(at);
  if (line.has(half, line.next)) return speed + 0.5;
  return line.has(whole, line.next) ? speed : -1;
}
