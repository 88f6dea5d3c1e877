import type { PciFunction } from "../pci/function.ts";
import { isUnknown, type Known } from "../pci/known.ts";
import { isOfNoVendor } from "../pci/no-vendor.ts";

/** Vendors whose ids no hardware carries but what a hypervisor shows: Red Hat (QEMU, virtio), and QEMU's own 1234. */
const MADE_UP_VENDORS: readonly number[] = [0x1b36, 0x1af4, 0x1234];
/** Real hardware that QEMU emulates with the ids of its own (vendor, device): e1000, e1000e, igb and its early NVMe. */
const COPIED = new Set([0x8086_100e, 0x8086_10d3, 0x8086_10c9, 0x8086_5845]);
/** Makers of hardware that QEMU emulates, which its subsystem alone tells from theirs. */
const EMULATED_VENDORS: readonly number[] = [0x8086, 0x1022, 0x10ec, 0x1000, 0x1002, 0x1013, 0x1011, 0x1106, 0x1033];
/** What QEMU gives as subsystem to nearly everything that it emulates. */
const QEMU_SUBSYSTEM = { vendorId: 0x1af4, deviceId: 0x1100 };

/**
 * Whether a function is one that QEMU emulates, by its ids: those that exist in QEMU only, its subsystem (1af4:1100), or
 * ids that it copies, unless a subsystem of another maker stands beside them: that is hardware, passed through.
 */
export function isEmulated(fn: PciFunction): Known<boolean> {
  const { vendorId, deviceId, subsystem } = fn;
  if (isOfNoVendor(fn)) return false;
  if (isUnknown(vendorId)) return vendorId;
  if (MADE_UP_VENDORS.includes(vendorId)) return true;
  if (!isUnknown(subsystem) && subsystem?.vendorId === QEMU_SUBSYSTEM.vendorId) {
    return subsystem.deviceId === QEMU_SUBSYSTEM.deviceId;
  }
  if (!EMULATED_VENDORS.includes(vendorId)) return false;
  if (isUnknown(deviceId)) return deviceId;
  if (!COPIED.has(vendorId * 0x10000 + deviceId)) return isUnknown(subsystem) ? subsystem : false;
  // QEMU's e1000e names Intel, and no board.
  return isUnknown(subsystem) || subsystem === null || (subsystem.vendorId === 0x8086 && subsystem.deviceId === 0);
}

/** Whether both ends of a pair are emulated: then the guest's bus is all there is. Unknown where ids that decide are hidden. */
export function areEmulated(provider: PciFunction, client: PciFunction): Known<boolean> {
  const both = [isEmulated(provider), isEmulated(client)];
  if (both.includes(false)) return false;
  return both.find(isUnknown) ?? true;
}
