import type { IdSet, PlatformFact } from "./fact.ts";

const IBM = 0x1014;

function hostBridge(deviceId: number): IdSet {
  return { only: [{ vendorId: IBM, devices: [[deviceId, deviceId]] }] };
}

/** IBM POWER: each PCI host bridge (PHB) is one root port on a segment of its own. */
export const powerFacts: readonly PlatformFact[] = [
  {
    id: "power9",
    title: "IBM POWER9 (PHB4)",
    match: { partOf: { architecture: "ppc64" }, rootPort: hostBridge(0x04c1) },
    path: "across-host-bridges",
    write: "limited",
    read: "fails",
    words:
      "POWER9 delivers peer writes between its host bridges only after firmware was asked to let them through (OPAL_PCI_SET_P2P), and peer reads only below one host bridge.",
    sources: [
      {
        evidence: "documentation",
        where: "https://lists.ozlabs.org/pipermail/skiboot/2017-August/008536.html",
        date: "2017-08",
        says: "IBM's firmware change: writes between host bridges work once range checks are off at the initiator and a queue is reserved at the target; reads only below one host bridge, else an error.",
      },
      {
        evidence: "kernel",
        where: "https://git.kernel.org/torvalds/c/2552910084a5",
        date: "2017-08",
        says: "The kernel's call for it: the interface knows loads and stores, the hardware only stores.",
      },
    ],
  },
  {
    id: "power8",
    title: "IBM POWER8 (PHB3)",
    match: { partOf: { architecture: "ppc64" }, rootPort: hostBridge(0x03dc) },
    path: "across-host-bridges",
    write: "limited",
    read: "fails",
    words: "POWER8 allows peer writes between its host bridges under special circumstances only, and no peer reads.",
    sources: [
      {
        evidence: "report",
        where: "seed:000_5f528feda41ff615",
        date: "2017-04",
        says: "A maintainer of the POWER port in the p2pmem thread: the platform of the day does not allow it, or only a subset of stores under special circumstances.",
      },
    ],
  },
];
