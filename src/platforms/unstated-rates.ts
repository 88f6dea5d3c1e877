import { type Bdf, busOf, deviceOf, domainOf } from "../pci/bdf.ts";
import { deviceKind } from "../pci/device-kind.ts";
import type { PciExpress } from "../pci/express.ts";
import type { PciFunction } from "../pci/function.ts";
import { isUnknown } from "../pci/known.ts";
import type { Topology } from "../pci/topology.ts";

const INTEL = 0x8086;
/** Rate of a link that is none: what registers of tunnels and of on-card links state. */
const NOMINAL_GTPS = 2.5;
/** Extended capability of a vendor's own, and Intel's id in it by which Linux knows Thunderbolt (`set_pcie_thunderbolt`, 7.2). */
const EXTENDED_VSEC = 0x0b;
const THUNDERBOLT_VSEC = 0x1234;
/** Root ports whose names say that what is below them is tunnelled, as pci.ids has them. */
const TUNNEL_NAME = /\b(?:Thunderbolt|USB4)\b/;
/** Thunderbolt root ports of Intel's processors: Ice Lake to Meteor Lake, as pci.ids has them. */
const TUNNEL_PORTS: readonly number[] = [
  0x8a1d, 0x8a1f, 0x8a21, 0x8a23, 0x9a23, 0x9a25, 0x9a27, 0x9a29, 0x9a2b, 0x9a2d, 0x9a2f, 0x9a31, 0x461f, 0x462f,
  0x463f, 0x466e, 0x7ec4, 0x7ec5, 0x7ec6, 0x7ec7,
];
/** PCI domains of Intel's VMD begin here; its ports keep their device numbers. */
const VMD_DOMAINS = 0x10000;

/**
 * Why the registers of the link above a function do not state what it carries: `on-card`, it is inside of a card and no link
 * that limits; `tunnel`, it is carried by Thunderbolt or USB4, whose share for it no register shows.
 */
export interface UnstatedRate {
  readonly is: "on-card" | "tunnel";
  readonly why: string;
}

/** `null` where registers are taken at their word. */
export function unstatedRate(topology: Topology, index: number): UnstatedRate | null {
  const fn = topology.functionAt(index);
  const parent = topology.parentOf(index);
  if (parent === undefined || !isNominal(fn)) return null;
  const port = topology.functionAt(parent);
  if (isOnIntelCard(fn, port)) {
    const why =
      "it is inside of the card, and states x1 2.5 GT/s whatever it carries (of Intel's Arc cards: github.com/Syllo/nvtop, pull 344)";
    return { is: "on-card", why };
  }
  if (!isTunnel(fn, port)) return null;
  return { is: "tunnel", why: "Thunderbolt or USB4 tunnels it, and its registers state 2.5 GT/s whatever it carries" };
}

function isNominal({ express }: PciFunction): boolean {
  if (isUnknown(express) || express === null) return false;
  const { linkStatus } = express;
  return linkStatus !== null && !isUnknown(linkStatus) && linkStatus.speedGTps === NOMINAL_GTPS;
}

/** An Intel GPU below the downstream port of its own switch, both of which can no more than one lane of the first generation. */
function isOnIntelCard(fn: PciFunction, port: PciFunction): boolean {
  if (fn.vendorId !== INTEL || port.vendorId !== INTEL || deviceKind(fn) !== "gpu") return false;
  const [own, above] = [fn.express, port.express];
  if (isUnknown(own) || own === null || isUnknown(above) || above?.type !== "downstream-port") return false;
  return isLeast(own.linkStatus) && (isUnknown(own.linkCapable) || isLeast(own.linkCapable));
}

function isLeast(state: PciExpress["linkStatus"]): boolean {
  return state !== null && !isUnknown(state) && state.width === 1 && state.speedGTps === NOMINAL_GTPS;
}

function isTunnel(fn: PciFunction, port: PciFunction): boolean {
  if (isUnknown(fn.express) || fn.express?.type !== "upstream-port") return false;
  const isByPort =
    (port.label !== null && TUNNEL_NAME.test(port.label)) ||
    (port.vendorId === INTEL && !isUnknown(port.deviceId) && TUNNEL_PORTS.includes(port.deviceId));
  return isByPort || hasThunderboltVsec(fn);
}

function hasThunderboltVsec({ vendorId, capabilities }: PciFunction): boolean {
  if (vendorId !== INTEL || isUnknown(capabilities)) return false;
  return capabilities.some(
    ({ space, id, decoded }) =>
      space === "extended" && id === EXTENDED_VSEC && Number(decoded["vsecId"]) === THUNDERBOLT_VSEC,
  );
}

/**
 * Whether a root port is one of the chipset, behind a link to the processor (DMI) that no register shows: on Intel's machines
 * those of devices 1b to 1d (the datasheets of the chipsets from the 5 to the 700 series), also where VMD has them.
 */
export function isBehindDmi({ bdf, vendorId, express }: PciFunction): boolean {
  if (vendorId !== INTEL || isUnknown(express) || express?.type !== "root-port") return false;
  return isFirstBus(bdf) && deviceOf(bdf) >= 0x1b && deviceOf(bdf) <= 0x1d;
}

function isFirstBus(bdf: Bdf): boolean {
  return domainOf(bdf) >= VMD_DOMAINS || (domainOf(bdf) === 0 && busOf(bdf) === 0);
}
