import { type AskingRow, RDMA_NICS } from "./asking.ts";
import type { FactSource } from "./fact.ts";
import { WITHOUT_PEER_DMA } from "./facts-arm.ts";

const MODULES = "https://github.com/NVIDIA/open-gpu-kernel-modules/blob/595.45.04";

function module(path: string, says: string): FactSource {
  return { evidence: "driver", where: `${MODULES}/${path}`, date: "595.45.04", says };
}

/** By its published source; what the closed flavour does differently, nobody shows. */
const mapsPeers = module(
  "kernel-open/nvidia/nv-dma.c",
  "Maps a peer by dma_map_resource where the device has operations of its own for it; else takes pci_bus_address as it is. From Linux 6.12 on no device behind dma-iommu has such operations.",
);
const wantsPassthrough: FactSource = {
  evidence: "documentation",
  where: "https://docs.nvidia.com/nim/maxine/lipsync/latest/advanced-usage/multi-gpu.html",
  date: "2026",
  says: "On bare metal, peer-to-peer copies with an IOMMU that translates are not supported; boot with iommu=pt.",
};
const rawAddresses: FactSource = {
  evidence: "report",
  where: "https://github.com/NVIDIA/open-gpu-kernel-modules/issues/1324",
  date: "2026-08",
  says: "Driver 595 on Linux 7.0 with VT-d translating: raw BAR1 addresses are handed to the NIC, and every write is discarded.",
};

