import { type Machine, topologyOf } from "../../host/machine.ts";
import { formatBdf, slotOf } from "../../pci/bdf.ts";
import { physicalOf } from "../../pci/virtual-functions.ts";
import { switchCardFor } from "../what-if/switch-card.ts";
import type { Idea, Pair } from "./idea.ts";
import { slotOfDevice, slotsOf } from "./slots.ts";

/**
 * A card with a switch in the slot of one of the pair, and both behind it: what is left where nothing that the machine has
 * brings them below one bridge. Where the card goes makes no difference to the pair.
 */
export function switchCardIdea(machine: Machine, pair: Pair): readonly Idea[] {
  const topology = topologyOf(machine);
  const provider = physicalOf(topology.functionOf(pair.provider)) ?? pair.provider;
  const client = physicalOf(topology.functionOf(pair.client)) ?? pair.client;
  const slots = slotsOf(topology);
  const [own, other] = [slotOfDevice(topology, slots, client), slotOfDevice(topology, slots, provider)];
  if (own === undefined || other === undefined || slotOf(provider) === slotOf(client)) return [];
  const under = topology.functionAt(own.port).bdf;
  const card = switchCardFor(machine, under);
  if (card === undefined) return [];
  const [first, second] = card.ports;
  return [
    {
      kinds: ["switch-card"],
      title: `put a card with a PCIe switch into the slot below ${formatBdf(under)}, and ${formatBdf(client)} and ${formatBdf(provider)} behind it`,
      changes: [
        { kind: "switch-card", ...card },
        { kind: "move", device: client, under: first },
        { kind: "move", device: provider, under: second },
      ],
      lasting: "from-next-boot",
      steps: [
        {
          where: "hands, with the power off",
          lines: [
            "a card or backplane with a Broadcom (PLX) PEX or Microchip Switchtec switch, into the slot that it is to share",
            `${formatBdf(client)} and ${formatBdf(provider)} into slots or onto cables of that card`,
          ],
        },
      ],
      cautions: [
        "shown on the model of such a card: an upstream port and two downstream ports that offer ACS; the card itself is not there to be looked at",
        "device numbers of its ports differ by make: once the card is in, peerlane fix names them",
        "both devices share the one link of that slot for all that leaves the card",
        "addresses of devices change with it",
      ],
    },
  ];
}
