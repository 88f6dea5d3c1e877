import { type Bdf, busOf, deviceOf, domainOf, functionOf, makeBdf } from "../../pci/bdf.ts";
import type { Unknown } from "../../pci/known.ts";
import { classOfName } from "./class-names.ts";
import { hexDigit, type Line, word } from "./line.ts";
import { namesOnly } from "./reasons.ts";
import { FunctionRecord } from "./record.ts";

const COLON = 0x3a;
const DOT = 0x2e;
const SPACE = 0x20;
const classEnd = word(": ");

/** No first line of a function is longer: `lspci` prints three names of at most 255 bytes each. */
const MAX_HEADER_BYTES = 2048;

/**
 * Reads `dd:dd.d`, or with a domain of four to eight digits before it, at `at`; leaves `line.next` behind it.
 * `undefined` for anything else.
 */
export function readBdf(line: Line, at: number): Bdf | undefined {
  let domain = 0;
  let begin = at;
  let bus = line.hex(begin);
  let digits = line.next - begin;
  if (digits >= 4 && digits <= 8 && line.byte(line.next) === COLON) {
    domain = bus;
    begin = line.next + 1;
    bus = line.hex(begin);
    digits = line.next - begin;
  }
  if (digits !== 2 || line.byte(line.next) !== COLON) return undefined;
  const device = line.hexOf(2, line.next + 1);
  if (device < 0 || device > 31 || line.byte(line.next) !== DOT) return undefined;
  const fn = hexDigit(line.byte(line.next + 1));
  if (fn < 0 || fn > 7) return undefined;
  line.next += 2;
  return makeBdf(domain, bus, device, fn);
}

const SLASH = 0x2f;
/** Bridges that a path of `-PP` may name: more than a bus number can count are none. */
const MAX_PATH = 256;

/**
 * Reads an address, or a path of `lspci -PP`, `00:01.0/01:00.0/02:03.0`, at `at`: the bridges from the root bus down, and
 * the function itself last. Later parts have no domain of their own. Leaves `line.next` behind it.
 */
export function readPath(line: Line, at: number): readonly [bdf: Bdf, bridges: readonly Bdf[]] | undefined {
  let bdf = readBdf(line, at);
  if (bdf === undefined) return undefined;
  const domain = domainOf(bdf);
  const bridges: Bdf[] = [];
  while (line.byte(line.next) === SLASH && bridges.length < MAX_PATH) {
    bridges.push(bdf);
    const below = readBdf(line, line.next + 1);
    if (below === undefined) return undefined;
    bdf = makeBdf(domain, busOf(below), deviceOf(below), functionOf(below));
  }
  return [bdf, bridges];
}

const groupWord = /^(?:IOMMU )?group:? {1,4}(\d{1,6}):?(?:\s+|$)/i;

/** The group's number that stands before a function in a listing of IOMMU groups; `next` is behind it. */
export interface GroupMark {
  readonly group: number;
  readonly next: number;
}

/** Reads `IOMMU Group 7` or `Group 7:` at the beginning of a line, as the well-known loop over `/sys/kernel/iommu_groups` prints it. */
export function readGroupMark(line: Line): GroupMark | undefined {
  const first = line.byte(line.start) | 0x20;
  // `IOMMU group` or `group`: few lines begin so.
  if (first !== 0x69 && first !== 0x67) return undefined;
  const match = groupWord.exec(line.text(line.start, Math.min(line.end, line.start + 32)));
  if (match === null) return undefined;
  return { group: Number(match[1]), next: line.behindSpace(line.start + match[0].trimEnd().length) };
}

const bullets = [word("- "), word("* "), word("+ ")];

/** Where a line's text begins: behind the mark of a list in Markdown, if it has one. */
export function behindBullet(line: Line): number {
  return bullets.some((bullet) => line.has(bullet)) ? line.start + 2 : line.start;
}

/**
 * Reads the first line of a function, `00:1c.0 PCI bridge [0604]: Intel … [8086:9d10] (rev f1) (prog-if 00 [Normal
 * decode])`, with or without ids, names and domain; `undefined` for a line that is none.
 */
