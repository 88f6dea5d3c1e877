import {
  type AskingRow,
  MOVING_NICS,
  PINNING_NICS,
  type Proviso,
  RDMA_NICS,
  STATIC_IMPORTERS,
  USER_SPACE_DRIVERS,
} from "./asking.ts";
import { linuxSource } from "./asking-rows-kernel.ts";
import type { FactSource } from "./fact.ts";

const withoutP2pdma: Proviso = {
  when: { configOff: "CONFIG_PCI_P2PDMA" },
  words: "the answer is always no",
  leaves: "host-memory",
};

const withoutMoveNotify: Proviso = {
  when: { kernelBefore: "7.1", configOff: "CONFIG_DMABUF_MOVE_NOTIFY" },
  words: "buffers are pinned first, and the data goes through host memory without a message",
  leaves: "host-memory",
};

const withoutOnDemandPaging: Proviso = {
  when: { configOff: "CONFIG_INFINIBAND_ON_DEMAND_PAGING" },
  words: "mlx5 registers no dma-buf: EOPNOTSUPP",
  leaves: "refusal",
};

const pinnedBefore615: Proviso = {
  when: { kernelBefore: "6.15" },
  words: "what such a NIC pins lies in host memory, whatever the verdict and without a message",
  leaves: "host-memory",
};

const amdgpuAttach = linuxSource(
  "drivers/gpu/drm/amd/amdgpu/amdgpu_dma_buf.c",
  "Asks pci_p2pdma_distance when an importer attaches, quietly; below 0 the buffer moves to GTT, host memory.",
);
const amdgpuMap = linuxSource(
  "drivers/gpu/drm/amd/amdgpu/amdgpu_vram_mgr.c",
  "Maps VRAM for the importer by dma_map_resource, never by a bus address.",
);
const pinCommit: FactSource = {
  evidence: "kernel",
  where: "https://git.kernel.org/torvalds/c/f5e7fabd1f5c",
  date: "2025 (6.15)",
  says: "A pinned buffer stays in VRAM where all importers let peers in; before, it was pinned in GTT.",
};
const moveNotify: FactSource = linuxSource(
  "drivers/dma-buf/dma-buf.c",
  "Up to 7.0 mapping for a dynamic importer pins the buffer first without CONFIG_DMABUF_MOVE_NOTIFY; the symbol is gone from 7.1 on.",
  "Linux 6.1, 6.12, 7.2",
);
const xeAttach = linuxSource(
  "drivers/gpu/drm/xe/xe_dma_buf.c",
  "Asks pci_p2pdma_distance when an importer attaches; below 0 the buffer moves to system memory where it may, else EOPNOTSUPP.",
);
const xeMap = linuxSource(
  "drivers/gpu/drm/xe/xe_ttm_vram_mgr.c",
  "Maps VRAM for the importer by dma_map_resource, never by a bus address.",
);
const habanalabsMap = linuxSource(
  "drivers/accel/habanalabs/common/memory.c",
  "Asks pci_p2pdma_distance with its messages when an importer attaches; below 0 the map fails with EPERM; maps by dma_map_resource.",
);
const staticSource = linuxSource(
  "drivers/gpu/drm/drm_prime.c",
  "Attaches without an importer's operations: no peer is let in. nouveau, i915, amdxdna, qaic and ivpu do so, as NVIDIA's driver does.",
);

