import { documentedIn } from "../devices/documented.ts";
import { beyondLinearMap } from "../devices/peer-pools.ts";
import { buildSystem, type System } from "../devices/system.ts";
import { BouncePool } from "../dma/bounce-pool.ts";
import type { DmaOps } from "../dma/dma-ops.ts";
import type { Machine } from "../host/machine.ts";
import { readScenario } from "../host/scenario/scenario-machine.ts";
import { providerOf } from "../memory/machine-bars.ts";
import type { Provider } from "../memory/provider.ts";
import { holds, type PhysAddr } from "../pci/addresses.ts";
import { type Bdf, formatBdf } from "../pci/bdf.ts";
import { PeerlaneError } from "../pci/error.ts";
import { afterBoot } from "../rules/boot-acs.ts";
import { buildGuest } from "./build-guest.ts";
import { commonBridgeIn } from "./common-bridge.ts";
import { HostMapping } from "./host-mapping.ts";
import { LAB_MEMORY_BYTES, type LabMachine, type LabPeer, SPARE_BYTES } from "./lab-machine.ts";
import type { MachineClass } from "./machines/machine-class.ts";
import { type OwnerPlace, SpareMemory } from "./spare-memory.ts";
import { PeerRules } from "./world.ts";

/** RAM of the ordinary classes, and of those whose lists have to lie above 4 GiB. */
const RAM_BYTES = 2 ** 28;
const HIGH_RAM_BYTES = 5 * 2 ** 30;
const FOUR_GIB = 2 ** 32;
/** Enough for the longest list, twice. */
const BOUNCE_BYTES = 2 ** 25;
const PEER_BAR = 0;

/** Machines that were read, by class: nothing changes one. */
const machines = new WeakMap<MachineClass, Machine>();

/** The machine of a class as the kernel has it after boot. */
export function machineOf(kind: MachineClass): Machine {
  let machine = machines.get(kind);
  if (machine === undefined) {
    machine = afterBoot(readScenario(kind.scenario, `${kind.id}.yaml`));
    machines.set(kind, machine);
  }
  return machine;
}

/** Puts a machine of a class together, with or without struct pages for peer memory. */
export function buildLabMachine(kind: MachineClass, hasPeerPages: boolean): LabMachine {
  const machine = machineOf(kind);
  const names = { a: bdfOf(machine, "peerA"), b: bdfOf(machine, "peerB"), client: bdfOf(machine, "client") };
  const peers: readonly [LabPeer, LabPeer] = [
    providerOf(machine, names.a, PEER_BAR),
    providerOf(machine, names.b, PEER_BAR),
  ];
  requireMemory(kind, peers);
  requirePairs(kind, machine, names.client, peers);
  const noPages = whyNoPages(kind, hasPeerPages, peers);
  const withPages = hasPeerPages && !kind.isGuest && noPages === null;
  const { rootComplex, switchForwarding } = kind;
  const system = buildSystem(machine, {
    ramBytes: kind.hasHighRam ? HIGH_RAM_BYTES : RAM_BYTES,
    rootComplex,
    switchForwarding,
    peerMemory: withPages ? [names.a, names.b].map((fn) => ({ fn, bar: PEER_BAR })) : [],
  });
  if (kind.isGuest) return buildGuest(kind, system, peers, names.client, hasPeerPages);
  return onHost(kind, system, peers, names.client, noPages);
}

/** Throws `unsupported` for peers with less memory than lists take their segments from. */
function requireMemory(kind: MachineClass, peers: readonly LabPeer[]): void {
  const small = peers.find(({ range }) => range.sizeBytes < LAB_MEMORY_BYTES);
  if (small === undefined) return;
  const { provider, range } = small;
  const place = `BAR ${provider.bar} of ${formatBdf(provider.owner)}`;
  throw new PeerlaneError("unsupported", `${kind.id}: ${place} has ${range.sizeBytes} bytes`, {
    remedy: `lists take their segments from ${LAB_MEMORY_BYTES} bytes: accel: { bars: { 0: "64M" }, name: peerA }`,
  });
}

/** Throws `bad-input` where a class says of its pairs what its own tree does not. */
function requirePairs(kind: MachineClass, machine: Machine, client: Bdf, peers: readonly LabPeer[]): void {
  const isNear = commonBridgeIn(machine);
  const places = peers.map(({ provider }) => (isNear(provider.owner, client) ? "near" : "far"));
  if (places.every((place, index) => place === kind.pairs[index])) return;
  throw new PeerlaneError("bad-input", `${kind.id}: the class says pairs are ${kind.pairs.join(" and ")}`, {
    remedy: `by its tree they are: pairs: ["${places.join('", "')}"] (near: a bridge is above the peer and the client)`,
  });
}

