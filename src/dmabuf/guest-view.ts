import type { Machine } from "../host/machine.ts";
import { requireMachine } from "../host/require-machine.ts";
import { type Device, resolveDevice } from "../host/select.ts";
import { type Bdf, formatBdf, makeBdf } from "../pci/bdf.ts";
import type { BridgeRegisters } from "../pci/bridge.ts";
import { PeerlaneError } from "../pci/error.ts";
import type { PciExpress, PortType } from "../pci/express.ts";
import type { PciFunction } from "../pci/function.ts";
import { unknown } from "../pci/known.ts";

/**
 * Where the VMM puts assigned devices: all on the virtual root bus, each below a root port of its own, or all below one
 * virtual switch (which makes the guest's kernel think that they share one).
 */
export type GuestLayout = "root-bus" | "root-ports" | "one-switch";

export interface GuestOptions {
  /** `root-bus` unless told. */
  readonly layout?: GuestLayout;
  /** The guest's kernel release; unknown unless told. */
  readonly kernel?: string;
  /** The guest's CPU; the host's own unless told (`-cpu host`). */
  readonly cpu?: Machine["cpu"];
}

/** What a guest sees of a machine: the assigned devices in a tree that the VMM made up. */
export interface GuestView {
  readonly host: Machine;
  /** The machine as the guest's own tools describe it. */
  readonly machine: Machine;
  /** The address in the guest of each assigned function, by its address in the host. */
  readonly guestOf: ReadonlyMap<Bdf, Bdf>;
}

/** The host bridge of QEMU's q35, which is what most guests see. */
const Q35_HOST_BRIDGE = { vendorId: 0x8086, deviceId: 0x29c0, classCode: 0x060000 };
/** QEMU's root port and the ports of a TI switch as QEMU has them. */
const ROOT_PORT = { vendorId: 0x1b36, deviceId: 0x000c };
const UPSTREAM_PORT = { vendorId: 0x104c, deviceId: 0x8232 };
const DOWNSTREAM_PORT = { vendorId: 0x104c, deviceId: 0x8233 };
const BRIDGE_CLASS = 0x060400;
/** Devices 1 to 30 of a bus, so that nothing collides with the host bridge and q35's own functions at 31. */
const MAX_ASSIGNED = 30;

const placedByGuest = unknown("the guest's firmware gives BARs and windows addresses of its own");
const madeUp = unknown("the VMM made this function up");

/**
 * The flat machine that a guest sees when `assigned` functions of `host` are given to it. BAR addresses, ACS, IOMMU
 * groups, NUMA nodes and the real tree are not part of it: what VFIO and the VMM hide is `null` where the guest sees
 * nothing and unknown where it sees something of its own. Throws `unknown-device` for functions that there are not and
 * `too-large` for more than 30.
 */
export function guestView(host: Machine, devices: readonly Device[], options: GuestOptions = {}): GuestView {
  requireMachine("guestView", host, "host");
  const assigned = devices.map((device) => resolveDevice(host, device));
  if (assigned.length > MAX_ASSIGNED) {
    throw new PeerlaneError("too-large", `${assigned.length} assigned devices; ${MAX_ASSIGNED} fit on a virtual bus`);
  }
  const { functions, slots } = layOut(options.layout ?? "root-bus", assigned.length);
  const guestOf = new Map<Bdf, Bdf>();
  assigned.forEach((bdf, position) => {
    const slot = slots[position];
    const fn = host.functions.find((candidate) => candidate.bdf === bdf);
    if (fn === undefined || slot === undefined) {
      throw new PeerlaneError("unknown-device", `no function ${formatBdf(bdf)} in this machine`);
    }
    guestOf.set(bdf, slot);
    functions.push(asGuestSees(fn, slot));
  });
  return { host, guestOf, machine: guestMachine(host, functions, options) };
}

function guestMachine(host: Machine, functions: readonly PciFunction[], options: GuestOptions): Machine {
  return {
    source: { format: host.source.format, name: `a guest of ${host.source.name}` },
    functions: functions.toSorted((a, b) => a.bdf - b.bdf),
    hostBridges: [{ rootBus: 0, windows: placedByGuest, numaNode: null }],
    cpu: options.cpu ?? host.cpu,
    kernel: {
      release: options.kernel ?? unknown("the guest's kernel is not named"),
      commandLine: unknown("the guest's command line is not named"),
      config: unknown("the guest's kernel configuration is not named"),
    },
    iommu: { kind: "none", mode: "off", groupTypes: new Map() },
    notes: [],
  };
}

