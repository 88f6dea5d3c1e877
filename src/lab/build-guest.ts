import { rulesOf } from "../devices/rules.ts";
import type { System } from "../devices/system.ts";
import { directOps } from "../dma/direct.ts";
import type { DmaDevice } from "../dma/dma-device.ts";
import { guestView } from "../dmabuf/guest-view.ts";
import { PERMIT_READ, PERMIT_WRITE } from "../iommu/page-table.ts";
import { noCost } from "../memory/cost.ts";
import { PageMaps } from "../memory/page-maps.ts";
import type { Provider } from "../memory/provider.ts";
import { holds, type Iova, type PhysAddr, type PhysRange } from "../pci/addresses.ts";
import type { Bdf } from "../pci/bdf.ts";
import { PeerlaneError } from "../pci/error.ts";
import { commonBridgeIn } from "./common-bridge.ts";
import { HostMapping } from "./host-mapping.ts";
import { LAB_MEMORY_BYTES, type LabMachine, type LabPeer, SPARE_BYTES } from "./lab-machine.ts";
import type { MachineClass } from "./machines/machine-class.ts";
import { type OwnerPlace, SpareMemory } from "./spare-memory.ts";
import { PeerRules } from "./world.ts";

/** Where the VMM puts the guest's RAM and BARs: guest-physical addresses that no window of the host has. */
const GUEST_RAM = 0x1000_0000 as PhysAddr;
const GUEST_BARS = 0x60_0000_0000 as PhysAddr;

/**
 * A guest with the three devices assigned, as VFIO and a VMM make it: guest-physical addresses are the IOVAs of one
 * domain, which maps RAM and the BARs. The guest has no IOMMU that it knows of, and a tree that is made up.
 */
export function buildGuest(
  kind: MachineClass,
  system: System,
  real: readonly [LabPeer, LabPeer],
  client: Bdf,
  hasPeerPages: boolean,
): LabMachine {
  const { fabric, machine, units } = system;
  const assigned = [real[0].provider.owner, real[1].provider.owner, client];
  const view = guestView(machine, assigned, { kernel: "7.2" });
  const guestOf = (bdf: Bdf): Bdf => view.guestOf.get(bdf) ?? bdf;
  const backing = system.ram.alloc(LAB_MEMORY_BYTES + SPARE_BYTES);
  if (backing === null) throw new PeerlaneError("unsupported", `${kind.id}: no RAM for the guest`);
  const ram: PhysRange = { start: GUEST_RAM, sizeBytes: LAB_MEMORY_BYTES };
  const allRam: PhysRange = { start: GUEST_RAM, sizeBytes: LAB_MEMORY_BYTES + SPARE_BYTES };
  const peers = [inGuest(real[0], guestOf, 0), inGuest(real[1], guestOf, 1)] as const;
  const domain = units.newDomain();
  const permission = PERMIT_READ | PERMIT_WRITE;
  domain.map(ram.start as number as Iova, backing.start, allRam.sizeBytes, permission);
  peers.forEach(({ range }, index) => {
    const { start, sizeBytes } = real[index === 0 ? 0 : 1].range;
    domain.map(range.start as number as Iova, start, sizeBytes, permission);
  });
  for (const bdf of assigned) units.attach(bdf, domain);
  const cost = noCost();
  const maps = new PageMaps(cost);
  maps.add({ range: allRam, kind: "ram", provider: null });
  for (const { range, provider } of hasPeerPages ? peers : []) maps.add({ range, kind: "peer", provider });
  const device: DmaDevice = { bdf: guestOf(client), maskBits: 64, ramBusOffset: 0 };
  const { decide } = rulesOf(view.machine, undefined);
  const ops = directOps({ pages: maps, decide, cost });
  const peerAt = (phys: PhysAddr): number => peers.findIndex(({ range }) => holds(range, phys));
  const { dram } = fabric;
  const placeOf = (phys: PhysAddr): OwnerPlace => {
    const index = peerAt(phys);
    const peer = peers[index];
    if (peer === undefined) return { store: dram, at: phys - ram.start + backing.start, owner: null };
    const { owner, bar } = real[index === 0 ? 0 : 1].provider;
    return { store: fabric.barBytes(owner, bar), at: phys - peer.range.start, owner };
  };
  const spareStart = (GUEST_RAM + LAB_MEMORY_BYTES) as PhysAddr;
  const spare = new SpareMemory({ start: spareStart, sizeBytes: SPARE_BYTES }, placeOf);
  return {
    kind,
    fabric,
    requester: client,
    device,
    ram,
    peers,
    structPageBytes: maps.list().reduce((sum, map) => sum + (map.kind === "peer" ? map.structPageBytes : 0), 0),
    world: {
      device,
      planned: device,
      pages: maps,
      providerOf: (phys) => {
        cost.ownerLookups++;
        return peers[peerAt(phys)]?.provider ?? null;
      },
      rules: new PeerRules(decide, commonBridgeIn(view.machine), cost),
      sideObject: (made) => {
        cost.allocations++;
        return made;
      },
      // A guest does not see what hardware it is on.
      documented: () => ({ write: null, read: null, facts: [] }),
      moveToHost: (list, index) => spare.move(list, index, true),
      hasIommu: false,
      host: new HostMapping({ domains: { dmaDomainOf: () => null }, bounce: null, cost }),
      opsOf: () => ops,
      cost,
    },
    whyNoPages: null,
    spare,
    placeOf,
    stores: [
      { store: dram, owner: null },
      ...real.map(({ provider: { owner, bar } }) => ({ store: fabric.barBytes(owner, bar), owner })),
    ],
    bounceRanges: [],
    leftovers: () => `${domain.mappedBytes}`,
  };
}

function inGuest({ provider, range }: LabPeer, guestOf: (bdf: Bdf) => Bdf, position: number): LabPeer {
  const start = (GUEST_BARS + position * LAB_MEMORY_BYTES * 2) as PhysAddr;
  const inside: PhysRange = { start, sizeBytes: range.sizeBytes };
  const seen: Provider = { owner: guestOf(provider.owner), bar: provider.bar, busOffset: 0, range: inside };
  return { provider: seen, range: inside };
}
