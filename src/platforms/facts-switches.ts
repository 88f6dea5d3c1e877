import type { IdSet, PlatformFact } from "./fact.ts";

const TEXAS_INSTRUMENTS = 0x104c;
const RED_HAT = 0x1b36;
const ZHAOXIN = 0x1d17;

/** XIO3130: the switch that QEMU emulates. */
const xio3130 = { vendorId: TEXAS_INSTRUMENTS, devices: [[0x8232, 0x8233]] } as const;
/** `pcie-root-port`, which exists in QEMU only. */
const qemuRootPort: IdSet = { only: [{ vendorId: RED_HAT, devices: [[0x000c, 0x000c]] }] };

const qemuSource = {
  evidence: "driver",
  where: "https://github.com/qemu/qemu/blob/aa222a8e4f975284b3f8f131653a4114b3d333b3/hw/pci/pci.c",
  date: "commit aa222a8e4f97",
} as const;

/** Switches, real and emulated. */
export const switchFacts: readonly PlatformFact[] = [
  {
    id: "pcie-switch",
    title: "PCIe switches",
    // What QEMU emulates has rows of its own; Zhaoxin's ports may block peer traffic without an ACS capability.
    match: { switchPorts: { allBut: [xio3130, { vendorId: ZHAOXIN, devices: "any" }] } },
    path: "within-switch",
    write: "works",
    read: "works",
    words: "A switch routes requests and completions between its downstream ports; the PCIe specification requires it.",
    sources: [
      {
        evidence: "kernel",
        where: "https://lkml.iu.edu/hypermail/linux/kernel/1808.3/05372.html",
        date: "2018-08",
        says: "The kernel's guide to peer-to-peer DMA: routing below one bridge is guaranteed by the specification, between hierarchies it is not.",
      },
      {
        evidence: "report",
        where: "https://github.com/intel/compute-runtime/issues/935",
        date: "2026-07-06",
        says: "Two GPUs below one Broadcom PEX880xx: copies verify with ACS redirect off, and come back as ones with redirect on, on a host whose root complex does not forward reads.",
      },
    ],
  },
  {
    id: "qemu-switch-translated",
    title: "QEMU's switch behind a translating IOMMU",
    match: {
      switchPorts: { only: [xio3130] },
      rootPort: qemuRootPort,
      endpoints: "emulated-by-qemu",
      iommu: "translates",
    },
    path: "within-switch",
    write: "fails",
    read: "fails",
    words:
      "QEMU sends all DMA of a device through the IOMMU, peers below one switch included: bus addresses fault there and the data is lost without an error to the driver.",
    sources: [
      {
        ...qemuSource,
        says: "The address space of a device's DMA is looked up at the bus that has the IOMMU; switches on the way do not route.",
      },
      {
        evidence: "measured",
        where: "measured:QEMU 7.2.22, Linux 7.2.12",
        date: "2026-11",
        says: "Bytes compared on real disks: lost in both directions under strict and lazy translation, while the system calls reported success.",
      },
    ],
  },
  {
    id: "qemu-switch",
    title: "QEMU's switch without translation",
    match: {
      switchPorts: { only: [xio3130] },
      rootPort: qemuRootPort,
      endpoints: "emulated-by-qemu",
      iommu: "does-not-translate",
    },
    path: "within-switch",
    write: "works",
    read: "works",
    words: "Without a translating IOMMU, DMA of QEMU's devices reaches every BAR.",
    sources: [
      { ...qemuSource, says: "Without an IOMMU, DMA goes to the whole physical address space." },
      {
        evidence: "measured",
        where: "measured:QEMU 7.2.22, Linux 7.2.12",
        date: "2026-11",
        says: "Bytes compared on real disks: right in both directions with the IOMMU off and with iommu=pt.",
      },
    ],
  },
  {
    id: "qemu-root-complex",
    title: "QEMU's root ports",
    match: { rootPort: qemuRootPort, endpoints: "emulated-by-qemu" },
    path: "any-through-root-complex",
    write: "works",
    read: "works",
    words:
      "QEMU's root complex delivers peer traffic, with a translating IOMMU at the addresses that the kernel mapped.",
    sources: [
      {
        ...qemuSource,
        says: "DMA goes to the IOMMU's address space or to the whole physical one, wherever the target is.",
      },
      {
        evidence: "measured",
        where: "measured:QEMU 7.2.22, Linux 7.2.12",
        date: "2026-11",
        says: "Bytes compared on real disks: right in both directions with the IOMMU off, strict, lazy and passthrough, across expander bridges too.",
      },
    ],
  },
];
