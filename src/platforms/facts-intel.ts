import type { CpuPattern, IdSet, NumberRange, PlatformFact, ProcessorKind } from "./fact.ts";

const INTEL = 0x8086;

const partOf: ProcessorKind = { architecture: "x86_64", vendor: "GenuineIntel" };

function intel(...devices: readonly NumberRange[]): IdSet {
  return { only: [{ vendorId: INTEL, devices }] };
}

function one(deviceId: number): NumberRange {
  return [deviceId, deviceId];
}

function core(...models: readonly number[]): CpuPattern {
  return { vendor: "GenuineIntel", families: [6, 6], models };
}

/**
 * All but 3420, which QEMU emulates below any CPU (`ioh3420`), and those of I/O hubs, Xeon E5 and E7, and Skylake-E: no
 * client CPU has them.
 */
const clientRootPorts = intel(
  [0x0000, 0x0e01],
  [0x0e0c, 0x202f],
  [0x2034, 0x2f00],
  [0x2f0c, 0x3407],
  [0x3412, 0x341f],
  [0x3421, 0x3c01],
  [0x3c0c, 0x6f00],
  [0x6f0c, 0xffff],
);

/** Client CPUs from Sandy Bridge to Lunar Lake but Ivy Bridge, by the model numbers of Linux's `intel-family.h`. */
const clientModels = core(
  0x2a, // Sandy Bridge
  ...[0x3c, 0x45, 0x46], // Haswell
  ...[0x3d, 0x47], // Broadwell
  ...[0x4e, 0x5e], // Skylake
  ...[0x8e, 0x9e], // Kaby Lake, Coffee Lake
  ...[0xa5, 0xa6], // Comet Lake
  0x66, // Cannon Lake
  ...[0x7d, 0x7e], // Ice Lake
  0xa7, // Rocket Lake
  ...[0x8c, 0x8d], // Tiger Lake
  ...[0x97, 0x9a], // Alder Lake
  ...[0xb7, 0xba, 0xbf], // Raptor Lake
  ...[0xaa, 0xac], // Meteor Lake
  ...[0xb5, 0xc5, 0xc6], // Arrow Lake
  0xbd, // Lunar Lake
);

/** DMI and first root port of Sandy Bridge and Haswell Xeons. */
const xeonE5 = intel([0x3c00, 0x3c01], [0x2f00, 0x2f01]);

/**
 * Root ports of I/O hubs (5500, 5520, X58) and of the hubs inside of Xeon E5 and E7 up to v4. 3420 and 3421 are left out:
 * QEMU emulates the first.
 */
const ioHubPorts = intel([0x3408, 0x3411], [0x3c02, 0x3c0b], [0x0e02, 0x0e0b], [0x2f01, 0x2f0b], [0x6f01, 0x6f0b]);

const sameBridgeCommit = {
  evidence: "kernel",
  where: "https://git.kernel.org/torvalds/c/494d63b0d5d0",
  date: "2019-08",
  says: "The kernel's entries for Xeon E5: tested and working below one host bridge; between host bridges the traffic crosses QPI or UPI and performs badly, so it is not allowed.",
} as const;

const nvidiaDriver = {
  evidence: "driver",
  where:
    "https://github.com/NVIDIA/open-gpu-kernel-modules/blob/1739a20efc4acb55fd1dc53dcc66057b70c2613c/src/nvidia/src/kernel/platform/p2p/p2p_caps.c",
  date: "commit 1739a20efc4a",
  says: "NVIDIA's driver tells these root ports apart: peer traffic is forwarded between root ports of one I/O hub, and not between two hubs.",
} as const;

