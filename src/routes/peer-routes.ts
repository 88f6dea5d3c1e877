import { ROOT_COMPLEX } from "../fabric/journey.ts";
import { DELIVERED } from "../fabric/outcomes.ts";
import type { Route, RouteHop } from "../fabric/route.ts";
import { TLP_READ } from "../fabric/traffic.ts";
import { Transactions } from "../fabric/transactions.ts";
import { LEFT_OPEN, WHY } from "../fabric/words.ts";
import type { Machine } from "../host/machine.ts";
import { topologyOf } from "../host/machine.ts";
import { PCI_ACS_CR, PCI_ACS_DT, PCI_ACS_EC, PCI_ACS_RR } from "../pci/acs.ts";
import { ADDRESS_GIVEN_ANEW } from "../pci/bar.ts";
import { type Bdf, formatBdf } from "../pci/bdf.ts";
import type { Capability } from "../pci/capability.ts";
import { PCI_COMMAND_MASTER, PCI_COMMAND_MEMORY } from "../pci/config-space.ts";
import { isBridge } from "../pci/device-kind.ts";
import { entryAt } from "../pci/entry-at.ts";
import type { PciFunction } from "../pci/function.ts";
import { isUnknown, type Known, unknown } from "../pci/known.ts";
import type { Topology } from "../pci/topology.ts";
import { wrongArgument } from "../pci/wrong-argument.ts";
import { type AskedPairs, askedPairsOf } from "../platforms/asked-pairs.ts";
import type { AddressRule } from "../platforms/asking.ts";
import type { DirectionFact } from "../platforms/directions.ts";
import { DocumentedPairs } from "../platforms/documented-pairs.ts";
import { addressKind, addressRuleOf } from "../platforms/who-asks.ts";
import { KeptAnswers, onceOfTable } from "../rules/kept-answers.ts";
import { findPath } from "../rules/path.ts";
import { VerdictTable } from "../rules/verdict-table.ts";
import { noMemoryBar, type PeerAddress, PeerAddresses } from "./peer-address.ts";
import { type PeerDifference, peerDifference } from "./peer-difference.ts";

/** Which way the bytes go: the client writes the provider's memory, or reads it. */
export type PeerDirection = "write" | "read";

/** What a request of the client meets at the address that the kernel, or its driver, hands out. */
export interface PeerRoute extends Route {
  /** How that differs from the kernel's verdict, `null` where the two agree. */
  readonly differs: PeerDifference | null;
}

/** The fabric's answer for one pair, per direction; unknown where it depends on what nobody shows or documents. */
export interface PeerRouting {
  readonly address: Known<PeerAddress>;
  readonly write: Known<PeerRoute>;
  readonly read: Known<PeerRoute>;
}

/** Verdicts with which a client may be given an address: one that the kernel refuses, where nobody asks it. */
export type AddressedType = "bus-addr" | "thru-host-bridge" | "not-supported";

/** A pair for which the kernel hands out an address, or its drivers do. */
interface AddressedPair {
  readonly i: number;
  readonly j: number;
  readonly provider: Bdf;
  readonly client: Bdf;
  /** Index of the client in the topology. */
  readonly requester: number;
  readonly mapType: AddressedType;
  readonly address: PeerAddress;
  readonly behaviour: Behaviour;
  /** True for two functions on one link, whose far end is one device. */
  readonly isInsideDevice: boolean;
}

/** How the fabric behaves where config space does not say: each is built when the first pair needs it. */
type Behaviour = "per-spec" | "always-upstream" | "apart-inside-devices";

/** The fact that tells of a switch which sends everything up to the IOMMU. */
const UPSTREAM_FACT = "qemu-switch-translated";

/** Bytes of the request that is asked about: a cache line. */
const ASKED_BYTES = 64;

/** Where a request, or else its completion, turns down again at the root complex. */
const TURNS: readonly number[] = [WHY.reflected, WHY.completionReflected];

/** Rules of addresses that drivers follow, and the kernel's verdict has no part in. */
const OF_DRIVERS: readonly AddressRule[] = ["nvidia", "dma-api", "user-space"];

const verdictHidden = unknown("the kernel's verdict is unknown, and with it the address that it hands out");
const chosenAddress = unknown("the address is one that user space chooses");
const noAddress = unknown("the drivers of the two hand out no address of the provider's");
const insideHidden = unknown(
  "the source does not show whether the functions of this device reach each other inside of it",
);

