import { type MachineClass, PLAIN_MACHINE } from "./machine-class.ts";
import { CLIENT, hostBridge, PEER_A, PEER_B, POWER9_PORT_ID, rootPort, scenario, switchBelow } from "./scenarios.ts";

const ALL = [PEER_A, PEER_B, CLIENT];
const ACROSS = [
  hostBridge([rootPort("04.0", CLIENT)]),
  hostBridge([rootPort("04.0", PEER_A), rootPort("05.0", PEER_B)], ["bus: 0x40"]),
];

/** The same with the root ports of POWER9. */
const POWER = [
  hostBridge([rootPort("04.0", CLIENT, POWER9_PORT_ID)]),
  hostBridge([rootPort("04.0", PEER_A, POWER9_PORT_ID), rootPort("05.0", PEER_B, POWER9_PORT_ID)], ["bus: 0x40"]),
];

/** Classes that are out of the ordinary. */
export const ODD_CLASSES: readonly MachineClass[] = [
  {
    ...PLAIN_MACHINE,
    id: "power-like",
    pairs: ["far", "far"],
    title: "POWER-like",
    words:
      "POWER9: peers across host bridges that take writes only, as its firmware can be asked for; the kernel's list does not have them.",
    rootComplex: "writes-only",
    scenario: scenario("like POWER", "{ architecture: ppc64le }", "off", POWER),
  },
  {
    ...PLAIN_MACHINE,
    id: "writes-only",
    pairs: ["far", "far"],
    title: "writes only, on the list",
    words:
      "The same hardware behind a CPU that the kernel's rules let through: they know one answer for both directions.",
    rootComplex: "writes-only",
    scenario: scenario("writes only", "amd-zen", "off", ACROSS),
  },
  {
    ...PLAIN_MACHINE,
    id: "mask-32",
    title: "32-bit DMA mask",
    words: "One switch; the client issues 32 address bits, peers and the RAM of the lists lie above.",
    hasHighRam: true,
    scenario: scenario("32-bit DMA mask", "amd-zen", "off", [
      hostBridge([switchBelow("04.0", [PEER_A, PEER_B, "nic: { name: client, dmaMaskBits: 32 }"])]),
    ]),
  },
  {
    ...PLAIN_MACHINE,
    id: "guest",
    title: "guest",
    words:
      "A guest on an AMD host with the three devices assigned: its tree is made up, its addresses go through the host's IOMMU.",
    isGuest: true,
    scenario: scenario("host of a guest", "amd-zen", "{ mode: strict, kind: amd }", [
      hostBridge([switchBelow("04.0", ALL)]),
    ]),
  },
  {
    ...PLAIN_MACHINE,
    id: "other-device",
    pairs: ["far", "far"],
    title: "request goes to another device",
    words:
      "Memory was chosen for a device in the peers' switch; on its way the request goes to one below another root port, with an IOMMU.",
    hasOtherClient: true,
    scenario: scenario("another device", "amd-zen", "{ mode: strict, kind: amd }", [
      hostBridge([switchBelow("04.0", [PEER_A, PEER_B, "nic: { name: planned }"]), rootPort("05.0", CLIENT)]),
    ]),
  },
  {
    ...PLAIN_MACHINE,
    id: "emulated-switch",
    title: "switch that sends all upstream",
    words: "An IOMMU above a switch that sends peer traffic up whatever its registers say, as QEMU's does.",
    switchForwarding: "always-upstream",
    scenario: scenario("switch that sends all upstream", "amd-zen", "{ mode: strict, kind: amd }", [
      hostBridge([switchBelow("04.0", ALL)]),
    ]),
  },
  {
    ...PLAIN_MACHINE,
    id: "linear-map",
    title: "BARs beyond the linear map",
    words:
      "One switch, on an architecture whose linear map ends at 128 GiB, as RISC-V's with three levels of page tables; the BARs lie at 1 TiB, and no struct pages can be made of them.",
    linearMapEnd: 2 ** 37,
    scenario: scenario("BARs beyond the linear map", "amd-zen", "off", [hostBridge([switchBelow("04.0", ALL)])]),
  },
];
