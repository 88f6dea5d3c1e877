import type { PlatformFact } from "./fact.ts";

const AMD = 0x1022;
const ATI = 0x1002;

const architect = {
  evidence: "kernel",
  where: "https://git.kernel.org/torvalds/c/7d5b10fcb81e",
  date: "2020-04",
  says: "AMD's commit for Raven and Renoir, after its hardware architect: parts before Zen support peer writes, Zen parts support peer reads and writes.",
} as const;

/** AMD's root complexes. */
export const amdFacts: readonly PlatformFact[] = [
  {
    id: "amd-zen",
    title: "AMD Zen and newer",
    // Root ports of AMD's own: a guest sees the host's CPU below root ports that are none of it.
    match: {
      cpu: { vendor: "AuthenticAMD", families: [0x17, 0xff], models: "any" },
      rootPort: { only: [{ vendorId: AMD, devices: "any" }] },
    },
    path: "any-through-root-complex",
    write: "works",
    read: "works",
    words: "The root complex of AMD Zen and newer forwards peer writes and peer reads between root ports.",
    sources: [
      architect,
      {
        evidence: "kernel",
        where: "https://git.kernel.org/torvalds/c/dea286bb71ba",
        date: "2020-07",
        says: "The kernel trusts every AMD CPU of family 17h or newer with peer traffic.",
      },
      {
        evidence: "kernel",
        where: "https://git.kernel.org/torvalds/c/0f97da831026",
        date: "2019-04",
        says: "AMD's first entry: Zen supports peer traffic between any two devices below its root complex, root ports included.",
      },
      {
        evidence: "driver",
        where:
          "https://github.com/NVIDIA/open-gpu-kernel-modules/blob/595.45.04/src/nvidia/src/kernel/platform/p2p/p2p_caps.c",
        date: "595.45.04",
        says: "GPUs may read each other's BAR1 through the root complex on AMD Zen and on Intel's Sapphire Rapids, else below a common switch only.",
      },
      {
        evidence: "report",
        where: "https://github.com/NVIDIA/open-gpu-kernel-modules/issues/1253",
        date: "2026-07-21",
        says: "Threadripper PRO as the control of a failing Intel system: RDMA reads and writes of GPU memory at 180 Gb/s.",
      },
    ],
  },
  {
    id: "amd-before-zen",
    title: "AMD before Zen",
    match: {
      cpu: { vendor: "AuthenticAMD", families: [0x10, 0x16], models: "any" },
      rootPort: {
        only: [
          { vendorId: AMD, devices: "any" },
          { vendorId: ATI, devices: "any" },
        ],
      },
    },
    path: "any-through-root-complex",
    write: "works",
    read: "fails",
    words: "AMD's root complexes before Zen forward peer writes only.",
    sources: [
      architect,
      {
        evidence: "report",
        where: "https://www.mail-archive.com/iommu@lists.linux-foundation.org/msg09428.html",
        date: "2015-07",
        says: "A device maker on AMD's chipsets of the time: peer writes pass, peer reads are dropped without an error and leave wrong data.",
      },
    ],
  },
];
