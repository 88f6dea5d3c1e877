import {
  type AskingRow,
  HOST_MEMORY_ONLY,
  KERNEL_RDMA_NICS,
  MOVING_NICS,
  PINNING_NICS,
  UIO_DRIVERS,
  USER_SPACE_DRIVERS,
  VFIO_DRIVERS,
} from "./asking.ts";
import type { FactSource } from "./fact.ts";

/** A file of Linux, in the newest tree that was read, and what it says. */
export function linuxSource(path: string, says: string, date = "Linux 7.3.4"): FactSource {
  return {
    evidence: "kernel",
    where: `https://git.kernel.org/pub/scm/linux/kernel/git/torvalds/linux.git/tree/${path}`,
    date,
    says,
  };
}

const importersOfVfio = [...MOVING_NICS, "ice", "i40e", "xe", "amdgpu"];

const peerPagesSource = linuxSource("mm/gup.c", "Peer pages are taken with FOLL_PCI_P2PDMA only, else EREMOTEIO.");

/** Memory that the kernel itself hands out, and memory of devices that user space drives. */
export const kernelAskingRows: readonly AskingRow[] = [
  {
    id: "p2pmem-pages",
    title: "Peer pages (p2pmem): an NVMe controller's memory buffer, in I/O of a program with a drive",
    drivers: [
      { provider: ["nvme"], client: ["nvme"] },
      { provider: "peer-memory", client: ["nvme"] },
    ],
    class: "asks-and-obeys",
    words:
      "Pages of a controller's memory buffer are mapped by what the kernel decides: this verdict binds, and a refusal is EINVAL or EREMOTEIO.",
    decides: "the kernel, for every driver that maps these pages (pci_p2pdma_state)",
    onNo: "block I/O fails, with EINVAL (read in 7.2 and 7.3) or EREMOTEIO (read in 6.12); EREMOTEIO where pages are taken for a queue that lets no peer memory in, or a list is mapped",
    address: "of-the-verdict",
    seen: "dmesg: lines of pci_p2pdma; tracepoints dma:dma_map_sg (Linux 6.12 and newer) and dma:dma_map_phys (7.x)",
    provisos: [
      {
        when: { kernelBefore: "6.2" },
        words: "no program can map peer pages, so that nobody copies from drive to drive through them",
        leaves: "refusal",
        unless: "an NVMe target that offers the drive over RDMA uses them",
      },
    ],
    sources: [
      linuxSource(
        "block/blk-mq-dma.c",
        "A segment of peer memory is decided by pci_p2pdma_state; what it refuses ends as BLK_STS_INVAL.",
      ),
      peerPagesSource,
      linuxSource(
        "drivers/nvme/host/core.c",
        "Queues of NVMe drives, and what is stacked on them alone, let peer pages in (BLK_FEAT_PCI_P2PDMA); no other driver sets it.",
        "Linux 6.12, 7.2, 7.3",
      ),
      linuxSource(
        "kernel/dma/direct.c",
        "A list is mapped by pci_p2pdma_state: bus address, through the host bridge, or EREMOTEIO.",
      ),
    ],
  },
  {
    id: "nvmet-p2pmem",
    title: "NVMe target with peer memory (nvmet over RDMA)",
    drivers: [
      { provider: ["nvme"], client: KERNEL_RDMA_NICS },
      { provider: "peer-memory", client: KERNEL_RDMA_NICS },
    ],
    class: "asks-and-obeys",
    words:
      "The NVMe target asks the kernel for provider, drive and NIC; where it says no, the drive's side is refused with EINVAL and the NIC's side falls back to RAM.",
    decides: "the kernel: nvmet asks for the distance, and the pages are mapped by the verdict",
    onNo: "enabling the namespace fails with EINVAL; for the NIC of a controller RAM is used, with no more than a line in dmesg where the provider is chosen automatically",
    address: "of-the-verdict",
    seen: "dmesg: 'using p2pmem on … for nsid …' shows that peer memory is used",
    sources: [
      linuxSource(
        "drivers/nvme/target/core.c",
        "Asks pci_p2pdma_distance when a namespace is enabled, and looks for peer memory when a controller comes up.",
      ),
      linuxSource(
        "drivers/infiniband/core/device.c",
        "Users in the kernel see devices with verbs for the kernel only; those of efa have none.",
        "Linux 6.12",
      ),
    ],
  },
  {
    id: "host-memory-only",
    title: "Memory of a device, and a disk or NIC whose driver takes host memory alone",
    drivers: [
      { provider: ["nvme", "amdgpu", "xe", "habanalabs", ...MOVING_NICS], client: HOST_MEMORY_ONLY },
      { provider: "peer-memory", client: HOST_MEMORY_ONLY },
    ],
    class: "no-peer-dma",
    words:
      "The client's driver takes host memory alone: peer pages are let in by queues of NVMe drives and the NVMe target's RDMA NICs, a peer's dma-buf by importers that say so, and this driver is none of them.",
    decides: "the kernel's memory management, before any verdict",
    onNo: "EREMOTEIO from the system call; a program copies through host memory",
    address: "none",
    seen: "the errno of read, write or registration",
    sources: [
      peerPagesSource,
      linuxSource(
        "block/bio.c",
        "Peer pages are asked for in I/O with queues that have BLK_FEAT_PCI_P2PDMA, which nvme alone sets.",
        "Linux 6.12, 7.3",
      ),
      linuxSource(
        "drivers/dma-buf/dma-buf.c",
        "Importers let peers in by allow_peer2peer: of RDMA, iommufd, amdgpu, xe and virtio-gpu, and of no other driver.",
      ),
    ],
  },
  {
    id: "vfio-peer-pages",
    title: "Peer pages (p2pmem), and a device in user space (VFIO)",
    drivers: [
      { provider: ["nvme"], client: VFIO_DRIVERS },
      { provider: "peer-memory", client: VFIO_DRIVERS },
    ],
    class: "no-peer-dma",
    words:
      "VFIO and iommufd pin a program's memory for long, and let no peer pages in: a controller's memory buffer that the host's driver holds is not mapped for the device.",
    decides: "the kernel's memory management, before any verdict",
    onNo: "EREMOTEIO or EFAULT as the memory is mapped for the device",
    address: "none",
    seen: "the errno of VFIO_IOMMU_MAP_DMA or IOMMU_IOAS_MAP",
    unless: "a program maps the BAR past its driver (resourceN in sysfs)",
    sources: [
      peerPagesSource,
      linuxSource(
        "drivers/vfio/vfio_iommu_type1.c",
        "Pins with FOLL_LONGTERM and without FOLL_PCI_P2PDMA; what cannot be pinned is mapped only where it is bare page frames, as a BAR that VFIO or sysfs maps.",
        "Linux 6.12",
      ),
      linuxSource(
        "drivers/iommu/iommufd/pages.c",
        "Pins with FOLL_LONGTERM and without FOLL_PCI_P2PDMA.",
        "Linux 6.12",
      ),
    ],
  },
  {
    id: "uverbs-dmabuf",
    title: "Memory of an RDMA NIC (doorbells, device memory) as a dma-buf of uverbs",
    drivers: [{ provider: MOVING_NICS, client: ["amdgpu", "xe", ...MOVING_NICS] }],
    class: "asks-and-obeys",
    words:
      "uverbs maps a NIC's memory by the kernel's verdict when a peer maps the dma-buf; importers that pin are refused.",
    decides: "the kernel, when the dma-buf is mapped (pci_p2pdma_map_type)",
    onNo: "mapping fails with EINVAL",
    address: "of-the-verdict",
    sharesAnyBar: true,
    seen: "tracepoint dma_buf:dma_buf_dynamic_attach; /sys/kernel/debug/dma_buf/bufinfo",
    provisos: [
      { when: { kernelBefore: "7.0" }, words: "there is no such export", leaves: "refusal" },
      { when: { configOff: "CONFIG_PCI_P2PDMA" }, words: "the export fails with EOPNOTSUPP", leaves: "refusal" },
    ],
    sources: [
      linuxSource(
        "drivers/infiniband/core/uverbs_std_types_dmabuf.c",
        "Maps by dma_buf_phys_vec_to_sgt, which asks pci_p2pdma_map_type; pinning is EOPNOTSUPP.",
      ),
    ],
  },
  {
    id: "vfio-dmabuf",
    title: "BAR of a device in user space (VFIO) as a dma-buf, for a driver of the host",
    drivers: [{ provider: VFIO_DRIVERS, client: importersOfVfio }],
    class: "asks-and-obeys",
    words:
      "vfio-pci exports a BAR as a dma-buf and maps it by the kernel's verdict: this verdict binds, and a refusal is EINVAL.",
    decides: "the kernel, when the dma-buf is mapped (pci_p2pdma_map_type)",
    onNo: "mapping fails with EINVAL (attaching does not)",
    address: "of-the-verdict",
    sharesAnyBar: true,
    seen: "tracepoint dma_buf:dma_buf_dynamic_attach; /sys/kernel/debug/dma_buf/bufinfo",
    provisos: [
      { when: { kernelBefore: "6.19" }, words: "there is no such export", leaves: "refusal" },
      {
        when: { kernelFrom: "6.19", configOff: "CONFIG_VFIO_PCI_DMABUF" },
        words: "there is no such export",
        leaves: "refusal",
      },
    ],
    sources: [
      linuxSource(
        "drivers/vfio/pci/vfio_pci_dmabuf.c",
        "Importers have to let peers in and to let the exporter revoke, else EOPNOTSUPP; maps by dma_buf_phys_vec_to_sgt.",
      ),
    ],
  },
  {
    id: "vfio-dmabuf-pinned",
    title: "BAR of a device in user space (VFIO) as a dma-buf, for a NIC that pins",
    drivers: [{ provider: VFIO_DRIVERS, client: PINNING_NICS.filter((nic) => !importersOfVfio.includes(nic)) }],
    class: "no-peer-dma",
    words:
      "NICs whose drivers pin and cannot be made to let go (efa, bnxt_re, mana, ionic) are refused by vfio-pci's dma-buf.",
    decides: "vfio-pci, when the importer attaches",
    onNo: "EOPNOTSUPP at attach, whatever the verdict",
    address: "none",
    seen: "the errno of the registration",
    sources: [
      linuxSource(
        "drivers/dma-buf/dma-buf.c",
        "From 7.1 on dma_buf_attach_revocable wants an importer that can be invalidated.",
      ),
    ],
  },
  {
    id: "vfio-bar-pages",
    title: "BAR of a device in user space (VFIO, uio) as a buffer for a disk or an ordinary NIC",
    drivers: [{ provider: USER_SPACE_DRIVERS, client: ["nvme", ...HOST_MEMORY_ONLY] }],
    class: "no-peer-dma",
    words: "A BAR that VFIO or uio maps into a program has no pages, so that no I/O of a host driver can use it.",
    decides: "the kernel's memory management, before any verdict",
    onNo: "EFAULT from the system call, whatever the verdict",
    address: "none",
    seen: "the errno of read or write",
    sources: [linuxSource("mm/gup.c", "Mappings of bare page frames are not taken for I/O: EFAULT.")],
  },
  {
    id: "vfio-domain",
    title: "Devices that user space drives by VFIO: guests (QEMU and others), SPDK, DPDK",
    drivers: [{ provider: USER_SPACE_DRIVERS, client: VFIO_DRIVERS }],
    class: "user-space",
    words:
      "VFIO maps BARs into the IOMMU without asking the P2PDMA rules (type 1, and iommufd with a dma-buf from Linux 6.19 on): 'not supported' forbids nothing and 'direct' promises nothing; ACS and the root complex decide.",
    decides: "user space: what QEMU, SPDK or DPDK maps into the IOMMU domain is reached",
    onNo: "nobody says no; where a BAR cannot be mapped, QEMU prints 'PCI peer-to-peer transactions on BARs are not supported', or with iommufd before 6.19 'IOMMU_IOAS_MAP failed: Bad address, PCI BAR?'",
    address: "user-space",
    sharesAnyBar: true,
    seen: "QEMU's messages; in the guest, a test with real data",
    sources: [
      linuxSource(
        "drivers/vfio/vfio_iommu_type1.c",
        "Follows mappings of bare page frames and maps them into the domain; no function of P2PDMA is called.",
      ),
      linuxSource(
        "drivers/iommu/iommufd/pages.c",
        "A dma-buf of vfio-pci is mapped by its physical range, attached for no device: no pair is asked about.",
      ),
    ],
  },
  {
    id: "uio",
    title: "Devices that user space drives by uio: SPDK, DPDK",
    drivers: [
      { provider: UIO_DRIVERS, client: USER_SPACE_DRIVERS },
      { provider: "any", client: UIO_DRIVERS },
    ],
    butNot: VFIO_DRIVERS,
    class: "user-space",
    words:
      "With uio a program gives devices physical addresses of BARs, and nobody asks the kernel: the verdict forbids nothing and promises nothing.",
    decides: "user space",
    onNo: "nobody says no; a wrong path loses data",
    address: "user-space",
    sharesAnyBar: true,
    seen: "a test with real data",
    sources: [
      {
        evidence: "driver",
        where: "https://github.com/spdk/spdk/blob/3230130e/lib/env_dpdk/memory.c",
        date: "2026-08",
        says: "Registers a BAR by its physical address, or maps it by VFIO_IOMMU_MAP_DMA; no topology is checked, and the guide warns of ACS.",
      },
    ],
  },
  {
    id: "xdma",
    title: "Cards with the XDMA or QDMA reference drivers",
    drivers: [{ provider: ["xdma", "qdma-pf", "qdma-vf"], client: "any" }],
    butNot: USER_SPACE_DRIVERS,
    class: "no-peer-dma",
    words: "The XDMA and QDMA reference drivers offer their card's memory to no peer.",
    decides: "the driver: it has no such interface",
    onNo: "host memory is all there is, whatever the verdict",
    address: "none",
    seen: "nothing shows it",
    sources: [
      {
        evidence: "driver",
        where: "https://github.com/Xilinx/dma_ip_drivers/tree/8721136",
        date: "2026-07",
        says: "Takes pages of the caller without letting peer memory in, and registers no memory of its own.",
      },
    ],
  },
];
