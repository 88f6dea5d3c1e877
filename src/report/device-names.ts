import { nameOf } from "../host/select.ts";
import { type Bdf, domainOf, formatBdf } from "../pci/bdf.ts";
import { type DeviceKind, deviceKind, isBmcDisplay, isBridge } from "../pci/device-kind.ts";
import type { PciFunction } from "../pci/function.ts";
import { isUnknown } from "../pci/known.ts";
import type { Topology } from "../pci/topology.ts";
import { idsText } from "./reasons.ts";

/** The address without its domain where that is 0, as `lspci` prints it. */
export function shortAddress(fn: PciFunction): string {
  const full = formatBdf(fn.bdf);
  return domainOf(fn.bdf) === 0 ? full.slice(5) : full;
}

/** The name that people use, else the short address. */
export function displayName(fn: PciFunction): string {
  return fn.names.length > 0 ? nameOf(fn) : shortAddress(fn);
}

/** {@link displayName} of the function of an address; the full address where the machine has none. */
export function nameIn(topology: Topology, bdf: Bdf): string {
  const fn = topology.find(bdf);
  return fn === undefined ? formatBdf(bdf) : displayName(fn);
}

/** The name that people use with the address behind it, or the address alone. */
export function fullName(topology: Topology, bdf: Bdf): string {
  const fn = topology.find(bdf);
  return fn === undefined || fn.names.length === 0 ? formatBdf(bdf) : `${nameOf(fn)} (${formatBdf(bdf)})`;
}

/** Names from which runs of numbers are told as one: `gpu0 gpu1`, `nvme0–11`. */
export function namesText(names: readonly string[], most: number = Number.POSITIVE_INFINITY): string {
  const runs: { readonly stem: string; readonly from: number; to: number }[] = [];
  for (const name of names) {
    const [, stem = name, digits] = /^(.*?[^\d.:])(\d{1,6})$/.exec(name) ?? [];
    const last = runs.at(-1);
    const number = digits === undefined ? Number.NaN : Number(digits);
    if (last !== undefined && last.stem === stem && last.to + 1 === number) last.to = number;
    else runs.push({ stem, from: number, to: number });
  }
  const words = runs.flatMap(({ stem, from, to }): string[] => {
    if (Number.isNaN(from)) return [stem];
    if (to - from < 2) return Array.from({ length: to - from + 1 }, (_, index) => `${stem}${from + index}`);
    return [`${stem}${from}–${to}`];
  });
  const more = words.length - most;
  return more <= 0 ? words.join(" ") : `${words.slice(0, most).join(" ")} and ${more} more`;
}

/** How many functions are named by address before those of one id are counted: `4 ports of 1000:c030`. */
const PORTS_BY_ADDRESS = 2;

/** Ports by what they are: `16 ports of 1000:c030`; a few, and those whose ids are hidden, by address. */
export function portsText(topology: Topology, ports: Iterable<Bdf>): string {
  const byId = new Map<string, Bdf[]>();
  for (const bdf of [...ports].sort((a, b) => a - b)) {
    const { vendorId, deviceId } = topology.functionOf(bdf);
    const id = isUnknown(vendorId) || isUnknown(deviceId) ? "" : idsText({ vendorId, deviceId });
    const alike = byId.get(id);
    if (alike === undefined) byId.set(id, [bdf]);
    else alike.push(bdf);
  }
  const parts = [...byId].flatMap(([id, alike]): string[] => {
    if (id !== "" && alike.length > PORTS_BY_ADDRESS) return [`${alike.length} ports of ${id}`];
    const shown = alike.slice(0, PORTS_BY_ADDRESS).map(formatBdf);
    return alike.length > shown.length ? [...shown, `${alike.length - shown.length} more ports`] : shown;
  });
  return [parts.slice(0, -1).join(", "), ...parts.slice(-1)].filter((part) => part !== "").join(" and ");
}

const portNames: Readonly<Record<string, string>> = {
  "root-port": "root port",
  "upstream-port": "switch upstream port",
  "downstream-port": "switch downstream port",
  "pcie-to-pci-bridge": "PCIe-to-PCI bridge",
  "pci-to-pcie-bridge": "PCI-to-PCIe bridge",
  "root-complex-endpoint": "integrated endpoint",
  "root-complex-event-collector": "event collector",
};

const kindNames: Readonly<Record<DeviceKind, string>> = {
  gpu: "GPU",
  nic: "NIC",
  nvme: "NVMe",
  accel: "accelerator",
  bridge: "bridge",
  other: "device",
};

/** What a function is, in a word or three: its kind, or for bridges the type of port. */
export function roleOf(fn: PciFunction): string {
  const kind = deviceKind(fn);
  if (!isBridge(fn)) return kind === "bridge" || kind === "other" ? className(fn) : kindNames[kind];
  if (isUnknown(fn.express)) return "bridge (type hidden)";
  if (fn.express === null) return "PCI bridge";
  const { type } = fn.express;
  return isUnknown(type) ? "bridge (type hidden)" : (portNames[type] ?? "bridge");
}

/** Names of base classes and a few subclasses (PCI Code and ID Assignment 1.15 sec 1). */
const classNames: readonly (readonly [prefix: number, digits: number, name: string])[] = [
  [0x0600, 4, "host bridge"],
  [0x0601, 4, "ISA bridge"],
  [0x0c03, 4, "USB controller"],
  [0x0c05, 4, "SMBus"],
  [0x0106, 4, "SATA controller"],
  [0x0403, 4, "audio"],
  [0x0c06, 4, "InfiniBand"],
  [0x01, 2, "storage"],
  [0x04, 2, "multimedia"],
  [0x05, 2, "memory"],
  [0x07, 2, "communication"],
  [0x08, 2, "system device"],
  [0x0b, 2, "processor"],
  [0x0c, 2, "serial bus"],
  [0x10, 2, "encryption"],
  [0x11, 2, "signal processing"],
];

function className(fn: PciFunction): string {
  if (isBmcDisplay(fn)) return "BMC display";
  if (isUnknown(fn.classCode)) return "class hidden";
  const { classCode } = fn;
  const found = classNames.find(([prefix, digits]) => classCode >>> (24 - 4 * digits) === prefix);
  return found?.[2] ?? "device";
}
