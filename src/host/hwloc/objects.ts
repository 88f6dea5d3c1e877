import type { Bdf } from "../../pci/bdf.ts";
import type { Place } from "../../pci/error.ts";

/** The numbers of `pci_type`, as written; hwloc writes zeros for what it could not read. */
export interface PciIds {
  /** Base class and subclass, 16 bits. */
  readonly classId: number;
  readonly vendorId: number;
  readonly deviceId: number;
  readonly subsystemVendorId: number;
  readonly subsystemDeviceId: number;
  readonly revision: number;
  /** Programming interface; hwloc 3 and newer write it. */
  readonly interface: number | undefined;
}

/** A host bridge of the file (`bridge_type="0-1"`): hwloc makes one for each bus that lies below no bridge. */
export interface HostBridgeObject {
  /** Domain and bus (`busKeyOf`). */
  readonly rootBus: number;
  /** NUMA nodes of the object that it is attached to, `undefined` where that is the whole machine. */
  readonly nodes: readonly number[] | undefined;
  readonly tops: FunctionObject[];
}

/** A PCI function of the file: a bridge (`bridge_type="1-1"`) or a device (`PCIDev`). */
export interface FunctionObject {
  readonly bdf: Bdf;
  readonly place: Place;
  readonly isBridge: boolean;
  /** The buses below a bridge, where the file gives them. */
  readonly buses: { readonly secondary: number; readonly subordinate: number } | null;
  readonly ids: PciIds;
  readonly above: FunctionObject | null;
  /** `null` where the file has no host bridges. */
  readonly hostBridge: HostBridgeObject | null;
  readonly osDevices: OsDeviceObject[];
  /** The `name` of the object, and its infos. */
  readonly name: string | undefined;
  readonly infos: Map<string, string>;
}

/** What a driver made of a function, by its name in the system. */
export interface OsDeviceObject {
  readonly name: string;
  readonly isNetwork: boolean;
  readonly isOpenFabrics: boolean;
}

/** All that a file shows. */
export interface HwlocObjects {
  readonly functions: readonly FunctionObject[];
  readonly hostBridges: readonly HostBridgeObject[];
  /** Infos of the machine and the topology. */
  readonly system: ReadonlyMap<string, string>;
  /** Infos of each package. */
  readonly packages: readonly ReadonlyMap<string, string>[];
}
