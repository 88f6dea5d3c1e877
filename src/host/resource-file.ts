import { physAddr } from "../pci/addresses.ts";
import type { Bar } from "../pci/bar.ts";
import { isUnknown, type Known, unknown } from "../pci/known.ts";

/** Flags of a resource line (`include/linux/ioport.h`). */
const IORESOURCE_IO = 0x100;
const IORESOURCE_MEM = 0x200;
const IORESOURCE_PREFETCH = 0x2000;
const IORESOURCE_MEM_64 = 0x100000;
const IORESOURCE_UNSET = 0x20000000;

const EXPANSION_ROM = 6;
const registerHidden = unknown("config space is not readable, so the BAR's register is not seen");
const registerEmpty = unknown("the system assigned an address that the BAR's register does not hold");
const tooHigh = unknown("the resource lies beyond 2^53, where no machine has any");

const notShown = unknown("the resource file shows nothing for a BAR whose register holds an address");

/**
 * The BARs of sysfs's `resource` file: CPU addresses and sizes, joined with the registers in `decoded` (bus addresses).
 * That there is none at all, it shows only beside registers that are seen to be empty (`hasNoRegister`). `undefined` for a text of another form:
 * the kernel prints 16 digits a number, and a line for each BAR and the ROM.
 */
export function parseResourceFile(
  text: string,
  decoded: Known<readonly Bar[]>,
  hasNoRegister: boolean,
): readonly Bar[] | undefined {
  const bars: Bar[] = [];
  const lines = text.split("\n");
  for (let index = 0; index <= EXPANSION_ROM; index++) {
    const match = /^0x([0-9a-f]{16}) 0x([0-9a-f]{16}) 0x([0-9a-f]{16})$/.exec(lines[index] ?? "");
    if (match === null) return undefined;
    const [start = 0, end = 0, flags = 0] = match.slice(1).map((digits) => Number.parseInt(digits, 16));
    const bar = makeBar(index, start, end, flags, decoded) ?? unlisted(index, decoded);
    if (bar !== undefined) bars.push(bar);
  }
  return bars.length > 0 || hasNoRegister ? bars : undefined;
}

/** The BAR of a register with an address for which the file has zeros: they contradict each other. */
function unlisted(index: number, decoded: Known<readonly Bar[]>): Bar | undefined {
  const register = isUnknown(decoded) ? undefined : decoded.find((bar) => bar.index === index);
  if (register === undefined || register.busAddress === null) return undefined;
  return { ...register, physAddress: notShown, sizeBytes: notShown };
}

function makeBar(
  index: number,
  start: number,
  end: number,
  flags: number,
  decoded: Known<readonly Bar[]>,
): Bar | undefined {
  // Flags may exceed 32 bits in theory; the ones of interest are all in the low word.
  const low = flags % 2 ** 32;
  const isMemory = (low & IORESOURCE_MEM) !== 0;
  if (!isMemory && (low & IORESOURCE_IO) === 0) return undefined;
  const unset = (low & IORESOURCE_UNSET) !== 0 || start === 0;
  const size = end - start + 1;
  const register = isUnknown(decoded) ? undefined : decoded.find((bar) => bar.index === index);
  return {
    index,
    kind: isMemory ? "memory" : "io",
    is64Bit: (low & IORESOURCE_MEM_64) !== 0,
    prefetchable: (low & IORESOURCE_PREFETCH) !== 0,
    busAddress: unset ? null : (register?.busAddress ?? (isUnknown(decoded) ? registerHidden : registerEmpty)),
    physAddress: unset ? null : Number.isSafeInteger(start) ? physAddr(start) : tooHigh,
    // Of ends beyond 2^53 the difference is not exact.
    sizeBytes: Number.isSafeInteger(end) && size > 0 ? size : tooHigh,
    fromEnhancedAllocation: register?.fromEnhancedAllocation ?? false,
  };
}
