import { PeerlaneError } from "./error.ts";

declare const bdfBrand: unique symbol;

/**
 * The address of a PCI function: domain (segment, up to 32 bits), bus, device, function, packed as
 * `domain * 65536 + bus * 256 + device * 8 + function`. Numeric order is the kernel's enumeration order.
 */
export type Bdf = number & { readonly [bdfBrand]: true };

/** True for a number that is an address. */
export function isBdf(value: unknown): value is Bdf {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= 0xffff_ffff_ffff;
}

/** Packs an address; throws `bad-input` when a part is out of range. */
export function makeBdf(domain: number, bus: number, device: number, fn: number): Bdf {
  const whole = Number.isInteger(domain) && Number.isInteger(bus) && Number.isInteger(device) && Number.isInteger(fn);
  const inRange =
    domain >= 0 && domain <= 0xffffffff && bus >= 0 && bus <= 255 && device >= 0 && device <= 31 && fn >= 0 && fn <= 7;
  if (!whole || !inRange) {
    throw new PeerlaneError(
      "bad-input",
      `not a PCI address: domain ${domain}, bus ${bus}, device ${device}, function ${fn}`,
    );
  }
  return (domain * 0x10000 + bus * 0x100 + device * 8 + fn) as Bdf;
}

/** The domain (segment), 0 to 2^32 - 1. */
export function domainOf(bdf: Bdf): number {
  return Math.floor(bdf / 0x10000);
}

/** The bus number, 0 to 255. */
export function busOf(bdf: Bdf): number {
  return Math.floor(bdf / 0x100) % 0x100;
}

/** Domain and bus together (`domain * 256 + bus`): one number per bus of a machine. */
export function busKeyOf(bdf: Bdf): number {
  return Math.floor(bdf / 0x100);
}

/** The device (slot) number, 0 to 31. */
export function deviceOf(bdf: Bdf): number {
  return Math.floor(bdf / 8) % 32;
}

/** Domain, bus and device together: one number per slot of a machine. */
export function slotOf(bdf: Bdf): number {
  return Math.floor(bdf / 8);
}

/** The function number, 0 to 7. */
export function functionOf(bdf: Bdf): number {
  return bdf % 8;
}

/** Device and function as the 8-bit `devfn` of the kernel. */
export function devfnOf(bdf: Bdf): number {
  return bdf % 0x100;
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, "0");
}

/** Prints `0000:3f:00.1`; domains above 16 bits take as many digits as they need (`10000:e1:00.0`). */
export function formatBdf(bdf: Bdf): string {
  return `${hex(domainOf(bdf), 4)}:${hex(busOf(bdf), 2)}:${hex(deviceOf(bdf), 2)}.${functionOf(bdf)}`;
}

/** Prints a bus as `0000:3f`. */
export function formatBus(busKey: number): string {
  return `${hex(Math.floor(busKey / 0x100), 4)}:${hex(busKey % 0x100, 2)}`;
}

const bdfPattern = /^(?:([0-9a-f]{4,8}):)?([0-9a-f]{2}):([01][0-9a-f])\.([0-7])$/i;

/** Parses `0000:3f:00.1` or `3f:00.1` (domain 0) strictly; `undefined` for anything else. */
export function parseBdf(text: string): Bdf | undefined {
  const match = bdfPattern.exec(text);
  if (match === null) return undefined;
  const part = (index: number): number => Number.parseInt(match[index] ?? "0", 16);
  return makeBdf(part(1), part(2), part(3), part(4));
}