export function readHeaderLine(line: Line, at: number = behindBullet(line)): FunctionRecord | undefined {
  const path = readPath(line, at);
  if (path === undefined || line.byte(line.next) !== SPACE || line.end - line.start > MAX_HEADER_BYTES)
    return undefined;
  const classStart = line.next + 1;
  const colon = line.find(classEnd, classStart);
  if (colon < 0) return undefined;
  const record = new FunctionRecord(path[0], line.number);
  record.bridgesAbove = path[1];
  if (!readClass(line.text(classStart, colon), record)) return undefined;
  record.isHeadWhole = line.isWhole;
  readDevice(line.text(colon + classEnd.length), record);
  return record;
}

const bracketedCode = / ?\[([0-9a-f]{4})\]$/;
const bareCode = /^(?:Class )?([0-9a-f]{4})$/;

/** `PCI bridge`, `PCI bridge [0604]`, `0604`, `Class 0604`; false for what cannot be a class. */
export function readClass(text: string, record: FunctionRecord): boolean {
  const code = bracketedCode.exec(text) ?? bareCode.exec(text);
  if (code !== null) {
    record.classKind = Number.parseInt(code[1] ?? "", 16);
    return true;
  }
  const known = classOfName(text);
  if (known !== undefined) record.classKind = known;
  // A name that the table does not have may still be a class: newer lists have more. Prose begins otherwise.
  return known !== undefined || /^[A-Z0-9]/.test(text);
}

const idsAtEnd = /\[([0-9a-f]{4}):([0-9a-f]{4})\]$/;
const idsAlone = /^(?:(?:Unknown d|D)evice )?([0-9a-f]{4}):([0-9a-f]{4})$/;

/** Names, ids, revision and programming interface: all that follows the class. */
function readDevice(text: string, record: FunctionRecord): void {
  const rest = takeRevision(takeInterface(text, record), record);
  if (record.revision === 0xff && record.programmingInterface === 0xff) record.isGone = true;
  const ids = idsAtEnd.exec(rest) ?? idsAlone.exec(rest);
  if (ids !== null) {
    record.vendorId = Number.parseInt(ids[1] ?? "", 16);
    record.deviceId = Number.parseInt(ids[2] ?? "", 16);
  }
  const label = ids === null ? rest : rest.slice(0, ids.index).trim();
  record.label = label === "" || label === "Device" || !record.isHeadWhole ? null : label;
}

function takeInterface(text: string, record: FunctionRecord): string {
  const at = text.lastIndexOf(" (prog-if ");
  const code = at < 0 ? null : /^ \(prog-if ([0-9a-f]{2})(?: \[.*\])?\)$/.exec(text.slice(at));
  if (code === null) return text;
  record.programmingInterface = Number.parseInt(code[1] ?? "", 16);
  return text.slice(0, at);
}

function takeRevision(text: string, record: FunctionRecord): string {
  const at = text.lastIndexOf(" (rev ");
  const code = at < 0 ? null : /^ \(rev ([0-9a-f]{2})\)$/.exec(text.slice(at));
  if (code === null) {
    // A revision of zero is not printed.
    if (record.isHeadWhole) record.revision = 0;
    return text;
  }
  record.revision = Number.parseInt(code[1] ?? "", 16);
  return text.slice(0, at);
}

/** The ids at the end of a text, `Dell Device [1028:07be]` or `1028:07be`; `undefined` where it has names only. */
export function readIds(text: string): { vendorId: number; deviceId: number } | undefined {
  const ids = idsAtEnd.exec(text) ?? idsAlone.exec(text);
  if (ids === null) return undefined;
  return { vendorId: Number.parseInt(ids[1] ?? "", 16), deviceId: Number.parseInt(ids[2] ?? "", 16) };
}

/** What a `Subsystem:` text names; registers of zero name none. */
export function readSubsystem(text: string): { vendorId: number; deviceId: number } | Unknown | null {
  const ids = readIds(text);
  if (ids === undefined) return namesOnly;
  return ids.vendorId === 0 && ids.deviceId === 0 ? null : ids;
}
