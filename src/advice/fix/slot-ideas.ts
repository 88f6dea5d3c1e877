import type { Machine } from "../../host/machine.ts";
import { topologyOf } from "../../host/machine.ts";
import { type Bdf, deviceOf, formatBdf, slotOf } from "../../pci/bdf.ts";
import type { PciFunction } from "../../pci/function.ts";
import { isUnknown } from "../../pci/known.ts";
import type { Topology } from "../../pci/topology.ts";
import { physicalOf } from "../../pci/virtual-functions.ts";
import type { Change } from "../what-if/change.ts";
import type { Idea, Pair } from "./idea.ts";
import { inOrderOfUse, linkText, narrowMoves, Places, type Slot, slotOfDevice, slotsOf, twoOfEach } from "./slots.ts";

/** A device below another port. */
type Move = Extract<Change, { kind: "move" }>;

/** Other places for the devices of a pair, of places that no verdict tells apart one: an empty one where there is one. */
export interface SlotIdeas {
  /** For one of the two, near the other first. */
  readonly one: readonly Idea[];
  /** For both at once. */
  readonly both: readonly Idea[];
  /** True where there are more slots than were combined for both. */
  readonly isCut: boolean;
}

/** More slots than this are not combined with each other. */
const MAX_COMBINED = 128;

/** The pair in other slots: empty ones, or those of devices that make room for it. */
export function slotIdeas(machine: Machine, pair: Pair): SlotIdeas {
  const topology = topologyOf(machine);
  // A virtual function goes where its physical one does.
  const provider = physicalOf(topology.functionOf(pair.provider)) ?? pair.provider;
  const client = physicalOf(topology.functionOf(pair.client)) ?? pair.client;
  if (slotOf(provider) === slotOf(client)) return { one: [], both: [], isCut: false };
  const all = slotsOf(topology);
  const places = new Places(machine, topology);
  const from = { provider: slotOfDevice(topology, all, provider), client: slotOfDevice(topology, all, client) };
  const ordered = inOrderOfUse(topology, all);
  const left = [from.provider, from.client].filter((slot) => slot !== undefined);
  const combined = left.length < 2 ? [] : twoOfEach(places, ordered, left);
  return {
    one: [
      ...onePlaces(topology, places, ordered, client, from.client, provider),
      ...onePlaces(topology, places, ordered, provider, from.provider, client),
    ],
    both: bothPlaces(topology, places, combined.slice(0, MAX_COMBINED), { provider, client }, from),
    isCut: combined.length > MAX_COMBINED,
  };
}

function onePlaces(
  topology: Topology,
  places: Places,
  slots: readonly Slot[],
  mover: Bdf,
  old: Slot | undefined,
  other: Bdf,
): readonly Idea[] {
  if (old === undefined) return [];
  const near = topology.indexOf(other);
  const above = topology.bridgesAbove(near);
  const closeness = ({ port }: Slot): number => {
    const meeting = above.findIndex((bridge) => topology.isAtOrBelow(port, bridge));
    return meeting < 0 ? above.length : meeting;
  };
  const own = places.near(old.port, near);
  const found = new Map<string, Slot>();
  for (const slot of slots) {
    if (slot.port === old.port || topology.isAtOrBelow(near, slot.port)) continue;
    const place = places.near(slot.port, near);
    if (place !== own && !found.has(place)) found.set(place, slot);
  }
  return [...found.values()]
    .sort((a, b) => closeness(a) - closeness(b))
    .map((slot) => ideaOf(topology, [{ device: mover, to: slot }], [old]));
}

/** Both in other slots, each where it or the other is not now. */
function bothPlaces(
  topology: Topology,
  places: Places,
  candidates: readonly Slot[],
  { provider, client }: Pair,
  from: { readonly provider: Slot | undefined; readonly client: Slot | undefined },
): readonly Idea[] {
  const { provider: providerSlot, client: clientSlot } = from;
  if (providerSlot === undefined || clientSlot === undefined || providerSlot === clientSlot) return [];
  const found = new Map<string, Idea>();
  for (const p of candidates) {
    for (const c of candidates) {
      if (p === c || p === providerSlot || c === clientSlot || (p === clientSlot && c === providerSlot)) continue;
      const place = places.both(p.port, c.port);
      if (found.has(place)) continue;
      const moves = [
        { device: provider, to: p },
        { device: client, to: c },
      ];
      found.set(place, ideaOf(topology, moves, [providerSlot, clientSlot]));
    }
  }
  return [...found.values()];
}

/** Devices put into slots; who is there takes a slot that they leave. */
function ideaOf(
  topology: Topology,
  targets: readonly { readonly device: Bdf; readonly to: Slot }[],
  left: readonly Slot[],
): Idea {
  const isTarget = (slot: Slot): boolean => targets.some(({ to }) => to.port === slot.port);
  const free = left.filter((slot) => !isTarget(slot));
  const making = targets.filter(({ to }) => to.occupant !== null && !left.some(({ port }) => port === to.port));
  const room = making.map(({ to }, index): Move => move(topology, to.occupant as Bdf, free[index] as Slot));
  const moves = [...targets.map(({ device, to }) => move(topology, device, to)), ...room];
  return ideaOfMoves(topology, moves, targets.length === 1);
}

/** What hands do. `isOne`: one device is put elsewhere, and the second one, if any, makes room for it. */
export function ideaOfMoves(topology: Topology, moves: readonly Move[], isOne: boolean): Idea {
  const narrow = narrowMoves(topology, moves);
  return {
    kinds: ["slot"],
    ...(narrow.length === 0 ? {} : { narrows: true }),
    title: titleOf(topology, moves, isOne),
    changes: moves,
    lasting: "from-next-boot",
    steps: [{ where: "hands, with the power off", lines: moves.map((one) => `put ${placed(topology, one)}`) }],
    cautions: [
      ...narrow.map(
        ({ device, under, slot, needed }) =>
          `the slot below ${formatBdf(under)} is ${linkText(slot)}, and ${formatBdf(device)} can use ${linkText(needed)}`,
      ),
      "a slot has a width, a speed and a power limit, and some ports lead to no slot at all",
      "addresses of devices change with it",
    ],
  };
}

function move(topology: Topology, device: Bdf, to: Slot): Move {
  return { kind: "move", device, under: topology.functionAt(to.port).bdf };
}

function titleOf(topology: Topology, moves: readonly Move[], isOne: boolean): string {
  const [first, second] = moves;
  if (first === undefined) return "";
  if (second === undefined) {
    return `put ${formatBdf(first.device)} into the free slot below ${portName(topology.functionOf(first.under))}`;
  }
  if (isOne) {
    const place = portName(topology.functionOf(first.under));
    return `let ${formatBdf(first.device)} and ${formatBdf(second.device)} change places (below ${place})`;
  }
  return `put ${moves.map((one) => placed(topology, one)).join(", ")}`;
}

function placed(topology: Topology, { device, under }: Move): string {
  return `${formatBdf(device)} below ${portName(topology.functionOf(under))}`;
}

function portName(port: PciFunction): string {
  const { express, bdf } = port;
  const slot = isUnknown(express) || express === null || isUnknown(express.slotNumber) ? null : express.slotNumber;
  const name = `${formatBdf(bdf)} (device ${deviceOf(bdf)})`;
  return slot === null || slot === 0 ? name : `${formatBdf(bdf)} (slot ${slot})`;
}