/**
 * The fabric's answers for the pairs of a table, beside what the kernel decided: where a request leads that carries the
 * address which the kernel would hand out, or the drivers of the pair take instead. Pairs are named by their positions, as in the table; nothing is built until
 * one is asked for.
 *
 * A root complex does from port to port what is documented of it (`DocumentedPairs`); where nothing is, and where
 * the PCIe specification leaves open what happens, the answer is unknown.
 *
 * MODEL: drivers are bound to both ends, so bus mastering of clients and memory decode of providers are on, and both in
 * the bridges. A machine as found may have neither yet; the gates `memory-decode-off`,
 * `bus-master-off` and `bridge-decode-off` tell.
 */
export class PeerRoutes {
  readonly #table: VerdictTable;
  readonly #facts: DocumentedPairs;
  readonly #asked: AskedPairs;
  readonly #built = new Map<Behaviour, Transactions>();
  #driven: Machine | undefined;
  #addresses: PeerAddresses | undefined;
  readonly #routings: KeptAnswers<PeerRouting | null>;
  readonly #agreements: KeptAnswers<boolean>;

  constructor(table: VerdictTable) {
    if (!(table instanceof VerdictTable)) {
      const remedy = "verdicts returns one";
      throw wrongArgument({ call: "PeerRoutes", argument: "table", given: table, expected: "a VerdictTable", remedy });
    }
    this.#table = table;
    this.#facts = new DocumentedPairs(table);
    this.#routings = new KeptAnswers(table, (i, j) => this.#routing(i, j, false));
    this.#agreements = new KeptAnswers(table, (i, j) => this.#doAgree(i, j));
    this.#asked = askedPairsOf(table);
  }

  /** The routes of a pair, with their hops unless told; `null` where no address is handed out: the kernel refuses one, and is asked. */
  at(i: number, j: number, withHops = true): PeerRouting | null {
    return withHops ? this.#routing(i, j, true) : this.#routings.at(i, j);
  }

  #routing(i: number, j: number, withHops: boolean): PeerRouting | null {
    const mapType = this.#table.mapType(i, j);
    if (mapType === "not-supported" && !this.#isUnasked(i, j)) return null;
    if (mapType === "unknown") return { address: verdictHidden, write: verdictHidden, read: verdictHidden };
    const pair = this.#addressed(i, j, mapType);
    if (isUnknown(pair)) return { address: pair, write: pair, read: pair };
    const [write, read] = [this.#route(pair, "write", withHops), this.#route(pair, "read", withHops)];
    return { address: pair.address, write, read };
  }

  /** True where the drivers of a pair take an address whatever the kernel would say. */
  #isUnasked(i: number, j: number): boolean {
    const askedBy = this.#asked.at(i, j);
    const rule = addressRuleOf(askedBy);
    return (askedBy.class === "does-not-ask" || askedBy.class === "user-space") && OF_DRIVERS.includes(rule);
  }

  /**
   * True where nothing contradicts the kernel's verdict in either direction. For tables of many pairs: it makes no objects
   * for hops. Where it is false, {@link at} tells what differs, or that something is unknown.
   */
  agrees(i: number, j: number): boolean {
    return this.#agreements.at(i, j);
  }