/** amdgpu, xe, i915, nouveau and habanalabs as owners of the memory. */
export const gpuAskingRows: readonly AskingRow[] = [
  {
    id: "amdgpu-amdgpu",
    title: "AMD GPU and AMD GPU by PCIe (ROCm, graphics)",
    drivers: [{ provider: ["amdgpu"], client: ["amdgpu"] }],
    class: "asks-yes-or-no",
    words:
      "amdgpu asks the kernel for yes or no; for ROCm it wants CONFIG_HSA_AMD_P2P, the whole VRAM in the BAR and amdgpu.pcie_p2p besides. XGMI links do not depend on any of it.",
    decides: "amdgpu, by the kernel's yes or no and conditions of its own",
    onNo: "ROCm: no peer access, and copies are staged in host memory; a graphics buffer moves to host memory without a message",
    address: "dma-api",
    seen: "/sys/class/kfd/kfd/topology/nodes/*/p2p_links; rocm-smi --showtopoaccess; dmesg 'PCIe P2P access from peer device … is not supported by the chipset' (7.2 and newer). Silence does not mean yes: graphics asks quietly",
    provisos: [
      withoutP2pdma,
      {
        when: { configOff: "CONFIG_HSA_AMD_P2P" },
        words: "ROCm's peer access by PCIe is a constant no, without a message; graphics buffers are not affected",
        leaves: "part",
      },
      {
        when: { parameter: { module: "amdgpu", name: "pcie_p2p", values: ["0", "N", "n"] } },
        words: "ROCm's peer access by PCIe is off; graphics buffers are not affected",
        leaves: "part",
      },
    ],
    sources: [
      linuxSource(
        "drivers/gpu/drm/amd/amdgpu/amdgpu_device.c",
        "amdgpu_device_is_peer_accessible: false without CONFIG_HSA_AMD_P2P; wants the distance, the parameter, the whole VRAM in the BAR, and the aperture within the peer's mask or, in 6.12 and newer, a translating domain.",
      ),
      amdgpuAttach,
      amdgpuMap,
    ],
  },
  {
    id: "amdgpu-xgmi",
    title: "AMD GPU and AMD GPU by XGMI",
    drivers: [{ provider: ["amdgpu"], client: ["amdgpu"] }],
    class: "does-not-ask",
    words:
      "GPUs of one XGMI hive reach each other by XGMI: the kernel is not asked, and the PCIe verdict says nothing about it.",
    decides: "amdgpu: the GPUs are in one hive",
    onNo: "as by PCIe",
    address: "none",
    seen: "rocm-smi --showtopotype; /sys/class/kfd/kfd/topology/nodes/*/io_links/*/type",
    aside: "it is no PCIe",
    sources: [
      linuxSource(
        "drivers/gpu/drm/amd/amdgpu/amdgpu_amdkfd_gpuvm.c",
        "The question is left out for GPUs of one hive (amdgpu_xgmi_same_hive).",
      ),
    ],
  },
  {
    id: "amdgpu-nic",
    title: "AMD GPU and a NIC that lets buffers move (mlx5), by dma-buf",
    drivers: [{ provider: ["amdgpu"], client: MOVING_NICS }],
    class: "asks-yes-or-no",
    words:
      "amdgpu asks the kernel; where it says no, registration still succeeds and the data goes through host memory without a message.",
    decides: "amdgpu, by the kernel's yes or no",
    onNo: "registration succeeds, and the NIC works on host memory, without a message",
    address: "dma-api",
    seen: "the address in /proc/iomem (System RAM or the GPU's BAR): tracepoint dma:dma_map_phys shows it (7.x; dma:dma_map_resource from 6.12 on). amdgpu asks quietly: silence in dmesg does not mean yes",
    provisos: [withoutP2pdma, withoutMoveNotify, withoutOnDemandPaging],
    sources: [
      amdgpuAttach,
      amdgpuMap,
      moveNotify,
      linuxSource(
        "drivers/infiniband/hw/mlx5/mr.c",
        "Attaches as a peer that lets buffers move; wants On-Demand Paging, else EOPNOTSUPP.",
      ),
    ],
  },
  {
    id: "amdgpu-nic-pinned",
    title: "AMD GPU and a NIC that pins (efa, bnxt_re, irdma, mana, ionic), by dma-buf",
    drivers: [{ provider: ["amdgpu"], client: PINNING_NICS }],
    class: "asks-yes-or-no",
    words:
      "amdgpu asks the kernel; where it says no, and for NICs that pin before Linux 6.15 whatever it says, registration still succeeds and the data goes through host memory without a message.",
    decides: "amdgpu, by the kernel's yes or no",
    onNo: "registration succeeds, and the NIC works on host memory, without a message",
    address: "dma-api",
    seen: "the address in /proc/iomem (System RAM or the GPU's BAR): tracepoint dma:dma_map_phys shows it (7.x; dma:dma_map_resource from 6.12 on)",
    provisos: [withoutP2pdma, pinnedBefore615],
    sources: [amdgpuAttach, amdgpuMap, pinCommit],
  },
  {
    id: "amdgpu-peer-direct",
    title: "AMD GPU and a NIC by peer-direct of AMD's dkms driver",
    drivers: [{ provider: ["amdgpu"], client: RDMA_NICS }],
    class: "does-not-ask",
    words: "AMD's dkms driver with a peer memory client of the NIC's vendor asks nobody: it pins in VRAM and maps.",
    decides: "AMD's driver, without a check",
    onNo: "nobody says no",
    address: "dma-api",
    seen: "dmesg 'PeerDirect support was initialized successfully'",
    aside: "it is there with AMD's dkms driver and the NIC vendor's stack only",
    isOutOfTree: true,
    sources: [
      {
        evidence: "driver",
        where: "https://github.com/ROCm/amdgpu",
        date: "kfd_peerdirect.c 1e04ca01",
        says: "Pins in VRAM and makes a table of addresses; no distance is asked for anywhere in the file.",
      },
    ],
  },
  {
    id: "amdgpu-nvme",
    title: "AMD GPU and NVMe: hipFile's fast path (AIS)",
    drivers: [{ provider: ["amdgpu"], client: ["nvme"] }],
    class: "asks-and-obeys",
    words:
      "With AMD's dkms driver (AIS) the kernel is asked per file and again by the block layer: this verdict binds. Linux's own amdgpu has no such way.",
    decides: "the kernel: AIS asks for the distance, and the block layer maps by the verdict",
    onNo: "ENODEV, dmesg 'DMA-BUF p2p not accessible!'; hipFile goes on through host memory",
    address: "of-the-verdict",
    seen: "ais-check; dmesg 'AIS: registered …MB device memory'; counters <BDF>:PCI_in and :PCI_out of the process in sysfs",
    provisos: [withoutP2pdma],
    sources: [
      {
        evidence: "driver",
        where: "https://github.com/ROCm/amdgpu",
        date: "kfd_ais.c 04f10063",
        says: "Registers all of VRAM by pci_p2pdma_add_resource, asks pci_p2pdma_distance per file, and does I/O with peer pages; needs a large BAR and no virtual function.",
      },
    ],
  },
  {
    id: "gpu-gpu-dmabuf",
    title: "AMD GPU and Intel GPU, by dma-buf",
    drivers: [
      { provider: ["amdgpu"], client: ["xe"] },
      { provider: ["xe"], client: ["amdgpu"] },
    ],
    class: "asks-yes-or-no",
    words:
      "The GPU that owns the buffer asks the kernel for yes or no; on no the buffer moves to host memory, or attaching fails.",
    decides: "the driver that owns the buffer, by the kernel's yes or no",
    onNo: "amdgpu: host memory, without a message; xe: host memory where the buffer may move, else EOPNOTSUPP",
    address: "dma-api",
    seen: "tracepoint dma_buf:dma_buf_dynamic_attach, and dma:dma_map_phys for the address (7.x)",
    provisos: [withoutP2pdma, withoutMoveNotify],
    sources: [amdgpuAttach, xeAttach],
  },
  {
    id: "xe-xe",
    title: "Intel GPU and Intel GPU (xe)",
    drivers: [{ provider: ["xe"], client: ["xe"] }],
    class: "asks-yes-or-no",
    words:
      "xe asks the kernel; on no, buffers that may move go to host memory without a message, others fail with EOPNOTSUPP.",
    decides: "xe, by the kernel's yes or no",
    onNo: "host memory without a message where the buffer may move, else EOPNOTSUPP; shared virtual memory: ENOLINK from madvise, or host memory",
    address: "dma-api",
    seen: "dmesg: lines of pci_p2pdma for shared virtual memory only (buffers are asked about quietly); tracepoint dma:dma_map_phys (7.x; dma:dma_map_resource from 6.12 on)",
    provisos: [withoutP2pdma],
    sources: [
      xeAttach,
      xeMap,
      linuxSource(
        "drivers/gpu/drm/xe/xe_svm.c",
        "Shared virtual memory asks pci_p2pdma_distance with its messages, and maps by dma_map_resource.",
      ),
    ],
  },
  {
    id: "xe-nic",
    title: "Intel GPU (xe) and a NIC that lets buffers move (mlx5), by dma-buf",
    drivers: [{ provider: ["xe"], client: MOVING_NICS }],
    class: "asks-yes-or-no",
    words:
      "xe asks the kernel; on no, buffers that may move go to host memory without a message, others fail with EOPNOTSUPP.",
    decides: "xe, by the kernel's yes or no",
    onNo: "host memory without a message where the buffer may move, else EOPNOTSUPP",
    address: "dma-api",
    seen: "tracepoint dma:dma_map_phys (7.x; dma:dma_map_resource from 6.12 on); xe asks quietly: silence in dmesg does not mean yes",
    provisos: [withoutP2pdma, withoutMoveNotify, withoutOnDemandPaging],
    sources: [xeAttach, xeMap, moveNotify],
  },
  {
    id: "xe-nic-pinned",
    title: "Intel GPU (xe) and a NIC that pins (efa, bnxt_re, irdma, mana, ionic), by dma-buf",
    drivers: [{ provider: ["xe"], client: PINNING_NICS }],
    class: "asks-yes-or-no",
    words:
      "xe asks the kernel; on no, and on Linux 6.12 for every NIC that pins, the data goes through host memory without a message.",
    decides: "xe, by the kernel's yes or no",
    onNo: "host memory without a message where the buffer may move, else EOPNOTSUPP",
    address: "dma-api",
    seen: "tracepoint dma:dma_map_phys (7.x; dma:dma_map_resource from 6.12 on)",
    provisos: [
      withoutP2pdma,
      {
        when: { kernelBefore: "6.13" },
        words: "what such a NIC pins lies in host memory, whatever the verdict",
        leaves: "host-memory",
      },
      {
        when: { kernelFrom: "6.13", kernelBefore: "7.2" },
        words: "whether a pinned buffer stays in VRAM was not read (it does in 7.2, and does not in 6.12)",
        leaves: "peer-dma",
      },
      withoutMoveNotify,
    ],
    sources: [
      linuxSource(
        "drivers/gpu/drm/xe/xe_dma_buf.c",
        "6.12 pins in system memory always; 7.2 and 7.3 in VRAM where all importers let peers in.",
        "Linux 6.12, 7.2, 7.3",
      ),
      {
        evidence: "kernel",
        where: "https://git.kernel.org/torvalds/c/df636bf28366",
        date: "2025-09",
        says: "RDMA NICs pin: pinning in VRAM is let in for importers that do peer DMA.",
      },
    ],
  },
  {
    id: "static-importers",
    title: "AMD or Intel GPU and a driver that imports without letting peers in",
    drivers: [{ provider: ["amdgpu", "xe"], client: STATIC_IMPORTERS }],
    class: "no-peer-dma",
    words: "The importing driver lets no peer memory in: the buffer moves to host memory, or attaching fails.",
    decides: "the importing driver, before any verdict",
    onNo: "amdgpu: host memory, without a message; xe: host memory where the buffer may move, else EOPNOTSUPP",
    address: "none",
    seen: "tracepoint dma_buf:dma_buf_dynamic_attach (is_dynamic=0)",
    sources: [staticSource, amdgpuAttach, xeAttach],
  },
  {
    id: "i915",
    title: "Intel GPU with i915",
    drivers: [{ provider: ["i915"], client: "any" }],
    butNot: USER_SPACE_DRIVERS,
    class: "no-peer-dma",
    words: "i915 never does peer DMA: what it exports moves to host memory, else EOPNOTSUPP.",
    decides: "i915, without a question",
    onNo: "host memory, else EOPNOTSUPP, whatever the verdict",
    address: "none",
    seen: "the address of the buffer: System RAM in /proc/iomem",
    sources: [
      linuxSource(
        "drivers/gpu/drm/i915/gem/i915_gem_dmabuf.c",
        "Attaching moves the buffer to system memory, else EOPNOTSUPP.",
        "Linux 6.1, 6.12, 7.3",
      ),
    ],
  },
  {
    id: "nouveau",
    title: "NVIDIA GPU with nouveau",
    drivers: [{ provider: ["nouveau"], client: "any" }],
    butNot: USER_SPACE_DRIVERS,
    class: "no-peer-dma",
    words: "nouveau never does peer DMA: buffers are pinned in host memory for others.",
    decides: "nouveau, without a question",
    onNo: "host memory, whatever the verdict",
    address: "none",
    seen: "the address of the buffer: System RAM in /proc/iomem",
    sources: [
      linuxSource("drivers/gpu/drm/nouveau/nouveau_prime.c", "Exports pages of host memory; nothing of peers."),
    ],
  },
  {
    id: "habanalabs-nic",
    title: "Gaudi (habanalabs) and a NIC (mlx5, efa), by dma-buf",
    drivers: [{ provider: ["habanalabs"], client: ["mlx5_core", "efa"] }],
    class: "asks-yes-or-no",
    words:
      "habanalabs asks the kernel, and its messages are in dmesg; on no the NIC's mapping fails with EPERM, and there is no way through host memory.",
    decides: "habanalabs, by the kernel's yes or no",
    onNo: "attaching succeeds, mapping fails with EPERM",
    address: "dma-api",
    seen: "dmesg: lines of pci_p2pdma",
    provisos: [
      { when: { configOff: "CONFIG_PCI_P2PDMA" }, words: "the answer is always no: EPERM", leaves: "refusal" },
    ],
    sources: [habanalabsMap],
  },
  {
    id: "habanalabs-nvme",
    title: "Gaudi (habanalabs) and NVMe: HLDIO",
    drivers: [{ provider: ["habanalabs"], client: ["nvme"] }],
    class: "asks-and-obeys",
    words: "HLDIO does I/O with peer pages, which are mapped by what the kernel decides: this verdict binds.",
    decides: "the kernel (peer pages)",
    onNo: "EOPNOTSUPP where the disk takes no peer memory, else EINVAL from block I/O",
    address: "of-the-verdict",
    seen: "dmesg 'device does not support PCI P2P DMA'",
    sources: [
      linuxSource(
        "drivers/accel/habanalabs/common/hldio.c",
        "Registers device memory by pci_p2pdma_add_resource; the disk has to take peer memory.",
      ),
    ],
  },
];
