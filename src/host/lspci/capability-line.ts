import type { Capability } from "../../pci/capability.ts";
import { capabilityName } from "../../pci/capability-names.ts";
import { readAcsLine } from "./acs-lines.ts";
import { capabilityIdOfText, isCutCapabilityText } from "./capability-texts.ts";
import { readAllocationLine } from "./enhanced-allocation-lines.ts";
import { readExpressLine, readExpressTitle } from "./express-lines.ts";
import { hasFeatureFields, readFeatureLine, readFeatureTitle } from "./feature-lines.ts";
import { readSubsystem } from "./header-line.ts";
import { type Line, word } from "./line.ts";
import { accessDenied, lostLines, unreadable } from "./reasons.ts";
import type { FunctionRecord } from "./record.ts";
import { readResizableBarLine } from "./resizable-bar-lines.ts";
import { readSriovLine } from "./sriov-lines.ts";

const BRACKET = 0x5b;
const CLOSING = 0x5d;
const VERSION = 0x76;

const title = word("Capabilities: ");
const denied = word("<access denied");
const looped = word("<chain looped>");
const broken = word("<chain broken>");
const subsystem = word("Subsystem: ");

/** A function's two lists cannot hold more: 48 entries of four bytes, and 960 in extended space. */
const MAX_CAPABILITIES = 1008;

/** `Capabilities: [70] Express (v2) Endpoint, MSI 00` and its like; false for other lines. */
export function readCapabilityTitle(line: Line, record: FunctionRecord): boolean {
  if (!line.has(title)) return false;
  record.isHeadDone = true;
  if (record.isWithinGroup) record.isGlued = true;
  record.showsCapabilities = true;
  record.readCapabilityLine = undefined;
  const at = line.start + title.length;
  if (line.has(denied, at)) record.capabilitiesHidden ??= accessDenied;
  else if (line.byte(at) !== BRACKET) record.capabilitiesHidden ??= unreadable;
  else readTitle(line, at + 1, record);
  return true;
}

/** A CardBus bridge whose text ends at its first 128 bytes: `<access denied to the rest>`. */
export function readDeniedLine(line: Line, record: FunctionRecord): boolean {
  if (!line.has(denied)) return false;
  record.capabilitiesHidden ??= accessDenied;
  return true;
}

function readTitle(line: Line, at: number, record: FunctionRecord): void {
  const offset = line.hex(at);
  const digits = line.next - at;
  // `-v` prints no version, which then is given as 0.
  let version = 0;
  if (line.byte(line.next + 1) === VERSION) version = line.decimal(line.next + 2);
  const textAt = line.next + 2;
  if (offset < 0 || offset > 0xfff || version < 0 || line.byte(line.next) !== CLOSING) {
    record.capabilitiesHidden ??= unreadable;
    return;
  }
  if (line.has(looped, textAt) || line.has(broken, textAt)) {
    record.oddity = `the capability list is broken at 0x${offset.toString(16)}`;
    return;
  }
  record.addCapabilityOffset(offset);
  if (record.isGlued) return;
  if (record.capabilities.length >= MAX_CAPABILITIES) {
    record.capabilitiesHidden ??= unreadable;
    return;
  }
  // Extended capabilities begin at 0x100: their offsets have three digits.
  const space = digits >= 3 ? "extended" : "standard";
  const id = capabilityIdOfText(line, textAt, space);
  if (id === 0 && space === "extended") return;
  if (id === undefined && isCutCapabilityText(line.text(textAt), space)) record.capabilitiesHidden ??= unreadable;
  const name =
    id === undefined ? line.text(textAt, Math.min(line.end, textAt + MAX_NAME_BYTES)) : capabilityName(space, id);
  const decoded = id !== undefined && space === "extended" && hasFeatureFields(id) ? {} : nothing;
  record.capabilities.push({ space, id: id ?? UNNAMED_CAPABILITY, version, offset, name, decoded });
  if (id !== undefined) begin(line, textAt, record, space, id, decoded);
}

