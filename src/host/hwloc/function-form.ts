import { busOf, domainOf } from "../../pci/bdf.ts";
import type { Attachment, PciFunction } from "../../pci/function.ts";
import type { Known } from "../../pci/known.ts";
import type { FunctionObject, HostBridgeObject } from "./objects.ts";
import * as why from "./reasons.ts";

/** What is known of the tree as a whole. */
export interface TreeFacts {
  readonly certain: ReadonlySet<HostBridgeObject>;
  readonly unreadDomains: ReadonlySet<number>;
  /** Bridges with the kinds of functions directly below them, of which there may be virtual ones on further buses. */
  readonly kindsBelow: ReadonlySet<string>;
}

/** What virtual functions share with their physical one (PCIe 6.0 sec 9.3.4.1), below a bridge. */
function kindBelow(bridge: FunctionObject, { ids }: FunctionObject): string {
  return `${bridge.bdf}:${ids.vendorId}:${ids.classId}`;
}

const isDirectlyBelow = (bridge: FunctionObject, { bdf }: FunctionObject): boolean =>
  bridge.buses?.secondary === busOf(bdf);

/** The facts of {@link TreeFacts.kindsBelow}. */
export function kindsBelow(functions: readonly FunctionObject[]): ReadonlySet<string> {
  return new Set(
    functions.flatMap((fn) =>
      fn.above !== null && !fn.isBridge && isDirectlyBelow(fn.above, fn) ? [kindBelow(fn.above, fn)] : [],
    ),
  );
}

/** A function of the file as Peerlane's own: what hwloc's XML has not is unknown, and says how to get it. */
export function functionOf(fn: FunctionObject, facts: TreeFacts): PciFunction {
  const { ids } = fn;
  return {
    bdf: fn.bdf,
    vendorId: realId(ids.vendorId),
    deviceId: realId(ids.vendorId) === ids.vendorId ? ids.deviceId : why.idsNotRead,
    subsystem: subsystemOf(fn),
    // hwloc begins with bytes of ff and reads config space over them.
    revision: ids.revision === 0xff ? why.idsNotRead : ids.revision,
    classCode: classOf(fn),
    headerType: fn.isBridge ? 1 : why.registersNotInXml,
    multifunction: why.registersNotInXml,
    command: why.registersNotInXml,
    bars: why.registersNotInXml,
    bridge: bridgeOf(fn),
    express: why.portNotInXml,
    acs: why.acsNotInXml,
    sriov: why.registersNotInXml,
    resizableBars: why.registersNotInXml,
    capabilities: why.registersNotInXml,
    names: namesOf(fn),
    label: labelOf(fn),
    driver: why.notInXml,
    numaNode: numaNodeOf(fn.hostBridge),
    iommuGroup: why.notInXml,
    p2pmem: why.notInXml,
    physicalFunction: why.notInXml,
    attachment: attachmentOf(fn, facts),
    dmaMaskBits: why.notInXml,
  };
}

function realId(vendorId: number): PciFunction["vendorId"] {
  return vendorId === 0 || vendorId === 0xffff ? why.idsNotRead : vendorId;
}

function subsystemOf({ ids }: FunctionObject): PciFunction["subsystem"] {
  const { subsystemVendorId, subsystemDeviceId } = ids;
  if (subsystemVendorId === 0 && subsystemDeviceId === 0) return why.zeroSubsystem;
  return { vendorId: subsystemVendorId, deviceId: subsystemDeviceId };
}

/** hwloc 2 writes no programming interface; nothing depends on it, and it is given as 0. */
function classOf({ ids }: FunctionObject): PciFunction["classCode"] {
  return isClassRead(ids.classId) ? ids.classId * 0x100 + (ids.interface ?? 0) : why.idsNotRead;
}

function isClassRead(classId: number): boolean {
  return classId !== 0 && classId !== 0xffff;
}

function bridgeOf({ bdf, isBridge, buses, ids }: FunctionObject): PciFunction["bridge"] {
  if (buses !== null) return { primary: busOf(bdf), ...buses, windows: why.windowsNotInXml };
  const mayBeBridge = isBridge || !isClassRead(ids.classId) || ids.classId >>> 8 === 0x06;
  return mayBeBridge ? why.registersNotInXml : null;
}

/** The names that our reader of sysfs gives; for an NVMe controller hwloc has those of its namespaces. */
function namesOf({ osDevices }: FunctionObject): string[] {
  const named = (test: (device: FunctionObject["osDevices"][number]) => boolean): string[] =>
    osDevices.filter(test).map(({ name }) => name);
  return [
    ...named(({ name }) => /^nvme\d+(?:n\d+)?$/.test(name)).sort(),
    ...named(({ isOpenFabrics }) => isOpenFabrics).sort(),
    ...named(({ isNetwork, isOpenFabrics }) => isNetwork && !isOpenFabrics).sort(),
    ...named(({ name }) => /^card\d+$/.test(name)).sort(),
  ];
}

function labelOf({ name, infos }: FunctionObject): string | null {
  const words = [infos.get("PCIVendor"), infos.get("PCIDevice")].filter((word) => word !== undefined && word !== "");
  return words.length > 0 ? words.join(" ") : (name ?? null);
}

/** The NUMA node of a host bridge, where hwloc hangs it on a part of the machine that has one node. */
export function numaNodeOf(hostBridge: HostBridgeObject | null): Known<number | null> {
  const [node, ...others] = hostBridge?.nodes ?? [];
  return node === undefined || others.length > 0 ? why.localityAmbiguous : node;
}

function attachmentOf(fn: FunctionObject, { certain, unreadDomains, kindsBelow: kinds }: TreeFacts): Known<Attachment> {
  const { bdf, above, hostBridge } = fn;
  if (hostBridge === null) return why.bridgesLeftOut;
  const isOnBus0 = above === null && busOf(bdf) === 0;
  if (unreadDomains.has(domainOf(bdf)) && !isOnBus0) return why.bridgeUnreadable;
  if (!certain.has(hostBridge)) return why.maybeVirtualBus;
  if (above !== null && !isDirectlyBelow(above, fn) && (fn.isBridge || !kinds.has(kindBelow(above, fn))))
    return why.bridgeMissing;
  return { upstream: above?.bdf ?? null, rootBus: hostBridge.rootBus };
}
