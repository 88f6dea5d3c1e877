import type { Cpu, Machine } from "../host/machine.ts";
import { type Bdf, busOf, deviceOf, domainOf } from "../pci/bdf.ts";
import type { PciFunction } from "../pci/function.ts";
import { isUnknown } from "../pci/known.ts";

/** What the functions of a processor say of it where the source does not name it. */
export interface InferredCpu {
  readonly make: CpuMake;
  /** The function that shows it. */
  readonly device: Bdf;
  readonly vendorId: number;
  readonly deviceId: number;
  /** What that function is. */
  readonly what: string;
}

/** A make of processors, as far as the kernel's rules look at it. */
export interface CpuMake {
  /** For people: `AMD Zen`. */
  readonly name: string;
  /** As `/proc/cpuinfo` has it, `null` where the architecture has no such name. */
  readonly vendor: string | null;
  readonly architecture: string;
  /** Families that it may be of, both included; `null` where it is not AMD's, of which alone the rules ask. */
  readonly families: readonly [first: number, last: number] | null;
}

/** Ids of functions that belong to a make of processors and are nowhere else. */
export interface DieRow {
  readonly make: CpuMake;
  readonly vendorId: number;
  /** Both included. */
  readonly devices: readonly (readonly [first: number, last: number])[];
  /** Only of device 18h or above on bus 0, where AMD's processors have what configures them; else wherever it is. */
  readonly isOfNodes?: true;
  readonly what: string;
  /** Where that is written. */
  readonly source: string;
}

const X86 = { architecture: "x86_64" } as const;
const zen: CpuMake = { ...X86, name: "AMD Zen", vendor: "AuthenticAMD", families: [0x17, 0xff] };
const olderAmd: CpuMake = { ...X86, name: "AMD before Zen", vendor: "AuthenticAMD", families: [0x0f, 0x16] };
const hygon: CpuMake = { ...X86, name: "Hygon", vendor: "HygonGenuine", families: null };
const intel: CpuMake = { ...X86, name: "Intel", vendor: "GenuineIntel", families: null };
const power: CpuMake = { name: "IBM POWER", architecture: "ppc64", vendor: null, families: null };
const ampere: CpuMake = { name: "Ampere", architecture: "aarch64", vendor: null, families: null };

/** AMD's processors show each of their nodes as a device of bus 0, from this one on. */
const FIRST_NODE = 0x18;

const AMD = 0x1022;
const INTEL = 0x8086;

const PCI_IDS = "pci.ids of 2023-04-10";
const AMD_NODES = "the ids of amd_nb and k10temp, Linux 6.12 and later patches";

/** Eight functions of a data fabric, from function 0 on. */
function fabric(...firsts: readonly number[]): (readonly [number, number])[] {
  return firsts.map((first) => [first, first + 7] as const);
}

function each(...ids: readonly number[]): (readonly [number, number])[] {
  return ids.map((id) => [id, id] as const);
}

/**
 * Functions that only machines of one make of processors have. Not here: 8086:29c0, 1237 and 7190, which emulators show;
 * clients' host bridges, of which emulators copy some; whatever may be on a card.
 */
export const DIE_ROWS: readonly DieRow[] = [
  {
    make: zen,
    vendorId: AMD,
    devices: fabric(0x1440, 0x1448, 0x1460, 0x1490, 0x15e8, 0x1650, 0x1660, 0x166a, 0x1679, 0x1724),
    isOfNodes: true,
    what: "data fabric of family 17h or 19h",
    source: `${PCI_IDS}; ${AMD_NODES}`,
  },
  {
    make: zen,
    vendorId: AMD,
    devices: fabric(0x14ad, 0x14e0, 0x14f0, 0x12f8, 0x12c0, 0x12c8, 0x16f8, 0x1248, 0x12b8, 0x1278, 0x1528),
    isOfNodes: true,
    what: "data fabric of family 19h or 1Ah",
    source: AMD_NODES,
  },
  {
    make: zen,
    vendorId: AMD,
    devices: each(0x1450, 0x15d0, 0x1480, 0x1630, 0x14b5, 0x14a4, 0x14d8, 0x14e8, 0x153a, 0x1507, 0x1122, 0x14f8),
    what: "root complex of family 17h, 19h or 1Ah",
    source: `${PCI_IDS}; ${AMD_NODES}`,
  },
  {
    make: olderAmd,
    vendorId: AMD,
    devices: [
      [0x1100, 0x1103],
      [0x1200, 0x1204],
      [0x1300, 0x1304],
      [0x1400, 0x1405],
      [0x141a, 0x141f],
      [0x1530, 0x1535],
      [0x1570, 0x1575],
      [0x1580, 0x1585],
      [0x1600, 0x1605],
      [0x1700, 0x1704],
      [0x1716, 0x1719],
    ],
    isOfNodes: true,
    what: "northbridge of family 0Fh to 16h",
    source: PCI_IDS,
  },
  {
    make: hygon,
    vendorId: 0x1d94,
    devices: [...each(0x1450), ...fabric(0x1460)],
    what: "root complex or data fabric of Hygon",
    source: PCI_IDS,
  },
  {
    make: intel,
    vendorId: INTEL,
    // DMI2 and root ports, QPI, power control, memory controllers.
    devices: [
      [0x3c00, 0x3c0b],
      [0x3c28, 0x3cf6],
      [0x0e00, 0x0e0b],
      [0x0e28, 0x0eff],
      [0x2f00, 0x2f0b],
      [0x2f28, 0x2fff],
      [0x6f00, 0x6f0b],
      [0x6f28, 0x6fff],
    ],
    what: "root complex or uncore of Xeon E5, E7 or D (Sandy Bridge to Broadwell)",
    source: PCI_IDS,
  },
  {
    make: intel,
    vendorId: INTEL,
    // Without 3420, which an emulated root port has.
    devices: [[0x3400, 0x3407]],
    what: "I/O hub of Xeon 5500, 5600 or Core i7 (5500, 5520, X58)",
    source: PCI_IDS,
  },
  {
    make: intel,
    vendorId: INTEL,
    devices: [
      ...each(0x2014, 0x2015, 0x2016, 0x2018, 0x2020, 0x2024, 0x2025, 0x2026),
      [0x2030, 0x2036],
      [0x2080, 0x2086],
    ],
    what: "root complex or uncore of Xeon (Skylake-SP)",
    source: PCI_IDS,
  },
  {
    make: intel,
    vendorId: INTEL,
    devices: [...each(0x0998), [0x09a2, 0x09a4], ...each(0x09a6, 0x09a7)],
    what: "root complex or uncore of Xeon (Ice Lake-SP and later)",
    source: PCI_IDS,
  },
  {
    make: power,
    vendorId: 0x1014,
    devices: each(0x03dc, 0x04c1),
    what: "PCI host bridge of POWER",
    source: PCI_IDS,
  },
  {
    make: ampere,
    vendorId: 0x1def,
    devices: [
      [0xe005, 0xe00c],
      [0xe100, 0xe108],
      [0xe110, 0xe118],
    ],
    what: "root complex of Ampere eMAG or Altra",
    source: PCI_IDS,
  },
];