/** Most capabilities have no fields to show; one object serves them all. */
const nothing: Readonly<Record<string, never>> = Object.freeze({});

/** Names of capabilities that the tables do not have are kept this far. */
const MAX_NAME_BYTES = 80;
/** The id of a capability whose text the tables do not have; the specification reserves it. */
const UNNAMED_CAPABILITY = 0xffff;

const expressLines = ["DevCap:", "DevCtl:", "DevSta:", "LnkCap:", "LnkCtl:", "LnkSta:", "RootCtl:", "DevCap2:"].map(
  word,
);
const errorLines = ["UESta:", "UEMsk:", "UESvrt:", "CESta:", "CEMsk:", "AERCap:"].map(word);
const sriovLines = ["IOVCap:", "IOVCtl:", "Initial VFs: ", "VF offset: "].map(word);

/** Notes a line of a capability whose title has not come: it was left out, and others may have been too. */
export function noteLooseLine(line: Line, record: FunctionRecord): void {
  const has = (words: readonly Uint8Array[]): boolean => words.some((text) => line.has(text));
  switch (line.byte(line.start)) {
    case 0x44: // D
    case 0x4c: // L
    case 0x52: // R
      if (record.express === undefined && has(expressLines)) record.capabilitiesHidden ??= lostLines;
      return;
    case 0x55: // U
    case 0x43: // C
    case 0x41: // A
      if (!record.hasErrorReporting && has(errorLines)) record.capabilitiesHidden ??= lostLines;
      return;
    case 0x49: // I
    case 0x56: // V
      if (!record.hasSriov && has(sriovLines)) record.capabilitiesHidden ??= lostLines;
      return;
    default:
  }
}

const headerLog = word("HeaderLog:");
const errorMask = word("UEMsk:");
const errorCapability = word("AERCap:");

/** Notes whether the lines of Advanced Error Reporting are all there, from the second to what comes last in all releases. */
function readErrorLine(line: Line, record: FunctionRecord): void {
  if (line.has(errorMask)) record.isWithinGroup = true;
  else if (line.has(errorCapability)) {
    if (!record.isWithinGroup) record.capabilitiesHidden ??= lostLines;
    record.isWithinGroup = false;
    record.errorLines = "to AERCap";
  } else if (line.has(headerLog)) record.errorLines = "to HeaderLog";
}

/** Reads the rest of the title and says who reads the lines below it. Of a capability that comes twice the first counts. */
function begin(
  line: Line,
  at: number,
  record: FunctionRecord,
  space: Capability["space"],
  id: number,
  decoded: Record<string, number | string | boolean>,
): void {
  if (space === "standard") {
    if (id === 0x10 && record.express === undefined) {
      record.express = readExpressTitle(line, at);
      record.readCapabilityLine = readExpressLine;
    } else if (id === 0x0d && record.subsystem === undefined) {
      record.subsystem = readSubsystem(line.text(at + subsystem.length));
    } else if (id === 0x14) {
      record.readCapabilityLine = readAllocationLine;
    }
    return;
  }
  if (id === 0x01) {
    record.hasErrorReporting = true;
    record.readCapabilityLine = readErrorLine;
  } else if (id === 0x0d && !record.hasAcs) {
    record.hasAcs = true;
    record.readCapabilityLine = readAcsLine;
  } else if (id === 0x10 && !record.hasSriov) {
    record.hasSriov = true;
    record.readCapabilityLine = readSriovLine;
  } else if (id === 0x15 && !record.hasResizableBar) {
    record.hasResizableBar = true;
    record.readCapabilityLine = readResizableBarLine;
  } else if (hasFeatureFields(id)) {
    readFeatureTitle(line, at, id, decoded);
    record.readCapabilityLine = (below) => readFeatureLine(below, decoded);
  }
}
