import type { FactSource, IdSet, ProcessorKind } from "./fact.ts";

/**
 * Who decides whether two drivers share memory, and what of the kernel's verdict they take:
 *
 * - `asks-and-obeys`: the verdict decides, and gives the DMA address;
 * - `asks-yes-or-no`: the driver asks for a distance and takes the yes or the no; the address is always that of the DMA
 *   API (an IOVA where the IOMMU translates, else the CPU physical address), `bus-addr` or not;
 * - `does-not-ask`: the driver has a list of its own, a check of its own, or none;
 * - `user-space`: a program maps BARs into an IOMMU domain, or gives devices physical addresses;
 * - `no-peer-dma`: the driver never lets a peer at its memory; host memory is used, or the call fails.
 */
export const ASK_CLASSES = ["asks-and-obeys", "asks-yes-or-no", "does-not-ask", "user-space", "no-peer-dma"] as const;

/** One of {@link ASK_CLASSES}. */
export type AskClass = (typeof ASK_CLASSES)[number];

/**
 * Which address the client is given: that of the verdict; always that of the DMA API; NVIDIA's, which depends on the kernel
 * and the IOMMU; one that user space chose; none of the device.
 */
export type AddressRule = "of-the-verdict" | "dma-api" | "nvidia" | "user-space" | "none";

/** Something about a kernel, its modules or the chipset. Every part that is given must hold. */
export interface Condition {
  /** Linux of this release, `major.minor`, or newer. */
  readonly kernelFrom?: string;
  /** Linux older than this release. */
  readonly kernelBefore?: string;
  /** A configuration symbol that is not set. */
  readonly configOff?: string;
  /** A module's parameter that has one of these values; the first names it in words. */
  readonly parameter?: { readonly module: string; readonly name: string; readonly values: readonly string[] };
  /** A module of this version or newer. */
  readonly moduleFrom?: { readonly module: string; readonly version: string };
  /** A module older than this version. */
  readonly moduleBefore?: { readonly module: string; readonly version: string };
  /** The machine has a function of this set, which is part of one kind of processor. */
  readonly chipset?: { readonly name: string; readonly functions: IdSet; readonly partOf: ProcessorKind };
}

/** What is other where a condition holds. */
export interface Proviso {
  readonly when: Condition;
  readonly words: string;
  /** What is left of peer DMA then: nothing, silently or not; what some of its users need; or as much as without it. */
  readonly leaves: "host-memory" | "refusal" | "part" | "peer-dma";
  /** Where there is peer DMA all the same, of which no source shows whether it is so. */
  readonly unless?: string;
}

/** Names of drivers as sysfs has them. `peer-memory`: the provider has registered peer memory, and no row is about its driver. */
export type DriverSet = readonly string[] | "any" | "peer-memory";

/** One way in which two drivers share memory: a row of the table. */
export interface AskingRow {
  /** Stable, for programs and for the documentation. */
  readonly id: string;
  /** The way, as people name it. */
  readonly title: string;
  /** Whose memory, and who reads and writes it: one of these has to fit. */
  readonly drivers: readonly { readonly provider: DriverSet; readonly client: DriverSet }[];
  /** Drivers that `any` does not stand for. */
  readonly butNot?: readonly string[];
  readonly class: AskClass;
  /** The whole of it in one sentence. */
  readonly words: string;
  readonly decides: string;
  readonly onNo: string;
  readonly address: AddressRule;
  /** Any BAR may be shared so, one of registers, too. */
  readonly sharesAnyBar?: true;
  /** How to see which path ran. */
  readonly seen: string;
  readonly provisos?: readonly Proviso[];
  /** Why the row does not count for the class of a pair: it is no PCIe, or there with a driver that is no part of Linux. */
  readonly aside?: string;
  /** It is there with drivers that are no part of Linux, of which no source shows whether they are loaded. */
  readonly isOutOfTree?: true;
  /** Of a way that lets no peer at the memory: where one gets at it all the same, of which no source shows whether it is so. */
  readonly unless?: string;
  readonly sources: readonly FactSource[];
}

/** Drivers of user space: VFIO's and those of uio. */
export const VFIO_DRIVERS: readonly string[] = ["vfio-pci", "mlx5_vfio_pci", "nvgrace_gpu_vfio_pci"];
export const UIO_DRIVERS: readonly string[] = ["uio_pci_generic", "igb_uio"];
export const USER_SPACE_DRIVERS: readonly string[] = [...VFIO_DRIVERS, ...UIO_DRIVERS];

/** RDMA NICs whose driver imports a dma-buf and lets it move: mlx5, with On-Demand Paging. */
export const MOVING_NICS: readonly string[] = ["mlx5_core"];
/** RDMA NICs whose drivers pin a dma-buf: efa, bnxt_re (above bnxt_en), irdma (above ice and i40e), mana, ionic. */
export const PINNING_NICS: readonly string[] = ["bnxt_en", "ice", "i40e", "efa", "mana", "ionic"];
export const RDMA_NICS: readonly string[] = [...MOVING_NICS, ...PINNING_NICS];

/** RDMA NICs with verbs for users in the kernel, as the NVMe target is one: efa and mana had none in 6.12, and newer ones were not read. */
export const KERNEL_RDMA_NICS: readonly string[] = RDMA_NICS.filter((nic) => nic !== "efa" && nic !== "mana");

/**
 * Drivers of disks and ordinary NICs of Linux that take host memory alone: none sets up P2PDMA, gives its queues the flag
 * that lets peer pages in, or imports a dma-buf.
 */
export const HOST_MEMORY_ONLY: readonly string[] = [
  ...["ahci", "ata_piix", "sata_nv", "sata_sil24", "mpt3sas", "megaraid_sas", "smartpqi", "hpsa", "aacraid", "arcmsr"],
  ...[
    "mvsas",
    "pm80xx",
    "qla2xxx",
    "lpfc",
    "vmw_pvscsi",
    "sdhci-pci",
    "e1000",
    "e1000e",
    "igb",
    "igbvf",
    "igc",
    "ixgbe",
  ],
  ...[
    "ixgbevf",
    "r8169",
    "tg3",
    "bnx2",
    "bnx2x",
    "atlantic",
    "alx",
    "sky2",
    "forcedeth",
    "8139cp",
    "8139too",
    "vmxnet3",
  ],
  ...["xhci_hcd", "ehci-pci", "snd_hda_intel", "ast", "mgag200"],
];

/** Importers that attach without letting peers in: the exporter moves the buffer to host memory, or refuses. */
export const STATIC_IMPORTERS: readonly string[] = ["nouveau", "i915", "nvidia", "amdxdna", "qaic", "intel_vpu"];
