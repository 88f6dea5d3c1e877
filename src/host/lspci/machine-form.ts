import { readBdf, readClass } from "./header-line.ts";
import { type Line, word } from "./line.ts";
import { FunctionRecord } from "./record.ts";

const QUOTE = 0x22;
const SPACE = 0x20;
/** `lspci` prints five names of at most 255 bytes each, in which it may protect every letter. */
const MAX_BYTES = 4096;
const slot = word("Slot:");
const deviceKey = word("Device:");

/** Reads a line of `lspci -mm`, `00:1f.3 "Audio device" "Intel" "…" -r21 -p80 "Dell" "…"`; `undefined` for others. */
export function readMachineLine(line: Line): FunctionRecord | undefined {
  if (line.end - line.start > MAX_BYTES) return undefined;
  const bdf = readBdf(line, line.start);
  if (bdf === undefined || line.byte(line.next) !== SPACE || line.byte(line.next + 1) !== QUOTE) return undefined;
  const record = new FunctionRecord(bdf, line.number);
  const [words, options] = splitQuoted(line.text(line.next + 1));
  const [className, vendor, device, subsystemVendor, subsystemDevice] = words;
  if (className === undefined || !readClass(className, record)) return undefined;
  record.isHeadWhole = line.isWhole;
  takeNames(record, vendor, device);
  takeSubsystem(record, subsystemVendor, subsystemDevice);
  record.revision = optionOf(options, "-r") ?? (line.isWhole ? 0 : record.revision);
  record.programmingInterface = optionOf(options, "-p") ?? record.programmingInterface;
  return record;
}

/** Splits `"a" "b" -r01`; a backslash protects the next letter; a quote that does not close ends the words. */
function splitQuoted(text: string): [words: string[], options: string[]] {
  const words: string[] = [];
  const options: string[] = [];
  for (const match of text.matchAll(/"((?:[^"\\]|\\.)*)"|(-\S+)/g)) {
    if (match[1] !== undefined) words.push(match[1].replaceAll(/\\(.)/g, "$1"));
    else if (match[2] !== undefined) options.push(match[2]);
  }
  return [words, options];
}

function optionOf(options: readonly string[], letter: string): number | undefined {
  const digits = options.find((option) => option.startsWith(letter))?.slice(2);
  return digits !== undefined && /^[0-9a-f]{2}$/.test(digits) ? Number.parseInt(digits, 16) : undefined;
}

const codeAtEnd = /(?:^|\[)([0-9a-f]{4})\]?$/;

function idOf(text: string | undefined): number | undefined {
  const digits = codeAtEnd.exec(text ?? "")?.[1];
  return digits === undefined ? undefined : Number.parseInt(digits, 16);
}

function nameOf(text: string): string {
  return text.replace(/ ?\[[0-9a-f]{4}\]$/, "");
}

function takeNames(record: FunctionRecord, vendor: string | undefined, device: string | undefined): void {
  record.vendorId = idOf(vendor) ?? record.vendorId;
  record.deviceId = idOf(device) ?? record.deviceId;
  if (vendor === undefined || device === undefined || /^[0-9a-f]{4}$/.test(vendor)) return;
  const name = nameOf(device);
  // As in the other forms a device without a name is `Vendor Device 1234`, or `Vendor Device [1234]` with ids.
  record.label = `${nameOf(vendor)} ${name}`;
}

function takeSubsystem(record: FunctionRecord, vendor: string | undefined, device: string | undefined): void {
  const vendorId = idOf(vendor);
  const deviceId = idOf(device);
  if (vendorId !== undefined && deviceId !== undefined) record.subsystem = { vendorId, deviceId };
}

/** Begins a record of `lspci -vmm` at `Slot:` (`Device:` with an address in `-vm`); `undefined` for other lines. */
export function readSlotLine(line: Line): FunctionRecord | undefined {
  const key = line.has(slot) ? slot : line.has(deviceKey) ? deviceKey : undefined;
  if (key === undefined) return undefined;
  let at = line.start + key.length;
  while (at < line.end && line.byte(at) <= SPACE) at++;
  const bdf = readBdf(line, at);
  return bdf === undefined || line.next !== line.end ? undefined : new FunctionRecord(bdf, line.number);
}

/** Reads the lines `Key:\tvalue` of a record of `lspci -vmm` and knows the names until the record ends. */
export class MachineRecord {
  readonly record: FunctionRecord;
  readonly #values = new Map<string, string>();

  constructor(record: FunctionRecord) {
    this.record = record;
  }

  /** False for a line that is none of the form. */
  readLine(line: Line): boolean {
    const match = /^([A-Z][A-Za-z]{1,15}):\s+(.*)$/.exec(line.end - line.start > 600 ? "" : line.text());
    if (match === null) return false;
    const [, key = "", value = ""] = match;
    if (line.isWhole && this.#values.size < 32) this.#values.set(key, value);
    return true;
  }

  /** The record with all that its lines gave. */
  finish(): FunctionRecord {
    const { record } = this;
    const value = (key: string): string | undefined => this.#values.get(key);
    const className = value("Class");
    if (className !== undefined) readClass(className, record);
    takeNames(record, value("Vendor"), value("Device"));
    takeSubsystem(record, value("SVendor"), value("SDevice"));
    record.revision = number(value("Rev"), 16) ?? record.revision;
    record.programmingInterface = number(value("ProgIf"), 16) ?? record.programmingInterface;
    record.numaNode = number(value("NUMANode"), 10) ?? record.numaNode;
    record.iommuGroup = number(value("IOMMUGroup"), 10) ?? record.iommuGroup;
    const driver = value("Driver");
    if (driver !== undefined) record.driver = driver;
    return record;
  }
}

function number(text: string | undefined, radix: 10 | 16): number | undefined {
  const pattern = radix === 10 ? /^\d{1,9}$/ : /^[0-9a-f]{2}$/;
  return text !== undefined && pattern.test(text) ? Number.parseInt(text, radix) : undefined;
}