  #doAgree(i: number, j: number): boolean {
    const mapType = this.#table.mapType(i, j);
    if (mapType === "not-supported" || mapType === "unknown") return true;
    const pair = this.#addressed(i, j, mapType);
    if (this.#facts.hostsPath(i, j) !== undefined) return true;
    return isUnknown(pair) || (this.#isAsDecided(pair, "write") && this.#isAsDecided(pair, "read"));
  }

  /**
   * In which directions the client reaches the provider's memory below the root complex, and so past any IOMMU, with a
   * request that carries its bus address: whatever the kernel decided, or hands out. None where the ingress port of the
   * client's side redirects requests, and none for functions of one device, whose inside no source shows. After a move,
   * which leaves the address open, the ports where the two ways meet tell: it is in a window of the one or of the other.
   */
  pastIommu(i: number, j: number): Known<readonly PeerDirection[]> {
    const { providers, clients, topology } = this.#table;
    const [provider, client] = [providers[i] as Bdf, clients[j] as Bdf];
    const [owner, requester] = [topology.functionOf(provider), topology.indexOf(client)];
    const mayStay = mayStayBelow(topology, topology.indexOf(provider), requester);
    if (isUnknown(mayStay)) return mayStay;
    if (!mayStay) return translatedPast(topology, topology.indexOf(provider), requester);
    this.#addresses ??= new PeerAddresses(this.#table.machine);
    const address = this.#addresses.map(owner, client, "bus-addr");
    const behaviour = this.#behaviourFor(i, j);
    if (isUnknown(address)) {
      if (address.unknown === noMemoryBar.unknown) return [];
      if (address.unknown !== ADDRESS_GIVEN_ANEW.unknown) return address;
      if (behaviour === "always-upstream") return [];
      return this.#facts.hostsPath(i, j) ?? staysBelow(topology, topology.indexOf(provider), requester);
    }
    const mapType = "bus-addr" as const;
    const pair = { i, j, provider, client, requester, mapType, address, behaviour, isInsideDevice: false };
    const past: PeerDirection[] = [];
    let hidden: Known<PeerRoute> | undefined;
    for (const direction of ["write", "read"] as const) {
      this.#ask(pair, direction, behaviour);
      const goesUp = this.#transactions(behaviour).context.journey.passes(ROOT_COMPLEX);
      this.#addresses.takeHidden();
      if (goesUp) continue;
      const route = this.#route(pair, direction, false);
      if (isUnknown(route)) hidden ??= route;
      else if (route.differs === null) past.push(direction);
    }
    return past.length === 0 && hidden !== undefined && isUnknown(hidden) ? hidden : past;
  }

  /**
   * True where the client's driver takes an address of its IOMMU, and nobody knows which as the memory has moved: no bridge
   * below the root complex claims it, whatever it is.
   */
  goesUpAfterMove(i: number, j: number): boolean {
    const { providers, clients, topology } = this.#table;
    const client = clients[j] as Bdf;
    const kind = this.#kindOfAddress(i, j, "bus-addr");
    if (kind !== "thru-host-bridge") return false;
    this.#addresses ??= new PeerAddresses(this.#table.machine);
    const address = this.#addresses.map(topology.functionOf(providers[i] as Bdf), client, kind);
    return (
      isUnknown(address) &&
      address.unknown === ADDRESS_GIVEN_ANEW.unknown &&
      this.#addresses.isTranslated(client) === true
    );
  }

  #addressed(i: number, j: number, mapType: AddressedType): Known<AddressedPair> {
    const { providers, clients, topology } = this.#table;
    const provider = providers[i] as Bdf;
    const client = clients[j] as Bdf;
    const requester = topology.indexOf(client);
    const owner = topology.functionOf(provider);
    this.#addresses ??= new PeerAddresses(this.#table.machine);
    const kind = this.#kindOfAddress(i, j, mapType);
    if (isUnknown(kind)) return kind;
    const address = this.#addresses.map(owner, client, kind);
    if (isUnknown(address)) return address;
    const behaviour = kind === "bus-addr" ? this.#behaviourFor(i, j) : "per-spec";
    const isInsideDevice = provider !== client && isOnSameLink(topology, owner, requester) !== false;
    return { i, j, provider, client, requester, mapType, address, behaviour, isInsideDevice };
  }

  /**
   * The map type of which the client's address is: the verdict's, but for drivers that take an address of their own, always
   * that of the DMA API or always the bus address.
   */
  #kindOfAddress(i: number, j: number, mapType: AddressedType): Known<"bus-addr" | "thru-host-bridge"> {
    const rule = addressRuleOf(this.#asked.at(i, j));
    if (rule === "dma-api") return "thru-host-bridge";
    if (rule === "user-space") return chosenAddress;
    if (rule === "none") return noAddress;
    if (rule !== "nvidia") return mapType === "not-supported" ? noAddress : mapType;
    const kind = addressKind(rule, this.#table.machine);
    if (isUnknown(kind)) return kind;
    return kind === "bus" ? "bus-addr" : "thru-host-bridge";
  }

  #isAsDecided(pair: AddressedPair, direction: PeerDirection): boolean {
    const { provider, mapType, address, i, j, behaviour } = pair;
    if (behaviour !== "per-spec" || pair.isInsideDevice) return false;
    const transactions = this.#ask(pair, direction, behaviour);
    const { bars, journey } = transactions.context;
    const position = transactions.lastBar;
    if (transactions.lastOutcome !== DELIVERED || position < 0 || bars.index[position] !== address.bar) return false;
    if (this.#table.topology.functionAt(entryAt(bars.fn, position)).bdf !== provider) return false;
    const passesRoot = journey.passes(ROOT_COMPLEX);
    if (passesRoot !== (mapType === "thru-host-bridge")) return false;
    return !passesRoot || this.#facts.at(i, j)[direction].outcome !== "fails";
  }

  #route(pair: AddressedPair, direction: PeerDirection, withHops: boolean): Known<PeerRoute> {
    const hosts = this.#facts.hostsPath(pair.i, pair.j);
    if (hosts !== undefined) return hosts;
    if (pair.isInsideDevice && this.#hangsOnTheInside(pair, direction)) return insideHidden;
    const route = this.#settled(pair, direction, pair.behaviour, withHops);
    if (isUnknown(route)) return route;
    const { provider, client, mapType, address } = pair;
    const passesRoot = this.#transactions(pair.behaviour).context.journey.passes(ROOT_COMPLEX);
    const target = { provider, bar: address.bar, isOwn: provider === client };
    return { ...route, differs: peerDifference(route, passesRoot, mapType, target) };
  }

  #hangsOnTheInside(pair: AddressedPair, direction: PeerDirection): boolean {
    const inside = this.#settled(pair, direction, pair.behaviour, false);
    const outside = this.#settled(pair, direction, "apart-inside-devices", false);
    return isUnknown(inside) || isUnknown(outside) || inside.outcome !== outside.outcome;
  }