/** Why peer memory gets no struct pages though some are wanted. */
function whyNoPages({ linearMapEnd }: MachineClass, isWanted: boolean, peers: readonly LabPeer[]): string | null {
  if (!isWanted) return null;
  for (const { provider, range } of peers) {
    const why = beyondLinearMap(provider, range, linearMapEnd);
    if (why !== null) return why;
  }
  return null;
}

function onHost(
  kind: MachineClass,
  system: System,
  peers: readonly [LabPeer, LabPeer],
  client: Bdf,
  noPages: string | null,
): LabMachine {
  const { cost, fabric, machine, maps, units } = system;
  const device = system.deviceOf(client);
  const planned = kind.hasOtherClient ? system.deviceOf(bdfOf(machine, "planned")) : device;
  const bounceRange = kind.hasHighRam ? system.ram.alloc(BOUNCE_BYTES, { below: FOUR_GIB }) : null;
  const bounce = bounceRange === null ? null : new BouncePool(bounceRange, fabric.dram, cost);
  const pools = [bounce, poolOf(system.opsOf(client))].filter((pool) => pool !== null);
  const ramOfLists = system.ram.alloc(LAB_MEMORY_BYTES, kind.hasHighRam ? { from: FOUR_GIB as PhysAddr } : {});
  if (ramOfLists === null) throw new PeerlaneError("unsupported", `${kind.id}: no RAM for the lists`);
  const spareRange = system.ram.alloc(SPARE_BYTES);
  if (spareRange === null) throw new PeerlaneError("unsupported", `${kind.id}: no RAM to take instead of peer memory`);
  const placeOf = (phys: PhysAddr): OwnerPlace => {
    const peer = peers.find(({ range }) => holds(range, phys));
    if (peer === undefined) return { store: fabric.dram, at: phys, owner: null };
    const { owner } = peer.provider;
    return { store: fabric.barBytes(owner, PEER_BAR), at: phys - peer.range.start, owner };
  };
  const spare = new SpareMemory(spareRange, placeOf);
  const domain = units.dmaDomainOf(client);
  const providerAt = (phys: PhysAddr): Provider | null => {
    cost.ownerLookups++;
    return peers.find(({ range }) => holds(range, phys))?.provider ?? null;
  };
  return {
    kind,
    fabric,
    requester: client,
    device,
    ram: ramOfLists,
    peers,
    structPageBytes: maps.list().reduce((sum, map) => sum + (map.kind === "peer" ? map.structPageBytes : 0), 0),
    world: {
      device,
      planned,
      pages: maps,
      providerOf: providerAt,
      rules: new PeerRules(system.decide, commonBridgeIn(machine), cost),
      sideObject: (made) => {
        cost.allocations++;
        return made;
      },
      documented: documentedIn(machine, client),
      moveToHost: (list, index) => spare.move(list, index, true),
      hasIommu: domain !== null,
      host: new HostMapping({ domains: units, bounce, cost }),
      opsOf: ({ bdf }) => system.opsOf(bdf),
      cost,
    },
    whyNoPages: noPages,
    spare,
    placeOf,
    stores: [
      { store: fabric.dram, owner: null },
      ...peers.map(({ provider: { owner } }) => ({ store: fabric.barBytes(owner, PEER_BAR), owner })),
    ],
    bounceRanges: pools.map(({ range }) => range),
    leftovers: () => {
      units.flush();
      const domains = [domain, units.dmaDomainOf(planned.bdf)];
      return [
        ...domains.map((one) => (one === null ? "-" : `${one.mappedBytes} ${one.iovas.allocationCount}`)),
        ...pools.map(({ usedBytes }) => `${usedBytes}`),
      ].join(" ");
    },
  };
}

/** The bounce buffers of a back end that has some. */
function poolOf(ops: DmaOps & { readonly pool?: BouncePool }): BouncePool | null {
  return ops.pool ?? null;
}

function bdfOf(machine: Machine, name: string): Bdf {
  const fn = machine.functions.find(({ names }) => names.includes(name));
  if (fn !== undefined) return fn.bdf;
  throw new PeerlaneError("unknown-device", `${machine.source.name} has no device named ${name}`);
}
