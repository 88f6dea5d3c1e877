import { PeerlaneError } from "./error.ts";

declare const space: unique symbol;

/** An address as the PCI bus sees it: what a BAR register holds and what a TLP carries. */
export type BusAddr = number & { readonly [space]: "bus" };
/** An address as the CPU sees it: what `/proc/iomem` and the `resource` files show. */
export type PhysAddr = number & { readonly [space]: "phys" };

function checked(value: number, what: string): number {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new PeerlaneError("bad-input", `${what} ${value} is not an address below 2^53`);
  }
  return value;
}

/** Takes a raw number as a bus address; throws `bad-input` unless it is a safe non-negative integer. */
export function busAddr(value: number): BusAddr {
  return checked(value, "bus address") as BusAddr;
}

/** Takes a raw number as a CPU physical address; throws `bad-input` unless it is a safe non-negative integer. */
export function physAddr(value: number): PhysAddr {
  return checked(value, "physical address") as PhysAddr;
}

/** Bus address of a CPU physical address, with `busOffset` = bus - physical as the kernel's provider holds it. */
export function physToBus(phys: PhysAddr, busOffset: number): BusAddr {
  return busAddr(phys + busOffset);
}

/** CPU physical address of a bus address, the inverse of {@link physToBus}. */
export function busToPhys(bus: BusAddr, busOffset: number): PhysAddr {
  return physAddr(bus - busOffset);
}

/** `0x` and hexadecimal digits. */
export function formatAddress(value: number): string {
  return `0x${value.toString(16)}`;
}