  /** A route in which nothing is left that the model would only assume. */
  #settled(pair: AddressedPair, direction: PeerDirection, behaviour: Behaviour, withHops: boolean): Known<Route> {
    const transactions = this.#ask(pair, direction, behaviour);
    const { journey } = transactions.context;
    const route = transactions.lastRoute(withHops);
    const hiddenIommu = this.#addresses?.takeHidden();
    if (hiddenIommu !== undefined) return unknown(hiddenIommu);
    if (isUnknown(route)) return route;
    if (LEFT_OPEN.some((why) => journey.positionOf(why) >= 0)) return leftOpen(route);
    const turn = TURNS.map((why) => journey.positionOf(why)).find((position) => position >= 0);
    if (turn === undefined) return route;
    return asDocumented(route, turn, this.#facts.at(pair.i, pair.j)[direction]);
  }

  #ask({ requester, client, address }: AddressedPair, direction: PeerDirection, behaviour: Behaviour): Transactions {
    const transactions = this.#transactions(behaviour);
    transactions.askOutcome(requester, client, address.address, ASKED_BYTES, direction === "read" ? TLP_READ : 0);
    return transactions;
  }

  #transactions(behaviour: Behaviour): Transactions {
    let transactions = this.#built.get(behaviour);
    if (transactions === undefined) {
      this.#driven ??= withDrivers(this.#table);
      transactions = new Transactions(this.#driven, topologyOf(this.#driven), {
        switchForwarding: behaviour === "always-upstream" ? "always-upstream" : "per-spec",
        insideDevices: behaviour === "apart-inside-devices" ? "upstream" : "direct",
        ...(this.#addresses === undefined ? {} : { translator: this.#addresses }),
      });
      this.#built.set(behaviour, transactions);
    }
    return transactions;
  }

  #behaviourFor(i: number, j: number): Behaviour {
    // Only a translating IOMMU makes a difference to where such a switch sends things.
    if (this.#addresses?.isTranslated(this.#table.clients[j] as Bdf) !== true) return "per-spec";
    return this.#facts.at(i, j).write.facts.includes(UPSTREAM_FACT) ? "always-upstream" : "per-spec";
  }
}

/** The routes of a table, for whoever asks: what one asked, another need not work out. */
export const peerRoutesOf: (table: VerdictTable) => PeerRoutes = onceOfTable((table) => new PeerRoutes(table));

/** False where requests of `client` go up to the root complex, whatever the address: there is no need for a route. */
function mayStayBelow(topology: Topology, provider: number, client: number): Known<boolean> {
  const { meeting, providerArm, clientArm } = findPath(topology, provider, client);
  const ingress = clientArm.at(-1);
  if (meeting === undefined) {
    const hidden = [providerArm.at(-1), ingress].find((top) => top !== undefined && !topology.isOnRootBus(top));
    if (hidden === undefined) return false;
    return unknown(`the source does not show what is above ${formatBdf(topology.functionAt(hidden).bdf)}`);
  }
  if (ingress === undefined || provider === client) return false;
  const isInsideDevice = isOnSameLink(topology, topology.functionAt(provider), client);
  if (isUnknown(isInsideDevice)) return isInsideDevice;
  if (isInsideDevice) return false;
  const { acs } = topology.functionAt(ingress);
  if (acs === null || isUnknown(acs)) return true;
  const deciding = PCI_ACS_RR | PCI_ACS_EC;
  return (acs.control & deciding) !== PCI_ACS_RR || ((acs.uncertain ?? 0) & deciding) !== 0;
}

/** How the reason begins why it is not known whether requests go past the IOMMU, where it is that they may be translated ones. */
export const TRANSLATED_PAST = "Direct Translated P2P is on";

/**
 * A port that redirects requests turns those that carry a translated address all the same where Direct Translated P2P is on
 * (PCIe 6.0 sec 6.12.1.1): whether a function with ATS sends such is up to it.
 */
