import { CONVENTIONAL_BYTES, type ConfigSpace } from "./config-space.ts";
import { type ExpressRegisters, type LinkState, type PciExpress, PORT_TYPES, type PortType } from "./express.ts";
import { isUnknown, type Known, type Unknown, unknown } from "./known.ts";

const typeByValue = new Map<number, PortType>(
  (Object.entries(PORT_TYPES) as [PortType, number][]).map(([name, value]) => [value, name]),
);

/** GT/s by the encoding of link speeds (PCIe 6.0 sec 7.5.3.18). */
const speeds = [0, 2.5, 5, 8, 16, 32, 64, 128] as const;

/** GT/s of a speed encoding; 0 for one that the specification reserves. */
export function linkSpeed(encoding: number): number {
  return speeds[encoding] ?? 0;
}

function linkState(speedEncoding: number, width: number): LinkState {
  return { speedGTps: linkSpeed(speedEncoding), width };
}

/** True for the types that have a link of their own. */
function hasLink(type: PortType | "reserved"): boolean {
  return type !== "root-complex-endpoint" && type !== "root-complex-event-collector";
}

/** Decodes the PCI Express capability at `offset` (PCIe 6.0 sec 7.5.3). */
export function decodeExpress(config: ConfigSpace, offset: number): PciExpress {
  const word = config.known16(offset + 2);
  // Its version is 1 at least.
  const capabilities = word === 0 ? zeroed : word;
  const type = map(capabilities, (value) => typeByValue.get((value >>> 4) & 0xf) ?? ("reserved" as const));
  const linked = isUnknown(type) || hasLink(type);
  return {
    type,
    version: map(capabilities, (value) => value & 0xf),
    slotImplemented: map(capabilities, (value) => (value & 0x100) !== 0),
    slotNumber: slotNumber(config, offset, capabilities),
    linkCapable: linked
      ? map(config.known32(offset + 0x0c), (value) => linkState(value & 0xf, (value >>> 4) & 0x3f))
      : null,
    linkStatus: linked
      ? map(config.known16(offset + 0x12), (value) => linkState(value & 0xf, (value >>> 4) & 0x3f))
      : null,
    registers: registers(config, offset, capabilities),
  };
}

const zeroed: Unknown = unknown("the PCI Express capability reads as zeros, which none does");
const cutOff: Unknown = unknown("the capability runs past the end of its space");

/** A 32-bit register of the capability, which lies in the first 256 bytes or not at all. */
function register(config: ConfigSpace, offset: number): Known<number> {
  return offset + 4 > CONVENTIONAL_BYTES ? cutOff : config.known32(offset);
}

function map<T, R>(value: Known<T>, change: (value: T) => R): Known<R> {
  return isUnknown(value) ? value : change(value as T);
}

function slotNumber(config: ConfigSpace, offset: number, capabilities: Known<number>): Known<number | null> {
  if (isUnknown(capabilities)) return capabilities;
  if ((capabilities & 0x100) === 0) return null;
  return map(register(config, offset + 0x14), (value) => value >>> 19);
}

function registers(config: ConfigSpace, offset: number, capabilities: Known<number>): Known<ExpressRegisters> {
  if (isUnknown(capabilities)) return capabilities;
  // A version 1 capability ends after its first registers; what follows belongs to another one.
  const hasSecond = (capabilities & 0xf) >= 2;
  const end = offset + (hasSecond ? 0x34 : 0x14);
  if (end > CONVENTIONAL_BYTES) return cutOff;
  const words = config.all32(offset + 4, offset + 8, offset + 0x0c, offset + 0x10);
  if (isUnknown(words)) return words;
  const late = hasSecond ? config.all32(offset + 0x24, offset + 0x28, offset + 0x2c, offset + 0x30) : [];
  if (isUnknown(late)) return late;
  const at = (list: readonly number[], index: number): number => list[index] ?? 0;
  return {
    deviceCapabilities: at(words, 0),
    deviceControl: at(words, 1) & 0xffff,
    deviceStatus: at(words, 1) >>> 16,
    linkCapabilities: at(words, 2),
    linkControl: at(words, 3) & 0xffff,
    linkStatus: at(words, 3) >>> 16,
    deviceCapabilities2: at(late, 0),
    deviceControl2: at(late, 1) & 0xffff,
    linkCapabilities2: at(late, 2),
    linkControl2: at(late, 3) & 0xffff,
    linkStatus2: at(late, 3) >>> 16,
  };
}
