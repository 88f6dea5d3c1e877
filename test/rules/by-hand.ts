import type { Cpu, Machine } from "../../src/host/machine.ts";
import { type Bdf, parseBdf } from "../../src/pci/bdf.ts";
import type { PortType } from "../../src/pci/express.ts";
import type { PciFunction } from "../../src/pci/function.ts";
import { unknown } from "../../src/pci/known.ts";

/** Machines put together function by function, with everything known that the rules look at. */

const unseen = unknown("not part of a machine made by hand");

/** The address that a test writes: `04:00.0`, or with its segment. */
export function at(address: string): Bdf {
  const bdf = parseBdf(address);
  if (bdf === undefined) throw new Error(`no address: '${address}'`);
  return bdf;
}

/** Vendor and device as people write them: `8086:3c00`. */
export function ids(text: string): Pick<PciFunction, "vendorId" | "deviceId"> {
  const [vendorId = 0, deviceId = 0] = text.split(":").map((digits) => Number.parseInt(digits, 16));
  return { vendorId, deviceId };
}

/** The PCI Express capability of a function of this type. */
export function express(type: PortType): PciFunction["express"] {
  return {
    type,
    version: 2,
    slotImplemented: false,
    slotNumber: null,
    linkCapable: null,
    linkStatus: null,
    registers: unseen,
  };
}

/** An NVMe endpoint without BARs, ACS or siblings, unless `parts` say otherwise. */
export function functionAt(bdf: Bdf, parts: Partial<PciFunction> = {}): PciFunction {
  return {
    bdf,
    vendorId: 0x1b36,
    deviceId: 0x0010,
    subsystem: null,
    revision: 0,
    classCode: 0x010802,
    headerType: 0,
    multifunction: false,
    command: 6,
    bars: [],
    bridge: null,
    express: express("endpoint"),
    acs: null,
    sriov: null,
    resizableBars: [],
    capabilities: [],
    names: [],
    label: null,
    driver: null,
    numaNode: null,
    iommuGroup: null,
    p2pmem: null,
    physicalFunction: null,
    attachment: unseen,
    dmaMaskBits: unseen,
    ...parts,
  };
}

/** An endpoint. */
export function endpoint(address: string, parts: Partial<PciFunction> = {}): PciFunction {
  return functionAt(at(address), parts);
}

/** A bridge with `secondary` below it: a port of this type, or `conventional` without the PCI Express capability. */
export function bridge(
  address: string,
  type: PortType | "conventional",
  secondary: number,
  parts: Partial<PciFunction> = {},
): PciFunction {
  return functionAt(at(address), {
    deviceId: 0x000c,
    classCode: 0x060400,
    headerType: 1,
    express: type === "conventional" ? null : express(type),
    bridge: { primary: 0, secondary, subordinate: 0xff, windows: [] },
    ...parts,
  });
}

/** A host bridge, and below a root port of it a switch with ports for what is at 03:00 and 04:00. */
export const oneSwitch = (): readonly PciFunction[] => [
  hostBridge("00:00.0", "8086:29c0"),
  bridge("00:01.0", "root-port", 1),
  bridge("01:00.0", "upstream-port", 2),
  bridge("02:00.0", "downstream-port", 3),
  bridge("02:01.0", "downstream-port", 4),
];

/** A host bridge's own function: a conventional device of class 0600. */
export function hostBridge(address: string, name: string, parts: Partial<PciFunction> = {}): PciFunction {
  return functionAt(at(address), { ...ids(name), classCode: 0x060000, express: null, ...parts });
}

/** ACS with every bit offered and these on. */
export function acs(control: number): PciFunction["acs"] {
  return { capability: 0x7f, control };
}

/** Intel, before any CPU that the kernel trusts for itself. */
export const intel: Cpu = { architecture: "x86_64", vendor: "GenuineIntel", family: 6, model: 0x55, name: null };

/** AMD, of the first family that the kernel trusts for itself. */
export const zen: Cpu = { ...intel, vendor: "AuthenticAMD", family: 0x17, model: 1 };

/** A running Intel machine on Linux 7.2 without an IOMMU, unless `parts` say otherwise. */
export function machineOf(functions: readonly PciFunction[], parts: Partial<Machine> = {}): Machine {
  return {
    source: { format: "sysfs", name: "by hand" },
    functions: functions.toSorted((a, b) => a.bdf - b.bdf),
    hostBridges: unseen,
    cpu: intel,
    kernel: linux("7.2"),
    iommu: { kind: "none", mode: "off", groupTypes: new Map() },
    notes: [],
    ...parts,
  };
}

/** A kernel of this release, with P2PDMA and without parameters. */
export function linux(release: string, commandLine = ""): Machine["kernel"] {
  return { release, commandLine, config: { CONFIG_PCI_P2PDMA: "y" } };
}
