import { answersOf } from "../answers/answer.ts";
import { isSureBlock } from "../answers/gate.ts";
import { isLinkState } from "../link/rate.ts";
import { type Bdf, formatBdf } from "../pci/bdf.ts";
import type { LinkState } from "../pci/express.ts";
import { isUnknown, type Known, type Unknown, unknown } from "../pci/known.ts";
import type { Topology } from "../pci/topology.ts";
import { isBehindDmi, unstatedRate } from "../platforms/unstated-rates.ts";
import { virtualMachineOf, virtualMachineWords } from "../platforms/virtual-machine.ts";
import { type PeerDirection, peerRoutesOf } from "../routes/peer-routes.ts";
import { onceOfTable } from "../rules/kept-answers.ts";
import type { PairPath } from "../rules/verdict.ts";
import type { VerdictTable } from "../rules/verdict-table.ts";
import { isGoingUp } from "../summary/going-up.ts";
import { hiddenLinkAbove, isPortAbove, type Link, linkAbove } from "../summary/links.ts";
import { unaskedWay } from "../summary/unasked-pairs.ts";

/** How far the two root ports of a pair are apart; `hidden`: the source does not show the NUMA nodes. */
export type RootDistance = "one-host-bridge" | "one-socket" | "two-sockets" | "hidden";

/** One thing that the data of a pair crosses. */
export type Crossing =
  /** A link, by the function at its lower end, and which way the data goes. */
  | { readonly kind: "link"; readonly below: Bdf; readonly towards: "up" | "down"; readonly link: Link }
  /** A link whose state the source does not show. */
  | { readonly kind: "hidden-link"; readonly below: Bdf; readonly towards: "up" | "down"; readonly why: string }
  /** What registers call a link, and is the inside of a card: it limits nothing. */
  | { readonly kind: "on-card"; readonly below: Bdf; readonly towards: "up" | "down"; readonly why: string }
  | { readonly kind: "root-complex"; readonly distance: RootDistance };

/** Where the requests of a pair turn: in a switch, at the root complex, or inside of the device that both are part of. */
export type Turn = "switch" | "root-complex" | "inside-device";

/** The way of a pair's data. */
export interface DataPath {
  readonly operation: PeerDirection;
  readonly turn: Turn;
  /** In the order of the data: of a write from the client to the provider, of a read back. */
  readonly crossings: readonly Crossing[];
  /** The functions on the way whose MaxPayload binds a packet, both ends among them. */
  readonly functions: readonly Bdf[];
  /** Who sends the packets that carry data. */
  readonly sender: Bdf;
}

/**
 * The way of the data of a pair of a table, named by its positions: where the requests turn is what the verdict, and where it
 * differs the fabric, says. Unknown where that is not known, where no request arrives, or where both are one function.
 */
export function dataPath(table: VerdictTable, i: number, j: number, operation: PeerDirection): Known<DataPath> {
  const turn = turnOf(table, i, j);
  if (isUnknown(turn)) return turn;
  return linksOfHypervisor(table) ?? pathTurning(table, i, j, operation, turn);
}

/** Why the links of a guest say nothing of its data; `null` where the machine is none. */
const linksOfHypervisor = onceOfTable(({ machine }): Unknown | null => {
  const virtual = virtualMachineOf(machine);
  if (virtual === null) return null;
  return unknown(
    `${virtualMachineWords(virtual)}, whose links are the hypervisor's: ask on the host, which shows the real ones`,
  );
});

/** The same where the requests would turn in the switch below which both are; `null` where there is none. */
export function directPath(table: VerdictTable, i: number, j: number, operation: PeerDirection): DataPath | null {
  const { meeting } = table.path(i, j);
  return meeting === null ? null : pathTurning(table, i, j, operation, "switch");
}

const sameFunction = unknown("both are one function: nothing crosses a link");
const refused = unknown("the kernel refuses this pair, so nothing is sent");
const fails = unknown("the requests of this pair do not arrive");

function turnOf(table: VerdictTable, i: number, j: number): Known<Turn> {
  if (table.providers[i] === table.clients[j]) return sameFunction;
  const block = answersOf(table).gates(i, j).find(isSureBlock);
  if (block !== undefined) return unknown(`nothing is sent: ${block.message}`);
  const mapType = table.mapType(i, j);
  if (mapType === "thru-host-bridge") return "root-complex";
  if (mapType === "bus-addr") {
    if (!peerRoutesOf(table).agrees(i, j) && isGoingUp(peerRoutesOf(table).at(i, j, false))) return "root-complex";
    return isOneDevice(table.topology, table.path(i, j)) ? "inside-device" : "switch";
  }
  if (mapType === "unknown") return unknown("the kernel's verdict is not known, and with it where the requests turn");
  const way = unaskedWay(table, i, j);
  if (way === null) return refused;
  if (way === "fails") return fails;
  if (way === "unknown") return unknown("what these requests meet is not documented");
  return way === "bus-addr" ? "switch" : "root-complex";
}

/** True where it is known that nothing of a pair is sent, or arrives: it has no figure because there is no data. */
export function isSentNothing(table: VerdictTable, i: number, j: number): boolean {
  if (table.providers[i] === table.clients[j] || answersOf(table).gates(i, j).some(isSureBlock)) return true;
  if (table.mapType(i, j) !== "not-supported") return false;
  const way = unaskedWay(table, i, j);
  return way === null || way === "fails";
}

/** Two functions of one slot, which share its link. */
function isOneDevice(topology: Topology, { provider, client }: PairPath): boolean {
  return topology.slotMates(topology.indexOf(provider)).includes(topology.indexOf(client));
}