function translatedPast(topology: Topology, provider: number, client: number): Known<readonly PeerDirection[]> {
  const { meeting, clientArm } = findPath(topology, provider, client);
  const ingress = clientArm.at(-1);
  if (meeting === undefined || ingress === undefined || ingress === client) return [];
  const { acs, bdf } = topology.functionAt(ingress);
  if (acs === null || isUnknown(acs) || ((acs.control | (acs.uncertain ?? 0)) & PCI_ACS_DT) === 0) return [];
  const requester = topology.functionAt(client);
  const { capabilities } = requester;
  const ats = isUnknown(capabilities) ? undefined : capabilities.find(isAts);
  if (!isUnknown(capabilities) && (ats === undefined || ats.decoded["enabled"] === false)) return [];
  return unknown(
    `${TRANSLATED_PAST} at ${formatBdf(bdf)}: requests of ${formatBdf(requester.bdf)} that carry a translated address (ATS) turn there`,
  );
}

function isAts({ space, id }: Capability): boolean {
  return space === "extended" && id === 0x0f;
}

/** In which directions requests to wherever a provider's memory lies turn down again below the root complex. */
function staysBelow(topology: Topology, provider: number, client: number): Known<readonly PeerDirection[]> {
  const { providerArm, clientArm } = findPath(topology, provider, client);
  const [ingress, egress] = [clientArm.at(-1), providerArm.at(-2)];
  if (ingress === undefined || egress === undefined) return [];
  const hasOn = (index: number, bits: number): Known<boolean> => {
    const { acs, bdf } = topology.functionAt(index);
    if (acs === null) return false;
    if (isUnknown(acs)) return acs;
    if ((acs.control & ~(acs.uncertain ?? 0) & bits) !== 0) return true;
    return ((acs.uncertain ?? 0) & bits) === 0 ? false : unknown(`ACS of ${formatBdf(bdf)} is not certain`);
  };
  const isRedirected = hasOn(ingress, PCI_ACS_RR | PCI_ACS_EC);
  if (isUnknown(isRedirected)) return isRedirected;
  if (isRedirected) return [];
  return hasOn(egress, PCI_ACS_CR) === false ? ["write", "read"] : ["write"];
}

/** Functions below one port of PCI Express are of one device, as its link has one at its end. */
function isOnSameLink(topology: Topology, provider: PciFunction, client: number): Known<boolean> {
  const above = topology.parentOf(client);
  if (above === undefined || topology.parentOf(topology.indexOf(provider.bdf)) !== above) return false;
  const { express } = topology.functionAt(above);
  if (express === null) return false;
  if (isUnknown(express) || isUnknown(express.type)) return insideHidden;
  return express.type === "root-port" || express.type === "downstream-port";
}

/** The machine with the registers that drivers of the devices in the table have set. */
function withDrivers({ machine, providers, clients }: VerdictTable): Machine {
  const owners = new Set(providers);
  const requesters = new Set(clients);
  const functions = machine.functions.map((fn): PciFunction => {
    const bits = isBridge(fn)
      ? PCI_COMMAND_MASTER | PCI_COMMAND_MEMORY
      : (requesters.has(fn.bdf) ? PCI_COMMAND_MASTER : 0) | (owners.has(fn.bdf) ? PCI_COMMAND_MEMORY : 0);
    if (bits === 0) return fn;
    return { ...fn, command: isUnknown(fn.command) ? bits : fn.command | bits };
  });
  return { ...machine, functions };
}

function leftOpen({ endedAt }: Route): Known<Route> {
  const where = endedAt === "root-complex" ? "the root complex" : formatBdf(endedAt);
  return unknown(
    `the target is below ${where} again, and ACS Upstream Forwarding is off there: PCIe 6.0 sec 6.12.1.1 leaves open what happens`,
  );
}

/** A route that the root complex turns down again at the hop `turn`, or what is documented instead. */
function asDocumented(route: Route, turn: number, { outcome, why }: DirectionFact): Known<Route> {
  if (outcome === "unknown") return unknown(`it reaches the root complex, and ${why}`);
  if (outcome !== "fails") return route;
  const reason = `this root complex is documented not to forward it: ${why}`;
  const turning = route.hops[turn];
  const end = (address: number): RouteHop => ({ at: "root-complex", what: "end", address, words: reason });
  // A route that was asked for without its hops has none.
  const hops = turning === undefined ? [] : [...route.hops.slice(0, turn), end(turning.address)];
  return { outcome: "unsupported-request", target: null, endedAt: "root-complex", reason, hops };
}
