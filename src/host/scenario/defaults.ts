import { PCI_ACS_CR, PCI_ACS_DT, PCI_ACS_EC, PCI_ACS_RR, PCI_ACS_SV, PCI_ACS_TB, PCI_ACS_UF } from "../../pci/acs.ts";
import type { LinkState } from "../../pci/express.ts";
import type { BusKind, EndpointKind, ScenarioBar, ScenarioLink } from "./scenario.ts";

/**
 * What QEMU's root port offers: what the specification asks of every downstream port (PCIe 6.0 sec 6.12.1.1), and direct
 * translated P2P.
 */
export const DEFAULT_ACS_CAPABILITY: number =
  PCI_ACS_SV | PCI_ACS_TB | PCI_ACS_RR | PCI_ACS_CR | PCI_ACS_UF | PCI_ACS_DT;

/** What a function of a multi-function endpoint offers when a scenario gives it ACS (PCIe 6.0 sec 6.12.1.2). */
export const ENDPOINT_ACS_CAPABILITY: number = PCI_ACS_RR | PCI_ACS_CR;

/** The letters by which a scenario names ACS bits: those of the specification. */
export const ACS_LETTERS: Readonly<Record<string, number>> = {
  SV: PCI_ACS_SV,
  TB: PCI_ACS_TB,
  RR: PCI_ACS_RR,
  CR: PCI_ACS_CR,
  UF: PCI_ACS_UF,
  EC: PCI_ACS_EC,
  DT: PCI_ACS_DT,
};

/** What an endpoint is when a scenario gives nothing but its kind. */
export interface EndpointDefaults {
  readonly classCode: number;
  readonly bars: readonly ScenarioBar[];
  /** Index of the BAR that `bar:` sizes. */
  readonly mainBar: number;
  readonly driver: string | null;
  readonly link: LinkState;
}

const MiB = 2 ** 20;

function memoryBar(index: number, sizeBytes: number, width: 32 | 64, prefetchable: boolean): ScenarioBar {
  return { index, kind: "memory", is64Bit: width === 64, prefetchable, sizeBytes, resizableBytes: null };
}

/** QEMU's e1000, which stands for a NIC on a conventional bus. */
const CONVENTIONAL_NIC: EndpointDefaults = {
  classCode: 0x020000,
  bars: [
    memoryBar(0, 0x20000, 32, false),
    { index: 1, kind: "io", is64Bit: false, prefetchable: false, sizeBytes: 64, resizableBytes: null },
  ],
  mainBar: 0,
  driver: null,
  link: { speedGTps: 2.5, width: 1 },
};

/** What an endpoint of a kind is on a bus of a kind when the scenario gives nothing else. */
export function endpointDefaults(kind: EndpointKind, bus: BusKind): EndpointDefaults {
  return kind === "nic" && bus === "conventional" ? CONVENTIONAL_NIC : ENDPOINT_DEFAULTS[kind];
}

/** Defaults by kind: QEMU's nvme, e1000e and ivshmem-plain; for GPUs and accelerators a usual layout. */
const ENDPOINT_DEFAULTS: Readonly<Record<EndpointKind, EndpointDefaults>> = {
  nvme: {
    classCode: 0x010802,
    bars: [memoryBar(0, 0x4000, 64, false)],
    mainBar: 0,
    driver: "nvme",
    link: { speedGTps: 16, width: 4 },
  },
  nic: {
    classCode: 0x020000,
    bars: [memoryBar(0, 0x20000, 32, false), memoryBar(1, 0x20000, 32, false), memoryBar(3, 0x4000, 32, false)],
    mainBar: 0,
    driver: null,
    link: { speedGTps: 16, width: 16 },
  },
  gpu: {
    classCode: 0x030200,
    bars: [memoryBar(0, 16 * MiB, 32, false), memoryBar(1, 256 * MiB, 64, true)],
    mainBar: 1,
    driver: null,
    link: { speedGTps: 16, width: 16 },
  },
  accel: {
    classCode: 0x120000,
    bars: [memoryBar(0, 64 * MiB, 64, true)],
    mainBar: 0,
    driver: null,
    link: { speedGTps: 16, width: 16 },
  },
  device: {
    classCode: 0x050000,
    bars: [memoryBar(0, 256, 32, false), memoryBar(2, 4 * MiB, 64, true)],
    mainBar: 2,
    driver: null,
    link: { speedGTps: 16, width: 16 },
  },
};

/** The link of a switch's upstream port and of a PCIe-to-PCI bridge where the scenario gives none. */
export const BRIDGE_LINKS: Readonly<Record<"switch" | "bridge", LinkState>> = {
  switch: { speedGTps: 16, width: 16 },
  bridge: { speedGTps: 2.5, width: 1 },
};

/** The smallest size that a resizable BAR of a GPU offers, and what it has while Resizable BAR is off. */
export const SMALL_BAR_BYTES: number = 256 * MiB;

/** A link that negotiated all it can. */
export function fullLink(capable: LinkState): ScenarioLink {
  return { negotiated: capable, capable };
}
