import type { FactSource, IdSet, PlatformFact } from "./fact.ts";

const MODULES = "https://github.com/NVIDIA/open-gpu-kernel-modules/blob/595.45.04/src/nvidia";

const incapable: FactSource = {
  evidence: "driver",
  where: `${MODULES}/arch/nvalloc/unix/src/osinit.c`,
  date: "595.45.04",
  says: "NVIDIA's driver takes Grace (TH500), Ampere Altra and AmpereOne-160 for incapable of peer DMA by PCIe: GPUDirect RDMA wants a common switch there.",
};
const ids: FactSource = {
  evidence: "driver",
  where: `${MODULES}/arch/nvalloc/common/inc/nvcst.h`,
  date: "595.45.04",
  says: "The ids by which it knows them.",
};

const NVIDIA = 0x10de;
const AMPERE = 0x1def;

/** Grace: its root ports, each on a root bus of its own. */
const grace: IdSet = {
  only: [
    {
      vendorId: NVIDIA,
      devices: [
        [0x22b1, 0x22b4],
        [0x22b8, 0x22b9],
      ],
    },
  ],
};
/** Ampere Altra: its root complexes. */
const altra: IdSet = {
  only: [
    {
      vendorId: AMPERE,
      devices: [
        [0xe000, 0xe000],
        [0xe00d, 0xe00e],
        [0xe010, 0xe010],
        [0xe100, 0xe100],
        [0xe110, 0xe110],
      ],
    },
  ],
};
const ampereOne: IdSet = { only: [{ vendorId: AMPERE, devices: [[0xe200, 0xe207]] }] };

/** What NVIDIA's driver takes for incapable of peer DMA through the root complex. */
export const WITHOUT_PEER_DMA: IdSet = {
  only: [grace, altra, ampereOne].flatMap((set) => ("only" in set ? set.only : [])),
};

/** Arm servers that a GPU's driver knows. */
export const armFacts: readonly PlatformFact[] = (
  [
    [
      "nvidia-grace",
      "NVIDIA Grace (TH500)",
      grace,
      "Grace does not pass peer traffic by PCIe through its root complex; a GPU of its own is reached by C2C, which is no PCIe.",
    ],
    ["ampere-altra", "Ampere Altra", altra, "Altra does not pass peer traffic through its root complexes."],
    [
      "ampere-one",
      "AmpereOne (up to 160 cores)",
      ampereOne,
      "AmpereOne does not pass peer traffic through its root complexes.",
    ],
  ] as const
).map(([id, title, onRootBus, words]) => ({
  id,
  title,
  match: { partOf: { architecture: "aarch64" }, onRootBus },
  path: "any-through-root-complex",
  write: "fails",
  read: "fails",
  words,
  sources: [incapable, ids],
}));