/** The driver of NVIDIA as owner of the memory. */
export const nvidiaAskingRows: readonly AskingRow[] = [
  {
    id: "nvidia-nvidia",
    title: "NVIDIA GPU and NVIDIA GPU: CUDA peer access",
    drivers: [{ provider: ["nvidia"], client: ["nvidia"] }],
    class: "does-not-ask",
    words:
      "The NVIDIA driver decides this itself (NVLink first, then its own list in the GPU's firmware) and does not ask the kernel; the verdict tells how packets would be routed, not whether CUDA allows it: ask nvidia-smi topo -p2p r.",
    decides: "NVIDIA's driver and the GPU's firmware, whose list of chipsets is closed; ACS is not looked at",
    onNo: "cudaDeviceCanAccessPeer says 0, and copies are staged in host memory",
    address: "nvidia",
    seen: "nvidia-smi topo -p2p r and -p2p w; NCCL_DEBUG=INFO",
    sources: [
      module(
        "src/nvidia/src/kernel/platform/p2p/p2p_caps.c",
        "NVLink before PCIe; rules for Intel's I/O hubs, same kind of GPU, and the rest in the firmware. A patched driver (tinygrad's) leaves all of it out.",
      ),
      mapsPeers,
      wantsPassthrough,
    ],
  },
  {
    id: "nvidia-nic",
    title: "NVIDIA GPU and NIC: GPUDirect RDMA (dma-buf, nvidia-peermem)",
    drivers: [{ provider: ["nvidia"], client: RDMA_NICS }],
    class: "does-not-ask",
    words:
      "GPUDirect RDMA, by dma-buf or nvidia-peermem, does not ask the kernel: except on Grace, Ampere Altra and AmpereOne (driver 580 and newer) the driver accepts any pair, so that a path which the kernel calls not supported is used all the same and may lose data; test it.",
    decides:
      "NVIDIA's driver: on Grace, Ampere Altra and AmpereOne a common bridge is wanted (driver 580.65.06 and newer), else every pair is accepted",
    onNo: "where the driver refuses: ENOTSUPP (524), dmesg 'NVRM: dma-buf attach failed: PCI topology not supported for dma-buf'",
    address: "nvidia",
    seen: "/sys/module/nvidia_peermem/version or /sys/kernel/mm/memory_peers/nv_mem/version: nvidia-peermem is there; /sys/kernel/debug/dma_buf/bufinfo: dma-buf. No event of the DMA API shows the address",
    provisos: [
      {
        when: {
          chipset: {
            name: "Grace, Ampere Altra or AmpereOne",
            functions: WITHOUT_PEER_DMA,
            partOf: { architecture: "aarch64" },
          },
          moduleFrom: { module: "nvidia", version: "580.65.06" },
        },
        words:
          "the driver takes only pairs with a common bridge (a GPU that is coherent with the CPU, as Grace's own, is exempt; NVreg_GrdmaPciTopoCheckOverride=1 lets all in)",
        leaves: "peer-dma",
      },
    ],
    sources: [
      module(
        "kernel-open/nvidia/nv-pci.c",
        "nv_grdma_pci_topology_supported: coherent GPUs, an override and passthrough guests are let in; flagged chipsets want a common bridge; everything else is let in.",
      ),
      module(
        "src/nvidia/arch/nvalloc/unix/src/osinit.c",
        "Flags Grace (TH500), Ampere Altra and AmpereOne-160 as incapable of peer DMA by PCIe.",
      ),
      module(
        "kernel-open/nvidia/nv-dmabuf.c",
        "No function of P2PDMA is called; the check of the topology is there since 580.65.06.",
      ),
      mapsPeers,
      rawAddresses,
    ],
  },
  {
    id: "nvidia-nvme-p2pdma",
    title: "NVIDIA GPU and NVMe: GPUDirect Storage in P2PDMA mode",
    drivers: [{ provider: ["nvidia"], client: ["nvme"] }],
    class: "asks-and-obeys",
    words:
      "P2PDMA mode of GPUDirect Storage (cufile.json use_pci_p2pdma, driver 565.57.01 and newer) does I/O with peer pages: this verdict binds.",
    decides: "the kernel (peer pages)",
    onNo: "an error of the I/O; cuFile goes on through host memory where that is allowed",
    address: "of-the-verdict",
    seen: "gdscheck -p: NVMe P2PDMA; cufile.log at TRACE",
    provisos: [
      {
        when: { moduleBefore: { module: "nvidia", version: "565.57.01" } },
        words: "there is no such mode",
        leaves: "refusal",
      },
      { when: { configOff: "CONFIG_PCI_P2PDMA" }, words: "there is no such mode", leaves: "refusal" },
    ],
    sources: [
      module(
        "kernel-open/nvidia-uvm/uvm_pmm_gpu.c",
        "Registers BAR1 by pci_p2pdma_add_resource since 565.57.01, not on arm64; wants a static BAR1.",
      ),
    ],
  },
  {
    id: "nvidia-nvme-nvfs",
    title: "NVIDIA GPU and NVMe: GPUDirect Storage by nvidia-fs",
    drivers: [{ provider: ["nvidia"], client: ["nvme"] }],
    class: "does-not-ask",
    words: "nvidia-fs, with patched NVMe drivers, does not ask the kernel: it maps as GPUDirect RDMA does.",
    decides: "NVIDIA's driver, as for GPUDirect RDMA; nvidia-fs only ranks devices by distance",
    onNo: "cuFile goes on through host memory where that is allowed",
    address: "nvidia",
    seen: "/proc/driver/nvidia-fs/stats: its counts move",
    sources: [
      {
        evidence: "driver",
        where: "https://github.com/NVIDIA/gds-nvidia-fs/tree/06eb38e",
        date: "2.28.4",
        says: "No function of P2PDMA; addresses come from nvidia_p2p_dma_map_pages by callbacks in patched drivers.",
      },
      mapsPeers,
    ],
  },
  {
    id: "nvidia-nvme-compat",
    title: "NVIDIA GPU and NVMe: GPUDirect Storage in compatibility mode",
    drivers: [{ provider: ["nvidia"], client: ["nvme"] }],
    class: "no-peer-dma",
    words: "In compatibility mode cuFile copies through host memory; nothing is asked.",
    decides: "cuFile, where the other two are not to be had and use_compat_mode is true",
    onNo: "host memory, whatever the verdict",
    address: "none",
    seen: "gdscheck -p says Unsupported for the others; the counts of /proc/driver/nvidia-fs/stats do not move",
    aside: "it is no peer DMA",
    sources: [
      {
        evidence: "report",
        where: "https://github.com/NVIDIA/gds-nvidia-fs/issues/70",
        date: "2026",
        says: "What users see of the mode; the library itself is closed.",
      },
    ],
  },
  {
    id: "neuron-efa",
    title: "AWS Neuron and EFA",
    drivers: [{ provider: ["neuron"], client: ["efa"] }],
    class: "does-not-ask",
    words: "EFA takes Neuron's memory by that driver's own interface: the kernel is not asked.",
    decides: "the two drivers themselves",
    onNo: "the registration fails; libfabric logs it",
    address: "none",
    seen: "libfabric's log",
    sources: [
      {
        evidence: "driver",
        where: "https://github.com/amzn/amzn-drivers/tree/64788ef",
        date: "2026-05",
        says: "efa_p2p.c has providers of its own for NVIDIA's and Neuron's memory, before dma-buf.",
      },
    ],
  },
];
