import type { Machine } from "../../host/machine.ts";
import { topologyOf } from "../../host/machine.ts";
import { PCI_ACS_CR, PCI_ACS_DT, PCI_ACS_RR, PCI_ACS_SV, PCI_ACS_TB, PCI_ACS_UF } from "../../pci/acs.ts";
import { type Bdf, busOf, domainOf, formatBdf, makeBdf } from "../../pci/bdf.ts";
import { PeerlaneError } from "../../pci/error.ts";
import type { PortType } from "../../pci/express.ts";
import type { PciFunction } from "../../pci/function.ts";
import { isUnknown, unknown } from "../../pci/known.ts";

/** A switch on a card: its functions have addresses that the machine does not use. */
export interface SwitchCard {
  /** The port whose slot the card is put into. */
  readonly under: Bdf;
  /** The switch's upstream port, and two downstream ports on the bus below it. */
  readonly upstream: Bdf;
  readonly ports: readonly [Bdf, Bdf];
}

/** What downstream ports of PCIe switches offer (Broadcom PEX, Microchip Switchtec): all but egress control. */
const OFFERED = PCI_ACS_SV | PCI_ACS_TB | PCI_ACS_RR | PCI_ACS_CR | PCI_ACS_UF | PCI_ACS_DT;

/** A card for the slot below a port, at bus numbers that nothing uses; `undefined` where four are not left. */
export function switchCardFor(machine: Machine, under: Bdf): SwitchCard | undefined {
  const domain = domainOf(under);
  const used = new Set(machine.functions.filter(({ bdf }) => domainOf(bdf) === domain).flatMap(busesOf));
  const free: number[] = [];
  for (let bus = 255; bus > 0 && free.length < 4; bus--) if (!used.has(bus)) free.unshift(bus);
  const [first, second] = free;
  if (first === undefined || second === undefined || free.length < 4) return undefined;
  return {
    under,
    upstream: makeBdf(domain, first, 0, 0),
    ports: [makeBdf(domain, second, 0, 0), makeBdf(domain, second, 1, 0)],
  };
}

function busesOf({ bdf, bridge }: PciFunction): readonly number[] {
  return isUnknown(bridge) || bridge === null ? [busOf(bdf)] : [busOf(bdf), bridge.secondary];
}

/**
 * The machine with switch cards in slots, as firmware leaves them: no redirect bit is on before a boot. MODEL: a card of no
 * vendor, so that no quirk of the kernel is about it; its downstream ports have ACS, as those of PEX and Switchtec.
 * Throws `usage` where a card does not fit.
 */
export function withSwitchCards(machine: Machine, cards: readonly SwitchCard[]): Machine {
  if (cards.length === 0) return machine;
  const functions = [...machine.functions, ...cards.flatMap((card) => cardFunctions(machine, card))];
  return { ...machine, functions: functions.sort((a, b) => a.bdf - b.bdf) };
}

function cardFunctions(machine: Machine, { under, upstream, ports }: SwitchCard): readonly PciFunction[] {
  const topology = topologyOf(machine);
  const root = topology.rootBusOf(topology.indexOf(under));
  if (root === undefined) {
    throw new PeerlaneError("usage", `the source does not show where ${formatBdf(under)} hangs`, {
      remedy: "give a source with the whole topology",
    });
  }
  const portBus = busOf(ports[0]);
  const port = (bdf: Bdf, type: PortType, above: Bdf, secondary: number, subordinate: number): PciFunction => ({
    ...cardFunction(bdf, type),
    acs: type === "downstream-port" ? { capability: OFFERED, control: 0, firmwareControl: 0 } : null,
    bridge: { primary: busOf(bdf), secondary, subordinate, windows: notThere },
    numaNode: topology.functionOf(under).numaNode,
    attachment: { upstream: above, rootBus: root.rootBus },
  });
  return [
    port(upstream, "upstream-port", under, portBus, portBus + 2),
    port(ports[0], "downstream-port", upstream, portBus + 1, portBus + 1),
    port(ports[1], "downstream-port", upstream, portBus + 2, portBus + 2),
  ];
}

const notThere = unknown("a card that is not there yet");

function cardFunction(bdf: Bdf, type: PortType): PciFunction {
  return {
    bdf,
    vendorId: 0,
    deviceId: 0,
    subsystem: null,
    revision: notThere,
    classCode: 0x060400,
    headerType: 1,
    multifunction: false,
    command: notThere,
    bars: [],
    bridge: null,
    express: {
      type,
      version: 2,
      slotImplemented: notThere,
      slotNumber: notThere,
      linkCapable: notThere,
      linkStatus: notThere,
      registers: notThere,
    },
    acs: null,
    sriov: null,
    resizableBars: [],
    capabilities: notThere,
    names: [],
    label: null,
    driver: null,
    numaNode: notThere,
    iommuGroup: null,
    p2pmem: null,
    physicalFunction: null,
    attachment: notThere,
    dmaMaskBits: notThere,
  };
}
