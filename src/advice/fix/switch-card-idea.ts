import { type Machine, topologyOf } from "../../host/machine.ts";
import { type Bdf, formatBdf, slotOf } from "../../pci/bdf.ts";
import { physicalOf } from "../../pci/virtual-functions.ts";
import { switchCardFor } from "../what-if/switch-card.ts";
import type { Idea, Pair } from "./idea.ts";
import { inOrderOfUse, linkOf, linkText, type Slot, slotOfDevice, slotsOf } from "./slots.ts";

/**
 * A card with a switch in the slot of one of the pair or of the other, and both behind it: what is left where nothing that the
 * machine has brings them below one bridge. The faster
 * slot first, then in order of the ports, whichever of the two is asked for as provider.
 */
export function switchCardIdeas(machine: Machine, pair: Pair): readonly Idea[] {
  const topology = topologyOf(machine);
  const [first, second] = [pair.provider, pair.client]
    .map((bdf) => physicalOf(topology.functionOf(bdf)) ?? bdf)
    .sort((a, b) => a - b);
  if (first === undefined || second === undefined || slotOf(first) === slotOf(second)) return [];
  const slots = slotsOf(topology);
  const own = [first, second].map((device) => slotOfDevice(topology, slots, device));
  const found = own.flatMap((slot) => slot ?? []).sort((a, b) => a.port - b.port);
  if (found.length < own.length) return [];
  return inOrderOfUse(topology, found).flatMap((slot) => ideaIn(machine, slot, [first, second]));
}

function ideaIn(machine: Machine, { port }: Slot, [first, second]: readonly [Bdf, Bdf]): readonly Idea[] {
  const topology = topologyOf(machine);
  const fn = topology.functionAt(port);
  const under = fn.bdf;
  const card = switchCardFor(machine, under);
  if (card === undefined) return [];
  const link = linkOf(fn);
  const both = `${formatBdf(first)} and ${formatBdf(second)}`;
  return [
    {
      kinds: ["switch-card"],
      title: `put a card with a PCIe switch into the slot below ${formatBdf(under)}, and ${both} behind it`,
      changes: [
        { kind: "switch-card", ...card },
        { kind: "move", device: first, under: card.ports[0] },
        { kind: "move", device: second, under: card.ports[1] },
      ],
      lasting: "from-next-boot",
      steps: [
        {
          where: "hands, with the power off",
          lines: [
            "a card or backplane with a Broadcom (PLX) PEX or Microchip Switchtec switch, into the slot that it is to share",
            `${both} into slots or onto cables of that card`,
          ],
        },
      ],
      cautions: [
        "shown on the model of such a card: an upstream port and two downstream ports that offer ACS; the card itself is not there to be looked at",
        "device numbers of its ports differ by make: once the card is in, peerlane fix names them",
        `both devices share the one link of that slot${link === undefined ? "" : ` (${linkText(link)})`} for all that leaves the card`,
        "addresses of devices change with it",
      ],
    },
  ];
}
