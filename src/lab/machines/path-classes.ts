import { type MachineClass, PLAIN_MACHINE } from "./machine-class.ts";
import { CLIENT, hostBridge, PEER_A, PEER_B, REDIRECT, rootPort, scenario, switchBelow } from "./scenarios.ts";

const ALL = [PEER_A, PEER_B, CLIENT];
const ROOT_PORTS = [rootPort("04.0", PEER_A), rootPort("05.0", PEER_B), rootPort("06.0", CLIENT)];

/** Classes that differ in the path between peers, all without an IOMMU. */
export const PATH_CLASSES: readonly MachineClass[] = [
  {
    ...PLAIN_MACHINE,
    id: "one-switch",
    title: "one switch",
    words: "Peers and client below one switch without ACS: the direct path.",
    scenario: scenario("one switch", "amd-zen", "off", [hostBridge([switchBelow("04.0", ALL)])]),
  },
  {
    ...PLAIN_MACHINE,
    id: "acs-redirect",
    title: "ACS redirect",
    words: "One switch whose ports redirect requests and completions to the root complex, which forwards them.",
    scenario: scenario("ACS redirect", "amd-zen", "off", [hostBridge([switchBelow("04.0", ALL, REDIRECT, REDIRECT)])]),
  },
  {
    ...PLAIN_MACHINE,
    id: "acs-no-forwarding",
    title: "ACS redirect, no Upstream Forwarding",
    words:
      "The same, but the root port does not have Upstream Forwarding on: what it does with a request for below itself is " +
      "undefined, and this one refuses.",
    scenario: scenario("ACS redirect without forwarding", "amd-zen", "off", [
      hostBridge([switchBelow("04.0", ALL, REDIRECT)]),
    ]),
  },
  {
    ...PLAIN_MACHINE,
    id: "root-ports",
    pairs: ["far", "far"],
    title: "connected root ports",
    words:
      "Each device below a root port of its own; the root complex forwards between them, and the kernel's list knows.",
    scenario: scenario("connected root ports", "amd-zen", "off", [hostBridge(ROOT_PORTS)]),
  },
  {
    ...PLAIN_MACHINE,
    id: "closed-root-complex",
    pairs: ["far", "far"],
    title: "closed root complex",
    words: "The same on a host that is on no list, and whose root complex refuses what one port sends to another.",
    rootComplex: "refuse",
    scenario: scenario("closed root complex", "intel", "off", [hostBridge(ROOT_PORTS)]),
  },
  {
    ...PLAIN_MACHINE,
    id: "two-host-bridges",
    pairs: ["far", "far"],
    title: "two host bridges",
    words: "The client below one host bridge, the peers below another; both are on the list and forward.",
    scenario: scenario("two host bridges", "amd-zen", "off", [
      hostBridge([rootPort("04.0", CLIENT)]),
      hostBridge([rootPort("04.0", PEER_A), rootPort("05.0", PEER_B)], ["bus: 0x40"]),
    ]),
  },
  {
    ...PLAIN_MACHINE,
    id: "bus-offset",
    title: "bus offset",
    words:
      "One switch; bus addresses are 64 MiB above CPU addresses, so that one BAR's CPU address is another's bus address.",
    scenario: scenario("bus offset", "amd-zen", "off", [hostBridge([switchBelow("04.0", ALL)], ["busOffset: 64M"])]),
  },
  {
    ...PLAIN_MACHINE,
    id: "bus-offset-negative",
    title: "negative bus offset",
    words: "The same with bus addresses 64 MiB below CPU addresses.",
    scenario: scenario("negative bus offset", "amd-zen", "off", [
      hostBridge([switchBelow("04.0", ALL)], ["busOffset: -64M"]),
    ]),
  },
  {
    ...PLAIN_MACHINE,
    id: "bus-offset-root-ports",
    pairs: ["far", "far"],
    title: "bus offset, root ports",
    words: "Bus addresses 64 MiB above CPU addresses, and connected root ports instead of the switch.",
    scenario: scenario("bus offset and root ports", "amd-zen", "off", [hostBridge(ROOT_PORTS, ["busOffset: 64M"])]),
  },
];
