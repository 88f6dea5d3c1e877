import type {
  BridgeNode,
  DownstreamPortNode,
  EndpointNode,
  PciIds,
  Scenario,
  ScenarioNode,
} from "../host/scenario/scenario.ts";

/** Ids of QEMU's bridges, by scenario kind. */
export const BRIDGE_IDS: Readonly<
  Record<"hostBridge" | "rootPort" | "switch" | "port" | "pcieToPci" | "pciToPci", PciIds>
> = {
  hostBridge: { vendorId: 0x8086, deviceId: 0x29c0 },
  rootPort: { vendorId: 0x1b36, deviceId: 0x000c },
  switch: { vendorId: 0x104c, deviceId: 0x8232 },
  port: { vendorId: 0x104c, deviceId: 0x8233 },
  pcieToPci: { vendorId: 0x1b36, deviceId: 0x000e },
  pciToPci: { vendorId: 0x1b36, deviceId: 0x0001 },
};

/** Ids of the endpoints that QEMU makes (nvme, e1000e, e1000); of other kinds it has none. */
export const ENDPOINT_IDS: Readonly<Record<"nvme" | "nic" | "conventionalNic", PciIds>> = {
  nvme: { vendorId: 0x1b36, deviceId: 0x0010 },
  nic: { vendorId: 0x8086, deviceId: 0x10d3 },
  conventionalNic: { vendorId: 0x8086, deviceId: 0x100e },
};

/** The scenario with the ids that its functions get where QEMU builds them; those that it states stay. */
export function asQemuBuilds(scenario: Scenario): Scenario {
  const hostBridges = scenario.hostBridges.map((bridge) => ({
    ...bridge,
    id: bridge.hasFunction ? (bridge.id ?? BRIDGE_IDS.hostBridge) : null,
    below: bridge.below.map(withIds),
  }));
  return { ...scenario, hostBridges };
}

function withIds(node: ScenarioNode): ScenarioNode {
  switch (node.kind) {
    case "root-port":
      return { ...node, id: node.id ?? BRIDGE_IDS.rootPort, below: node.below.map(withIds) };
    case "switch":
      return { ...node, id: node.id ?? BRIDGE_IDS.switch, ports: node.ports.map(portWithIds) };
    case "endpoint":
      return { ...node, id: node.id ?? endpointIds(node) };
    default:
      return { ...node, id: node.id ?? bridgeIds(node), below: node.below.map(withIds) };
  }
}

function portWithIds(port: DownstreamPortNode): DownstreamPortNode {
  return { ...port, id: port.id ?? BRIDGE_IDS.port, below: port.below.map(withIds) };
}

function bridgeIds({ kind }: BridgeNode): PciIds {
  return kind === "pcie-to-pci-bridge" ? BRIDGE_IDS.pcieToPci : BRIDGE_IDS.pciToPci;
}

function endpointIds({ endpoint, bus }: EndpointNode): PciIds | null {
  if (endpoint === "nvme") return ENDPOINT_IDS.nvme;
  if (endpoint !== "nic") return null;
  return bus === "conventional" ? ENDPOINT_IDS.conventionalNic : ENDPOINT_IDS.nic;
}