function pathTurning(table: VerdictTable, i: number, j: number, operation: PeerDirection, turn: Turn): DataPath {
  const { topology } = table;
  const { provider, client, meeting } = table.path(i, j);
  const [sender, receiver] = operation === "write" ? [client, provider] : [provider, client];
  const end = turn === "root-complex" ? undefined : (meeting ?? undefined);
  const isInside = turn === "inside-device";
  const up = isInside ? [] : armOf(topology, sender, end);
  const down = isInside ? [] : armOf(topology, receiver, end);
  const root: Crossing = { kind: "root-complex", distance: rootDistance(table, i, j) };
  return {
    operation,
    turn,
    crossings: [
      ...up.flatMap((index) => crossingAbove(topology, index, "up")),
      ...(turn === "root-complex" ? [...aboveTop(topology, up, "up"), root, ...aboveTop(topology, down, "down")] : []),
      ...down.toReversed().flatMap((index) => crossingAbove(topology, index, "down")),
    ],
    functions: [
      ...new Set([...up, ...down.toReversed()].map((index) => topology.functionAt(index).bdf).concat(end ?? [])),
    ],
    sender,
  };
}

/**
 * The way between a device and host memory: up to its root port, or down from it. For what goes through memory, and for
 * devices that were measured against it. It crosses no root complex: what memory carries is not asked.
 */
export function hostMemoryPath(topology: Topology, device: Bdf, operation: PeerDirection): DataPath {
  const arm = armOf(topology, device, undefined);
  const top = topology.functionAt(arm.at(-1) ?? topology.indexOf(device)).bdf;
  const isWrite = operation === "write";
  const towards = isWrite ? "up" : "down";
  const links = arm.flatMap((index) => crossingAbove(topology, index, towards));
  const ways = [...links, ...aboveTop(topology, arm, towards)];
  return {
    operation,
    turn: "root-complex",
    crossings: isWrite ? ways : ways.toReversed(),
    functions: arm.map((index) => topology.functionAt(index).bdf),
    sender: isWrite ? device : top,
  };
}

/** A function and the bridges above it, up to one of them or to the top. */
function armOf(topology: Topology, bdf: Bdf, end: Bdf | undefined): number[] {
  const start = topology.indexOf(bdf);
  const arm = [start, ...topology.bridgesAbove(start)];
  const stop = end === undefined ? -1 : arm.indexOf(topology.indexOf(end));
  return stop < 0 ? arm : arm.slice(0, stop);
}

/** What is between the topmost function of an arm and the root complex that no register shows. */
function aboveTop(topology: Topology, arm: readonly number[], towards: "up" | "down"): readonly Crossing[] {
  const top = arm.at(-1);
  if (top === undefined) return [];
  const fn = topology.functionAt(top);
  const hidden = (why: string): readonly Crossing[] => [{ kind: "hidden-link", below: fn.bdf, towards, why }];
  const at = formatBdf(fn.bdf);
  if (!topology.isOnRootBus(top)) return hidden(`the source does not show what is above ${at}`);
  if (!isBehindDmi(fn)) return [];
  return hidden(`${at} is taken as a port of the chipset: no register shows its link to the processor (DMI)`);
}

function crossingAbove(topology: Topology, index: number, towards: "up" | "down"): readonly Crossing[] {
  const { bdf: below } = topology.functionAt(index);
  const unstated = unstatedRate(topology, index);
  if (unstated !== null) {
    const kind = unstated.is === "on-card" ? "on-card" : "hidden-link";
    return [{ kind, below, towards, why: `the link of ${formatBdf(below)}: ${unstated.why}` }];
  }
  const link = linkAbove(topology, index);
  if (link !== null && isLinkState(link.status)) return [{ kind: "link", below, towards, link }];
  const why =
    link === null
      ? unseenLinkAbove(topology, index)
      : `its registers state x${link.status.width} at ${link.status.speedGTps} GT/s, which no link has`;
  return why === null ? [] : [{ kind: "hidden-link", below, towards, why: `the link of ${formatBdf(below)}: ${why}` }];
}

/** Why what is above a function has no rate that is known; `null` where nothing is: on a root bus, and inside of a switch. */
function unseenLinkAbove(topology: Topology, index: number): string | null {
  if (topology.parentOf(index) === undefined) return null;
  const { express } = topology.functionAt(index);
  if (isUnknown(express)) return express.unknown;
  if (express === null) return "it is conventional PCI, whose rate no register shows";
  if (isPortAbove(express)) return null;
  return hiddenLinkAbove(topology, index) ?? "its registers state no width";
}

/** The link as it will be under load: one of a GPU that may be asleep wakes up; `null` where it is as it is. */
export function awakeLink({ is, status, bothCan, belowCan, mayBeIdle }: Link): LinkState | null {
  const can = is === "idle-gpu" ? bothCan : is === "below-own" && mayBeIdle ? belowCan : null;
  if (can === null) return null;
  const awake = { width: status.width, speedGTps: can.speedGTps };
  return isLinkState(awake) ? awake : null;
}

const DISTANCES = {
  PIX: "one-host-bridge",
  PXB: "one-host-bridge",
  PHB: "one-host-bridge",
  NODE: "one-socket",
} as const;

/**
 * How far the two root ports are apart. MODEL: a NUMA node is a socket; with several nodes for each socket (AMD's NPS, Intel's
 * SNC) a pair of one socket counts as one of two.
 */
function rootDistance(table: VerdictTable, i: number, j: number): RootDistance {
  const { is } = answersOf(table).locality(i, j);
  if (is === null) return "one-host-bridge";
  if (isUnknown(is)) return "hidden";
  return is === "SYS" ? "two-sockets" : DISTANCES[is];
}
