import { busOf } from "../../pci/bdf.ts";
import type { Known } from "../../pci/known.ts";
import { readBarLine, readRomLine } from "./bar-line.ts";
import { flagTable, readFlags } from "./flags.ts";
import { readSubsystem } from "./header-line.ts";
import { type Line, word } from "./line.ts";
import { cutOff, unreadable } from "./reasons.ts";
import type { FunctionRecord } from "./record.ts";
import { readWindowLine } from "./window-line.ts";

/** The command register (PCI 3.0 sec 6.2.2) as `-vv` prints it. */
const commandBits = flagTable(
  ["I/O", 0x1],
  ["Mem", 0x2],
  ["BusMaster", 0x4],
  ["SpecCycle", 0x8],
  ["MemWINV", 0x10],
  ["VGASnoop", 0x20],
  ["ParErr", 0x40],
  ["Stepping", 0x80],
  ["SERR", 0x100],
  ["FastB2B", 0x200],
  ["DisINTx", 0x400],
);

const MINUS = 0x2d;
const control = word("Control: ");
const statusWord = word("Status: Cap");
const flags = word("Flags: ");
const devsel = word(" devsel");
const subsystem = word("Subsystem: ");
const numaNode = word("NUMA node: ");
const numaFlag = word("NUMA node ");
const group = word("IOMMU group: ");
const groupFlag = word("IOMMU group ");
const bus = word("Bus: primary=");
const secondary = word(", secondary=");
const subordinate = word(", subordinate=");
const driver = word("Kernel driver in use:");
const modules = word("Kernel modules:");
const oldDriver = word("Driver in use:");
const complaint = word("!!! ");
const unknownHeader = word("!!! Unknown header type 7f");
const physicalSlot = word("Physical Slot: ");
const deviceName = word("DeviceName:");
const tabSubsystem = word("\tSubsystem: ");
const secondaryStatus = word("Secondary status:");
const bridgeControl = word("BridgeCtl:");

/**
 * Reads a line that stands between a function's first line and its capabilities; false for a line that is none of
 * these, whatever it is.
 */
export function readFunctionLine(line: Line, record: FunctionRecord): boolean {
  switch (line.byte(line.start)) {
    case 0x43: // C
      return readControl(line, record);
    case 0x53: // S
      if (line.has(statusWord)) return readStatus(line, record);
      if (line.has(secondaryStatus)) return headDone(record);
      return line.has(subsystem) && takeSubsystem(line, line.start + subsystem.length, record);
    case 0x46: // F
      return line.has(flags) && readFlagsLine(line, record);
    case 0x4e: // N
      if (!line.has(numaNode)) return false;
      record.numaNode = line.decimal(line.start + numaNode.length);
      return seen(record, "vv");
    case 0x49: // I
      if (!line.has(group)) return readBarLine(line, record) || readWindowLine(line, record);
      record.iommuGroup = line.decimal(line.start + group.length);
      return seen(record, "vv");
    case 0x42: // B
      return line.has(bridgeControl) ? headDone(record) : readBus(line, record);
    case 0x52: // R
    case 0x5b: // [
      return readBarLine(line, record);
    case 0x4d: // M
      return readBarLine(line, record) || readWindowLine(line, record);
    case 0x50: // P
      return readWindowLine(line, record) || line.has(physicalSlot);
    case 0x45: // E
      return readRomLine(line, record);
    case 0x44: // D
      return readDeviceName(line, record);
    case 0x21: // !
      if (line.has(unknownHeader)) record.isGone = true;
      return line.has(complaint);
    default:
      return false;
  }
}

function seen(record: FunctionRecord, verbosity: "v" | "vv"): true {
  record.verbosity = verbosity;
  return true;
}

/** Both lines come behind the windows of a bridge. */
function headDone(record: FunctionRecord): true {
  record.isHeadDone = true;
  return true;
}

function readStatus(line: Line, record: FunctionRecord): true {
  record.hasCapabilityList = line.byte(line.start + statusWord.length) !== MINUS;
  return seen(record, "vv");
}

function readControl(line: Line, record: FunctionRecord): boolean {
  if (!line.has(control)) return false;
  const command = readFlags(line, line.start + control.length, commandBits);
  if (command >= 0) record.command = command;
  return seen(record, "vv");
}

function readFlagsLine(line: Line, record: FunctionRecord): boolean {
  // `lscpu` has a line of flags too.
  if (line.find(devsel) < 0) return false;
  const node = line.find(numaFlag);
  if (node >= 0) record.numaNode = line.decimal(node + numaFlag.length);
  const groupAt = line.find(groupFlag);
  if (groupAt >= 0) record.iommuGroup = line.decimal(groupAt + groupFlag.length);
  return seen(record, "v");
}

function takeSubsystem(line: Line, at: number, record: FunctionRecord): true {
  record.subsystem = readSubsystem(line.text(at));
  return true;
}

/** Some releases print no line end behind the name, and the subsystem follows on the same line. */
function readDeviceName(line: Line, record: FunctionRecord): boolean {
  if (!line.has(deviceName)) return false;
  const at = line.find(tabSubsystem);
  return at < 0 || takeSubsystem(line, at + tabSubsystem.length, record);
}

function readBus(line: Line, record: FunctionRecord): boolean {
  if (!line.has(bus)) return false;
  const primary = line.hexOf(2, line.start + bus.length);
  const second = line.has(secondary, line.next) ? line.hexOf(2, line.next + secondary.length) : -1;
  const last = line.has(subordinate, line.next) ? line.hexOf(2, line.next + subordinate.length) : -1;
  if (primary >= 0 && second >= 0 && last >= 0) record.bridge = { primary, secondary: second, subordinate: last };
  // What follows in a text has a higher address.
  if (primary > busOf(record.bdf)) record.isGlued = true;
  return true;
}

/** `Kernel driver in use: nvme` and `Kernel modules: nvme`, the last lines of a record; false for other lines. */
export function readKernelLine(line: Line, record: FunctionRecord): boolean {
  const prefix = [driver, oldDriver].find((text) => line.has(text));
  if (prefix === undefined && !line.has(modules)) return false;
  record.isTextDone = true;
  if (prefix === undefined) record.driver ??= null;
  else record.driver = line.isWhole ? readDriver(line, line.start + prefix.length) : cutOff;
  return true;
}

/** The kernel's module names have at most 56 bytes (`MODULE_NAME_LEN`); what is longer is none. */
function readDriver(line: Line, at: number): Known<string> {
  return line.end - at > 64 ? unreadable : line.text(at);
}
