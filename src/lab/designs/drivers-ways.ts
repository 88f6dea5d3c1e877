import type { DmaFailure } from "../../dma/dma-error.ts";
import type { DmaMapping } from "../../dma/dma-ops.ts";
import type { PhysAddr } from "../../pci/addresses.ts";
import type { MappingDesign } from "../design.ts";
import { AS_MEMORY } from "../host-mapping.ts";
import { LINKS } from "./links.ts";
import { joinParts, NOTHING_PARTED, partList } from "./parted-list.ts";
import { refusePeer } from "./peer-hook.ts";

/** What the drivers of AMD's and Intel's GPUs do with the kernel's verdict. */
export const askThenMapResource: MappingDesign = {
  id: "ask-then-map-resource",
  title: "yes or no, then dma_map_resource (amdgpu, xe)",
  origins: [
    {
      who: "the drivers amdgpu and xe",
      date: "2026",
      what: "their dma-buf exporters in Linux 7.2: pci_p2pdma_distance for a yes or no, dma_map_resource for the address",
      link: LINKS.amdgpuDmaBuf,
    },
  ],
  idea:
    "The exporter takes from the kernel a yes or a no and nothing else. On no, the buffer moves to system memory, and nobody " +
    "is told. On yes, each range is mapped by dma_map_resource of its CPU address, whatever the verdict was: an IOVA where an " +
    "IOMMU translates, also below a common switch, the CPU's address itself where none does.",
  preparation: "attach",
  hasPeerPages: false,
  open: (world) => {
    const { cost, device, host, moveToHost, opsOf, providerOf, rules } = world;
    let parted = NOTHING_PARTED;
    const mappings: DmaMapping[] = [];
    return {
      build: (list, owners) => {
        owners.forEach((owner, index) => {
          if (owner !== null && rules.mapType(owner, device.bdf) === "not-supported") moveToHost(list, index);
        });
      },
      prepare: (list) => {
        parted = partList(list, providerOf, cost);
        return null;
      },
      map: (list, direction) => {
        const { rest } = parted;
        if (rest !== null) {
          const mapped = host.mapList(device, rest, direction);
          if (!mapped.ok || rest === list) return mapped;
        }
        let failure: DmaFailure | null = null;
        for (const { range } of parted.peers) {
          const mapped = opsOf(device).mapResource(device, range, direction);
          if (mapped.ok) mappings.push(mapped.value);
          else failure ??= mapped;
        }
        if (failure === null) {
          let next = 0;
          joinParts(list, parted, () => mappings[next++] ?? null, cost);
          return { ok: true, value: list.dmaCount };
        }
        for (const mapping of mappings.splice(0)) opsOf(device).unmapRange(device, mapping, direction);
        if (rest !== null) host.unmapList(device, rest, direction);
        return failure;
      },
      unmap: (list, direction) => {
        for (const mapping of mappings.splice(0)) opsOf(device).unmapRange(device, mapping, direction);
        if (parted.rest !== null) host.unmapList(device, parted.rest, direction);
        list.dmaCount = 0;
      },
      release: () => {},
    };
  },
};

/** What NVIDIA's driver does on Linux 6.12 and newer. */
export const busAddressUnasked: MappingDesign = {
  id: "bus-address-unasked",
  title: "raw bus address, nobody asked (NVIDIA on Linux 6.12 and newer)",
  origins: [
    {
      who: "the NVIDIA driver",
      date: "2026-08-27",
      what: "its published source, and a report of raw BAR addresses that VT-d discards (Linux 7.0)",
      link: LINKS.nvidiaRaw,
    },
  ],
  idea:
    "The driver gives the device the BAR's bus address and asks neither the rules nor the DMA API: what the IOMMU does with " +
    "it, where a switch sends it and whether a root complex forwards it shows on the way.",
  preparation: "building",
  hasPeerPages: false,
  open: (world) => {
    const { device, host, providerOf } = world;
    const hook = {
      place: (_: number, phys: PhysAddr): number => {
        const provider = providerOf(phys);
        return provider === null ? AS_MEMORY : phys + provider.busOffset;
      },
      refusal: (phys: PhysAddr): DmaFailure => refusePeer(world, phys),
    };
    return {
      prepare: () => null,
      map: (list, direction) => host.mapList(device, list, direction, hook),
      unmap: (list, direction) => host.unmapList(device, list, direction),
      release: () => {},
    };
  },
};