/** Intel's root complexes. */
export const intelFacts: readonly PlatformFact[] = [
  {
    id: "intel-client",
    title: "Intel client CPUs (Core), Sandy Bridge to Lunar Lake",
    match: { cpu: clientModels, rootPort: clientRootPorts },
    path: "same-host-bridge",
    write: "works",
    read: "fails",
    words:
      "The root complex of Intel's client CPUs forwards peer writes only; reads fail, often without an error in the log.",
    sources: [
      {
        evidence: "report",
        where: "https://github.com/NVIDIA/open-gpu-kernel-modules/issues/1253",
        date: "2026-07-21",
        says: "An NVIDIA engineer: Intel's client CPUs support peer writes only; and two Arrow Lake machines on which RDMA writes of GPU memory run at line rate and every read fails, with nothing in AER.",
      },
      {
        evidence: "report",
        where: "https://github.com/sbates130272/io_peer_mem/issues/1",
        date: "2017-06",
        says: "An author of p2pmem: many x86 chipsets that are not Xeon pass peer memory writes and not peer memory reads; seen on two i5.",
      },
      {
        evidence: "report",
        where: "https://github.com/intel/compute-runtime/issues/935",
        date: "2026-06-19",
        says: "Rocket Lake with the allow-list forced: a GPU's copy from its peer reports success and holds only ones.",
      },
    ],
  },
  {
    id: "intel-ivy-bridge-client",
    title: "Intel Ivy Bridge client CPUs (3rd generation Core)",
    match: { cpu: core(0x3a), rootPort: clientRootPorts },
    path: "same-host-bridge",
    write: "limited",
    read: "fails",
    words:
      "The datasheet lists posted writes from the chipset's root ports to the CPU's first root port as the only peer traffic, and excludes peer reads.",
    sources: [
      {
        evidence: "documentation",
        where: "https://manualsdump.com/en/manuals/intel-bx80637g2010/110340/13",
        date: "datasheet volume 1, page 13",
        says: "Intel's datasheet: peer traffic is posted writes from DMI to PCI Express port 0, no peer reads.",
      },
    ],
  },
  {
    id: "intel-xeon-e5",
    title: "Intel Xeon E5, E7 and Core i7 (Sandy Bridge-E, Haswell-E), one socket",
    match: { partOf, onRootBus: xeonE5 },
    path: "same-host-bridge",
    write: "works",
    read: "works",
    words:
      "Tested by the kernel's developers below one host bridge; NVIDIA warns of low read bandwidth through some CPUs of that time.",
    sources: [
      sameBridgeCommit,
      {
        evidence: "report",
        where:
          "https://forums.developer.nvidia.com/t/p2p-dma-performance-limitation-where-a-single-cpu-is-invoked/55564",
        date: "2017",
        says: "Writes of three SSDs into a GPU through a Xeon E5-2650 v4 reach 7.1 GB/s; quotes NVIDIA's guide that a path through one CPU works, with reads severely limited on some architectures.",
      },
    ],
  },
  {
    id: "intel-xeon-e5-sockets",
    title: "Intel Xeon E5, E7 (Sandy Bridge-E, Haswell-E), between sockets",
    match: { partOf, onRootBus: xeonE5 },
    path: "across-host-bridges",
    write: "limited",
    read: "limited",
    words: "Peer traffic between host bridges crosses QPI, which performs badly.",
    sources: [sameBridgeCommit],
  },
  {
    id: "intel-io-hub",
    title: "Intel I/O hubs and Xeon E5, E7 up to v4, one hub",
    match: { partOf, rootPort: ioHubPorts },
    path: "same-host-bridge",
    write: "works",
    read: "works",
    words: "Peer traffic is forwarded between the root ports of one I/O hub.",
    sources: [nvidiaDriver],
  },
  {
    id: "intel-io-hubs",
    title: "Intel I/O hubs and Xeon E5, E7 up to v4, two hubs",
    match: { partOf, rootPort: ioHubPorts },
    path: "across-host-bridges",
    write: "fails",
    read: "fails",
    words: "Peer traffic is not forwarded between two I/O hubs.",
    sources: [nvidiaDriver],
  },
  {
    id: "intel-skylake-xeon",
    title: "Intel Xeon Scalable, 1st and 2nd generation (Skylake-E)",
    match: { partOf, onRootBus: intel([0x2030, 0x2033], one(0x2020)) },
    path: "any-through-root-complex",
    write: "works",
    read: "works",
    words:
      "Tested by the kernel's developers, between host bridges too; how fast it is between sockets is not documented.",
    sources: [
      {
        evidence: "kernel",
        where: "https://git.kernel.org/torvalds/c/7b94b53db34f",
        date: "2020-02",
        says: "Root ports B, C and D join A and the DMI port on the allow-list, for different host bridges too: peer traffic was tested and works.",
      },
    ],
  },
  {
    id: "intel-xeon-ice-lake",
    title: "Intel Xeon, Ice Lake and newer",
    match: {
      partOf,
      // 09a2, and the accelerators that stand first on root buses of their own.
      onRootBus: intel(
        ...[0x09a2, 0x0b25, 0x0cfe, 0x11fb, 0x1212, 0x1216, 0x4940, 0x4942, 0x4944, 0x4946, 0x4948].map(one),
      ),
    },
    path: "any-through-root-complex",
    write: "works",
    read: "works",
    words: "Every Xeon from Ice Lake on supports peer traffic; how fast it is between sockets is not documented.",
    sources: [
      {
        evidence: "kernel",
        where: "https://git.kernel.org/torvalds/c/0ba76b19fd4c",
        date: "2026-06",
        says: "Names Ice Lake, Sapphire, Emerald, Granite and Diamond Rapids, Sierra and Clearwater Forest: all support peer-to-peer DMA.",
      },
      {
        evidence: "driver",
        where:
          "https://github.com/NVIDIA/open-gpu-kernel-modules/blob/595.45.04/src/nvidia/src/kernel/platform/p2p/p2p_caps.c",
        date: "595.45.04",
        says: "GPUs may read each other's BAR1 through the root complex of Sapphire Rapids (model 143), alone of Intel's: a list of what was tried, not of what fails.",
      },
    ],
  },
];