interface Ids {
  readonly vendorId: number;
  readonly deviceId: number;
}

function isOfRow({ vendorId, devices, isOfNodes }: DieRow, bdf: Bdf, ids: Ids): boolean {
  if (ids.vendorId !== vendorId) return false;
  if (isOfNodes === true && (domainOf(bdf) !== 0 || busOf(bdf) !== 0 || deviceOf(bdf) < FIRST_NODE)) return false;
  return devices.some(([first, last]) => first <= ids.deviceId && ids.deviceId <= last);
}

/** Vendors as `pci.ids` names them. */
const VENDOR_NAMES: ReadonlyMap<string, number> = new Map([
  ["Advanced Micro Devices, Inc. [AMD]", AMD],
  ["Intel Corporation", INTEL],
]);

/** The ids that a function has, or those that share its name; none where they are hidden. */
function idsOf({ vendorId, deviceId, idsAmong, label }: PciFunction): readonly Ids[] {
  if (idsAmong !== undefined) return idsAmong;
  if (!isUnknown(vendorId) && !isUnknown(deviceId)) return [{ vendorId, deviceId }];
  // What lspci has no name for it prints by its number.
  const [, vendor = "", device = ""] = /^(.+) Device ([0-9a-f]{4})$/.exec(label ?? "") ?? [];
  const named = VENDOR_NAMES.get(vendor);
  return named === undefined ? [] : [{ vendorId: named, deviceId: Number.parseInt(device, 16) }];
}

/**
 * The make of a processor that the source does not name, by functions that no other has; `null` where none is seen, where
 * two contradict each other, and in guests, whose processor need not be the host's.
 */
export function inferCpu({
  cpu,
  functions,
  guestOf,
}: Pick<Machine, "cpu" | "functions" | "guestOf">): InferredCpu | null {
  if (guestOf !== undefined || !isHidden(cpu)) return null;
  let found: InferredCpu | null = null;
  for (const fn of functions) {
    const [ids, ...others] = idsOf(fn);
    const row = ids === undefined ? undefined : DIE_ROWS.find((candidate) => isOfRow(candidate, fn.bdf, ids));
    if (ids === undefined || row === undefined) continue;
    if (others.some((other) => !isOfRow(row, fn.bdf, other))) continue;
    if (found !== null && found.make !== row.make) return null;
    found ??= { make: row.make, device: fn.bdf, ...ids, what: row.what };
  }
  return found !== null && contradicts(cpu, found.make) ? null : found;
}

function isHidden(cpu: Cpu): boolean {
  if (!isUnknown(cpu.vendor)) return cpu.vendor === "AuthenticAMD" && isUnknown(cpu.family);
  return !isOtherArchitecture(cpu);
}

/** Whether a CPU is known to be none of x86: the kernel's rules look at no other. */
export function isOtherArchitecture({ architecture }: Cpu): boolean {
  return !isUnknown(architecture) && !/^(x86|i[3-6]86|amd64)/.test(architecture);
}

function contradicts({ vendor, architecture }: Cpu, make: CpuMake): boolean {
  if (!isUnknown(vendor) && vendor !== make.vendor) return true;
  return !isUnknown(architecture) && make.architecture !== "x86_64";
}
