import type { DmaDirection } from "../../dma/dma-device.ts";
import { type DmaFailure, dmaFailure } from "../../dma/dma-error.ts";
import type { PhysAddr } from "../../pci/addresses.ts";
import { formatBdf } from "../../pci/bdf.ts";
import type { MappingDesign } from "../design.ts";
import { AS_MEMORY, REFUSED } from "../host-mapping.ts";
import { LINKS } from "./links.ts";
import { hookByPages, refusePeer } from "./peer-hook.ts";

/** Peers across host bridges, each direction by what is documented of the platform. */
export const storesOnly: MappingDesign = {
  id: "stores-only",
  title: "across host bridges by direction, as POWER would allow it",
  origins: [
    {
      who: "Benjamin Herrenschmidt",
      date: "2017-04-15",
      what: "mail quoted in seed 000: POWER allows a store-only subset at most (the link is an answer in its thread)",
      link: LINKS.offset2017,
    },
  ],
  idea:
    "Mapping is asked for one direction at a time. Below a common bridge the rules decide. Across host bridges the platform " +
    "does, by what is documented of it: where it delivers stores and not loads, memory is mapped for a device that writes " +
    "there and refused, with the reason, for one that reads.",
  preparation: "building",
  hasPeerPages: true,
  mapsByDirection: true,
  open: (world) => {
    const { device, documented, host, providerOf, rules } = world;
    const isAllowed = (direction: DmaDirection, phys: PhysAddr): boolean => {
      const provider = providerOf(phys);
      if (provider === null) return false;
      const { read, write } = documented(provider);
      return (direction === "from-device" || read === true) && (direction === "to-device" || write === true);
    };
    const refusal = (direction: DmaDirection, phys: PhysAddr): DmaFailure => {
      const provider = providerOf(phys);
      const { read, facts } = provider === null ? { read: null, facts: [] } : documented(provider);
      if (direction === "from-device" || read !== false || provider === null) return refusePeer(world, phys);
      const pair = `${formatBdf(device.bdf)} cannot load from ${formatBdf(provider.owner)}`;
      return dmaFailure("EREMOTEIO", `${pair}: its host bridge takes stores only (${facts.join(", ")})`);
    };
    return {
      prepare: () => null,
      map: (list, direction) => {
        const hook = hookByPages(world, (provider, phys) => {
          const type = rules.mapType(provider, device.bdf);
          if (type === "bus-addr") return phys + provider.busOffset;
          return type === "thru-host-bridge" || isAllowed(direction, phys) ? AS_MEMORY : REFUSED;
        });
        return host.mapList(device, list, direction, { ...hook, refusal: (phys) => refusal(direction, phys) });
      },
      unmap: (list, direction) => host.unmapList(device, list, direction),
      release: () => {},
    };
  },
};
