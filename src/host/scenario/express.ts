import type { LinkState, PciExpress, PortType } from "../../pci/express.ts";
import { type Unknown, unknown } from "../../pci/known.ts";
import { BRIDGE_LINKS, fullLink } from "./defaults.ts";
import type { DownstreamPortNode, ScenarioLink, ScenarioNode } from "./scenario.ts";

type FunctionNode = ScenarioNode | DownstreamPortNode;

const slotUnstated: Unknown = unknown("a scenario does not state slot numbers");
const registersUnstated: Unknown = unknown("a scenario holds no registers");

/** The PCI Express capability of a scenario's function, `null` for a conventional one. */
export function expressOf(node: FunctionNode): PciExpress | null {
  const type = portTypeOf(node);
  if (type === null) return null;
  const hasSlot = type === "root-port" || type === "downstream-port";
  const link = linkOf(node);
  return {
    type,
    version: 2,
    slotImplemented: hasSlot,
    slotNumber: hasSlot ? slotUnstated : null,
    linkCapable: link?.capable ?? null,
    linkStatus: link?.negotiated ?? null,
    registers: registersUnstated,
    ...statedPackets(node),
  };
}

function statedPackets({ maxPayloadBytes, maxReadRequestBytes }: FunctionNode): Pick<PciExpress, "stated"> {
  if (maxPayloadBytes === null && maxReadRequestBytes === null) return {};
  return {
    stated: {
      ...(maxPayloadBytes === null ? {} : { maxPayloadBytes }),
      ...(maxReadRequestBytes === null ? {} : { maxReadRequestBytes }),
    },
  };
}

function portTypeOf(node: FunctionNode): PortType | null {
  switch (node.kind) {
    case "root-port":
    case "downstream-port":
    case "pcie-to-pci-bridge":
      return node.kind;
    case "switch":
      return "upstream-port";
    case "pci-bridge":
      return null;
    case "endpoint":
      if (node.bus === "conventional") return null;
      return node.bus === "root" ? "root-complex-endpoint" : "endpoint";
  }
}

/** A link has two ends: a port negotiated what the device below it did. */
function linkOf(node: FunctionNode): ScenarioLink | null {
  if (node.kind !== "root-port" && node.kind !== "downstream-port") return node.link;
  const far = node.below[0]?.link ?? null;
  const own = node.link ?? far ?? fullLink(BRIDGE_LINKS.switch);
  return { capable: own.capable, negotiated: far?.negotiated ?? LINK_DOWN };
}

/** A port with nothing below it. */
const LINK_DOWN: LinkState = { speedGTps: 2.5, width: 0 };
