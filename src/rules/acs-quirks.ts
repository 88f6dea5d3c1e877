import type { PciFunction } from "../pci/function.ts";
import { isUnknown, type Known } from "../pci/known.ts";
import { isOfNoVendor } from "../pci/no-vendor.ts";

/** What a device-specific quirk says in place of the ACS capability. */
export type AcsQuirk =
  /** Isolated as if source validation, both redirects and upstream forwarding were on. */
  | "isolated"
  /** Not isolated, whatever its capability says. */
  | "open"
  /** Keeps its ACS registers where the specification does not; what they say is not in {@link PciFunction}. */
  | "registers-elsewhere";

type PortFilter = "any" | "root-port" | "port" | "root-complex-endpoint";

/** Devices by vendor, as the table of `pci_dev_specific_acs_enabled` has them (checked: Linux 7.2.13 and 7.3.4). */
interface QuirkRow {
  readonly vendorId: number;
  /** Inclusive ranges of device ids; `null`: every device of the vendor that passes the filter. */
  readonly devices: readonly (readonly [first: number, last: number])[] | null;
  readonly on: PortFilter;
  readonly says: AcsQuirk;
}

function ids(...list: readonly number[]): (readonly [number, number])[] {
  return list.map((id) => [id, id] as const);
}

/** The rows of the table, the first that fits a function counts. */
export const ACS_QUIRKS: readonly QuirkRow[] = [
  // Multifunction endpoints whose vendors say that functions never talk to each other.
  { vendorId: 0x1924, devices: ids(0x0903, 0x0923, 0x0a03), on: "any", says: "isolated" },
  {
    vendorId: 0x8086,
    devices: [
      ...ids(
        0x10c6,
        0x10db,
        0x10dd,
        0x10e1,
        0x10f1,
        0x1507,
        0x1514,
        0x151c,
        0x1529,
        0x152a,
        0x154d,
        0x154f,
        0x1551,
        0x1558,
      ),
      [0x10f7, 0x10fc],
      ...ids(0x1509, 0x150e, 0x150f, 0x1510, 0x1511, 0x1516, 0x1527),
      ...ids(0x10c9, 0x10e6, 0x10e7, 0x10e8, 0x150a, 0x150d, 0x1518, 0x1526),
      ...ids(0x10a7, 0x10a9, 0x10d6, 0x105e, 0x105f, 0x1060, 0x10d9, 0x15b7, 0x15b8),
      [0x1521, 0x1524],
    ],
    on: "any",
    says: "isolated",
  },
  { vendorId: 0x8086, devices: null, on: "root-complex-endpoint", says: "isolated" },
  { vendorId: 0x19a2, devices: ids(0x0710), on: "any", says: "isolated" },
  { vendorId: 0x10df, devices: ids(0x0720), on: "any", says: "isolated" },
  {
    vendorId: 0x14e4,
    devices: [[0x1750, 0x1752], [0x1760, 0x1763], ...ids(0x16d7, 0xd714)],
    on: "any",
    says: "isolated",
  },
  { vendorId: 0x1d17, devices: ids(0x3038, 0x3104, 0x9083), on: "any", says: "isolated" },
  {
    vendorId: 0x8088,
    devices: [[0x0100, 0x010f], ...ids(0x1001, 0x2001, 0x5010, 0x5025, 0x5040, 0x5110, 0x5125, 0x5140)],
    on: "any",
    says: "isolated",
  },
  // The kernel's answer for every other device of that vendor.
  { vendorId: 0x8088, devices: null, on: "any", says: "open" },
  // Root ports without an ACS capability that pass no peer traffic.
  { vendorId: 0x17cb, devices: ids(0x0400, 0x0401, 0x0115, 0x0111, 0x0120), on: "any", says: "isolated" },
  { vendorId: 0x1dbf, devices: ids(0x0401), on: "any", says: "isolated" },
  { vendorId: 0x177d, devices: ids(0xa026, 0xa059, 0xa060), on: "any", says: "isolated" },
  { vendorId: 0x177d, devices: [[0xa000, 0xa7ff], ...ids(0xaf84, 0xb884)], on: "root-port", says: "isolated" },
  { vendorId: 0x10e8, devices: ids(0xe004), on: "any", says: "isolated" },
  { vendorId: 0x1def, devices: [[0xe005, 0xe00c]], on: "any", says: "isolated" },
  {
    vendorId: 0x0014,
    devices: ids(0x3c09, 0x3c19, 0x3c29, 0x7a09, 0x7a19, 0x7a29, 0x7a39, 0x7a49, 0x7a59, 0x7a69),
    on: "any",
    says: "isolated",
  },
  { vendorId: 0x1c36, devices: ids(0x0031), on: "root-port", says: "isolated" },
  {
    vendorId: 0x1957,
    devices: [
      [0x8d80, 0x8d83],
      [0x8d88, 0x8d8b],
      [0x8d90, 0x8d93],
      [0x8d98, 0x8d9b],
      ...ids(0x8da0, 0x8da1, 0x8da8, 0x8da9, 0x8db0, 0x8db1, 0x8db8, 0x8db9),
    ],
    on: "any",
    says: "isolated",
  },
  {
    vendorId: 0x1d17,
    devices: [
      [0x0710, 0x071e],
      [0x0721, 0x0721],
      [0x0723, 0x0752],
    ],
    on: "port",
    says: "isolated",
  },
  { vendorId: 0x1d17, devices: null, on: "port", says: "open" },
  // Intel PCH root ports: the kernel turns their own isolation on when an IOMMU driver asks for ACS.
  {
    vendorId: 0x8086,
    devices: [
      [0x3b42, 0x3b51],
      [0x1c10, 0x1c1f],
      [0x1e10, 0x1e1f],
      [0x8c10, 0x8c1f],
      [0x9c10, 0x9c1b],
      [0x9c90, 0x9c9b],
      ...ids(0x1d10, 0x1d12, 0x1d14, 0x1d16, 0x1d18, 0x1d1a, 0x1d1c, 0x1d1e),
      [0x8d10, 0x8d1e],
      ...ids(0x8c90, 0x8c92, 0x8c94, 0x8c96, 0x8c98, 0x8c9a, 0x8c9c, 0x8c9e),
    ],
    on: "root-port",
    says: "isolated",
  },
  // Sunrise Point, Union Point and their mobile kin: the control register is a dword at offset 8.
  {
    vendorId: 0x8086,
    devices: [
      [0xa110, 0xa11f],
      [0xa167, 0xa16a],
      [0xa290, 0xa29f],
      [0xa2e7, 0xa2ee],
      [0x9d10, 0x9d1b],
    ],
    on: "root-port",
    says: "registers-elsewhere",
  },
];

/**
 * The quirk that answers for a function in place of its ACS capability; `undefined` where none does. Unknown where the
 * source hides ids that a row may have.
 */
export function acsQuirk(fn: PciFunction): Known<AcsQuirk | undefined> {
  const { vendorId, deviceId } = fn;
  if (isOfNoVendor(fn)) return undefined;
  if (isUnknown(vendorId)) return vendorId;
  if (isUnknown(deviceId)) {
    return ACS_QUIRKS.some((row) => row.vendorId === vendorId && passes(fn, row.on)) ? deviceId : undefined;
  }
  return ACS_QUIRKS.find(
    (row) =>
      row.vendorId === vendorId &&
      (row.devices === null || row.devices.some(([first, last]) => first <= deviceId && deviceId <= last)) &&
      passes(fn, row.on),
  )?.says;
}

function passes(fn: PciFunction, filter: PortFilter): boolean {
  if (filter === "any") return true;
  if (isUnknown(fn.express) || fn.express === null) return false;
  const { type } = fn.express;
  return filter === "port" ? type === "root-port" || type === "downstream-port" : type === filter;
}
