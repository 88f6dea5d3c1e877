import { busOf, domainOf } from "../../pci/bdf.ts";
import type { FunctionObject, HostBridgeObject, HwlocObjects } from "./objects.ts";

const PCI_BRIDGE = 0x0604;
const BRIDGE_BASE_CLASS = 0x06;
/** What a device that is gone answers. */
const ALL_ONES = 0xffff;

/**
 * True for what is or may be a bridge whose registers hwloc could not read: it is shown as a device, and what is below
 * it elsewhere.
 */
export function isUnreadBridge({ isBridge, ids }: FunctionObject): boolean {
  if (isBridge) return false;
  return ids.classId === PCI_BRIDGE || (ids.classId === 0 && ids.vendorId === 0) || ids.classId === ALL_ONES;
}

/** Domains in which hwloc could not read a bridge, so that places of functions may be wrong. */
export function unreadDomains({ functions }: Pick<HwlocObjects, "functions">): ReadonlySet<number> {
  return new Set(functions.filter(isUnreadBridge).map(({ bdf }) => domainOf(bdf)));
}

/**
 * The host bridges of a file that are the system's own. hwloc makes one for each bus that no bridge leads to; that may
 * also be a bus which only virtual functions of a function on a lower root bus are on.
 */
export function certainHostBridges(objects: HwlocObjects): ReadonlySet<HostBridgeObject> {
  const { hostBridges } = objects;
  const unread = unreadDomains(objects);
  const lowestBus = lowestBuses(hostBridges);
  return new Set(
    hostBridges.filter(({ rootBus, tops }) => {
      // No bridge and no virtual function leads to bus 0.
      if (rootBus % 0x100 === 0) return true;
      const isRead = !unread.has(Math.floor(rootBus / 0x100));
      return isRead && tops.some((fn) => isNeverVirtual(fn) || lowestBus.get(kindOf(fn)) === busOf(fn.bdf));
    }),
  );
}

function isNeverVirtual({ isBridge, ids }: FunctionObject): boolean {
  return isBridge || ids.classId >>> 8 === BRIDGE_BASE_CLASS;
}

/** Virtual functions have vendor and class of their physical function (PCIe 6.0 sec 9.3.4.1). */
function kindOf({ bdf, ids }: FunctionObject): string {
  return `${domainOf(bdf)}:${ids.vendorId}:${ids.classId}`;
}

/** The lowest root bus of each domain on which a kind of function is: what is there is not below another function. */
function lowestBuses(hostBridges: readonly HostBridgeObject[]): ReadonlyMap<string, number> {
  const lowest = new Map<string, number>();
  for (const fn of hostBridges.flatMap(({ tops }) => tops)) {
    const kind = kindOf(fn);
    lowest.set(kind, Math.min(lowest.get(kind) ?? 0xff, busOf(fn.bdf)));
  }
  return lowest;
}