/** The made-up part of the tree and the places in it for `count` devices. */
function layOut(layout: GuestLayout, count: number): { functions: PciFunction[]; slots: readonly Bdf[] } {
  const hostBridge = virtual(makeBdf(0, 0, 0, 0), { ...Q35_HOST_BRIDGE, express: null });
  const numbers = Array.from({ length: count }, (_, position) => position + 1);
  switch (layout) {
    case "root-bus":
      return { functions: [hostBridge], slots: numbers.map((device) => makeBdf(0, 0, device, 0)) };
    case "root-ports": {
      const ports = numbers.map((device) =>
        port(makeBdf(0, 0, device, 0), ROOT_PORT, "root-port", { primary: 0, secondary: device, subordinate: device }),
      );
      return { functions: [hostBridge, ...ports], slots: numbers.map((bus) => makeBdf(0, bus, 0, 0)) };
    }
    case "one-switch": {
      const last = count + 2;
      const top = [
        port(makeBdf(0, 0, 1, 0), ROOT_PORT, "root-port", { primary: 0, secondary: 1, subordinate: last }),
        port(makeBdf(0, 1, 0, 0), UPSTREAM_PORT, "upstream-port", { primary: 1, secondary: 2, subordinate: last }),
      ];
      const downstream = numbers.map((device) =>
        port(makeBdf(0, 2, device, 0), DOWNSTREAM_PORT, "downstream-port", {
          primary: 2,
          secondary: device + 2,
          subordinate: device + 2,
        }),
      );
      return { functions: [hostBridge, ...top, ...downstream], slots: numbers.map((bus) => makeBdf(0, bus + 2, 0, 0)) };
    }
  }
}

function port(
  bdf: Bdf,
  ids: { readonly vendorId: number; readonly deviceId: number },
  type: PortType,
  buses: Omit<BridgeRegisters, "windows">,
): PciFunction {
  return virtual(bdf, {
    ...ids,
    classCode: BRIDGE_CLASS,
    headerType: 1,
    bridge: { ...buses, windows: placedByGuest },
    express: expressOf(type),
  });
}

function expressOf(type: PortType): PciExpress {
  return {
    type,
    version: 2,
    slotImplemented: madeUp,
    slotNumber: madeUp,
    linkCapable: madeUp,
    linkStatus: madeUp,
    registers: madeUp,
  };
}

function virtual(bdf: Bdf, parts: Partial<PciFunction>): PciFunction {
  return {
    bdf,
    vendorId: madeUp,
    deviceId: madeUp,
    subsystem: madeUp,
    revision: madeUp,
    classCode: madeUp,
    headerType: 0,
    multifunction: false,
    command: madeUp,
    bars: [],
    bridge: null,
    express: madeUp,
    // MODEL: QEMU's root ports have ACS with every control bit 0 unless the guest has a virtual IOMMU; as good as none.
    acs: null,
    sriov: null,
    resizableBars: [],
    capabilities: madeUp,
    names: [],
    label: null,
    driver: madeUp,
    numaNode: null,
    iommuGroup: null,
    p2pmem: null,
    physicalFunction: null,
    attachment: unknown("the guest finds its tree by bus numbers"),
    dmaMaskBits: madeUp,
    ...parts,
  };
}

/** An assigned function in its slot: what it is passes through, where it is does not. */
function asGuestSees(fn: PciFunction, slot: Bdf): PciFunction {
  const hidden = unknown("it is the guest's own affair");
  return {
    ...virtual(slot, {}),
    vendorId: fn.vendorId,
    deviceId: fn.deviceId,
    subsystem: fn.subsystem,
    revision: fn.revision,
    classCode: fn.classCode,
    headerType: fn.headerType,
    command: hidden,
    bars: Array.isArray(fn.bars)
      ? fn.bars.map((bar) => ({ ...bar, busAddress: placedByGuest, physAddress: placedByGuest }))
      : fn.bars,
    express: fn.express,
    capabilities: unknown("VFIO shows a guest some capabilities only"),
    label: fn.label,
    driver: hidden,
    p2pmem: hidden,
    dmaMaskBits: hidden,
  };
}
