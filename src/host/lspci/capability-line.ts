import type { Capability } from "../../pci/capability.ts";
import { capabilityName } from "../../pci/capability-names.ts";
import { readAcsLine } from "./acs-lines.ts";
import { capabilityIdOfText, isCutCapabilityText } from "./capability-texts.ts";
import { readAllocationLine } from "./enhanced-allocation-lines.ts";
import { readExpressLine, readExpressTitle, withoutLink } from "./express-lines.ts";
import { hasFeatureFields, readFeatureLine, readFeatureTitle } from "./feature-lines.ts";
import { readSubsystem } from "./header-line.ts";
import { type Line, word } from "./line.ts";
import { accessDenied, unreadable } from "./reasons.ts";
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
  if (record.hasCapabilityList === false) record.isGlued = true;
  record.showsCapabilities = true;
  record.order.begin("other");
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

/** Notes a line that is out of its order: others were left out, or the lines of another function follow. */
export function noteOrder(line: Line, record: FunctionRecord): void {
  const found = record.order.take(line);
  if (found === "another function") record.isGlued = true;
  // Of an endpoint on the root bus a link is printed for CXL alone, below another capability.
  else if (found === "lost lines" && !withoutLink.has(record.express?.type)) record.hasLostLines = true;
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
      record.order.begin("express");
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
    record.order.begin("errors");
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
