import { type MachineClass, PLAIN_MACHINE } from "./machine-class.ts";
import { CLIENT, hostBridge, PEER_A, PEER_B, REDIRECT, rootPort, scenario, switchBelow } from "./scenarios.ts";

/** `peerA` in the client's switch, `peerB` below another root port. */
const NEAR_AND_FAR = [hostBridge([switchBelow("04.0", [PEER_A, CLIENT]), rootPort("05.0", PEER_B)])];

const withMode = (mode: string): string => (mode === "off" ? "off" : `{ mode: ${mode}, kind: amd }`);

const nearAndFar = (name: string, mode: string): string => scenario(name, "amd-zen", withMode(mode), NEAR_AND_FAR);

/** Classes that differ in the IOMMU. */
export const IOMMU_CLASSES: readonly MachineClass[] = [
  {
    ...PLAIN_MACHINE,
    id: "no-iommu",
    pairs: ["near", "far"],
    title: "no IOMMU",
    words: "One peer in the client's switch, one below another root port; no IOMMU.",
    scenario: nearAndFar("no IOMMU", "off"),
  },
  {
    ...PLAIN_MACHINE,
    id: "iommu-strict",
    pairs: ["near", "far"],
    title: "IOMMU strict",
    words: "The same with an IOMMU whose unmaps wait for the IOTLB.",
    scenario: nearAndFar("IOMMU strict", "strict"),
  },
  {
    ...PLAIN_MACHINE,
    id: "iommu-lazy",
    pairs: ["near", "far"],
    title: "IOMMU lazy",
    words: "The same with an IOMMU that is flushed later, in one go.",
    scenario: nearAndFar("IOMMU lazy", "lazy"),
  },
  {
    ...PLAIN_MACHINE,
    id: "iommu-passthrough",
    pairs: ["near", "far"],
    title: "IOMMU passthrough",
    words: "The same with an IOMMU that lets addresses through.",
    scenario: nearAndFar("IOMMU passthrough", "passthrough"),
  },
  {
    ...PLAIN_MACHINE,
    id: "acs-redirect-iommu",
    title: "ACS redirect, IOMMU strict",
    words: "One switch that redirects, below an IOMMU: what Linux makes of most servers.",
    scenario: scenario("ACS redirect below an IOMMU", "amd-zen", withMode("strict"), [
      hostBridge([switchBelow("04.0", [PEER_A, PEER_B, CLIENT], REDIRECT)]),
    ]),
  },
  {
    ...PLAIN_MACHINE,
    id: "iommu-closed-root",
    title: "IOMMU strict, closed root complex",
    words: "One switch without ACS below an IOMMU, and a root complex that sends nothing back down.",
    rootComplex: "refuse",
    scenario: scenario("closed root complex below an IOMMU", "intel", "{ mode: strict, kind: intel }", [
      hostBridge([switchBelow("04.0", [PEER_A, PEER_B, CLIENT])]),
    ]),
  },
  {
    ...PLAIN_MACHINE,
    id: "bus-offset-iommu",
    title: "bus offset, IOMMU strict",
    words: "One switch whose bus addresses are 64 MiB above CPU addresses, below an IOMMU.",
    scenario: scenario("bus offset below an IOMMU", "amd-zen", withMode("strict"), [
      hostBridge([switchBelow("04.0", [PEER_A, PEER_B, CLIENT])], ["busOffset: 64M"]),
    ]),
  },
];
