import type { Machine } from "../host/machine.ts";
import { type ByteRange, formatAddress, PAGE_BYTES, type PhysAddr } from "../pci/addresses.ts";
import { type Bdf, formatBdf } from "../pci/bdf.ts";
import { entryAt, noEntry } from "../pci/entry-at.ts";
import { PeerlaneError } from "../pci/error.ts";
import { isUnknown, type Known, unknown } from "../pci/known.ts";
import type { Topology } from "../pci/topology.ts";
import { barsOf, claimsOf } from "./claims.ts";
import { CompletionRouter } from "./completion-router.ts";
import { FabricCounters } from "./counters.ts";
import { HostBridges } from "./host-bridges.ts";
import { Journey, ROOT_COMPLEX } from "./journey.ts";
import { type FabricOptions, settled } from "./options.ts";
import { DELIVERED, HIDDEN, outcomeName } from "./outcomes.ts";
import { PortRules } from "./ports.ts";
import { readRegisters } from "./registers.ts";
import { RememberedRoutes } from "./remembered-routes.ts";
import { RequestRouter, TARGET_INTERRUPT } from "./request-router.ts";
import type { Route, RouteHop, RouteTarget } from "./route.ts";
import { FabricStorage } from "./storage.ts";
import { type RoutingContext, TLP_READ, type Tlp } from "./traffic.ts";
import { hopWords } from "./words.ts";

/**
 * Carries out single TLPs: routes the request, moves its bytes, routes the completion, and remembers how the last one
 * ended. Nothing is allocated on the way, unless hops are traced.
 */
export class Transactions {
  readonly context: RoutingContext;
  readonly storage: FabricStorage;
  readonly #machine: Machine;
  readonly #requests: RequestRouter;
  readonly #completions: CompletionRouter;
  readonly #remembered: RememberedRoutes;
  readonly #tlp: Tlp = { requester: 0, requesterId: 0 as Bdf, address: 0, lengthBytes: 0, flags: 0, payloadBytes: 0 };
  #outcome = DELIVERED;
  #at: number = ROOT_COMPLEX;
  #why = 0;
  #bar = -1;
  #offset = 0;
  #hiddenReason = "";
  readonly #reached = new Set<number>();
  #lastReached = -1;

  constructor(machine: Machine, topology: Topology, given: FabricOptions) {
    const options = settled(given);
    const registers = readRegisters(topology);
    const hostBridges = new HostBridges(machine, topology, options);
    const bars = barsOf(registers, hostBridges);
    this.#machine = machine;
    this.context = {
      registers,
      bars,
      hostBridges,
      rules: new PortRules(registers, options),
      journey: new Journey(topology),
      counters: new FabricCounters(registers.count),
      options,
      interrupts: interruptRange(machine),
      claims: claimsOf(registers, hostBridges, bars),
    };
    this.#requests = new RequestRouter(this.context);
    this.#completions = new CompletionRouter(this.context);
    this.#remembered = new RememberedRoutes(this.context);
    this.storage = new FabricStorage(bars);
  }

  /** Called after any register changed: no route that is remembered holds any more. */
  registersChanged(): void {
    this.#remembered.forget();
  }

  /** Called after a command register changed: builds the decode tables anew, too. */
  decodeAgain(): void {
    const { registers, hostBridges, bars } = this.context;
    this.context.claims = claimsOf(registers, hostBridges, bars);
    this.#remembered.forget();
  }

  /** One TLP of a device within 4 KiB; yields the outcome code. */
  run(
    requester: number,
    requesterId: Bdf,
    address: number,
    bytes: Uint8Array,
    from: number,
    lengthBytes: number,
    flags: number,
  ): number {
    const isRead = (flags & TLP_READ) !== 0;
    this.context.counters.requests++;
    const route = this.#remembered.find(requester, requesterId, address, lengthBytes, flags);
    if (route < 0) this.#decide(this.#fill(requester, requesterId, address, lengthBytes, flags), isRead);
    else this.#follow(route, address, lengthBytes);
    return this.#move(bytes, from, lengthBytes, isRead);
  }

  #decide(tlp: Tlp, isRead: boolean): void {
    this.context.journey.clear();
    tlp.payloadBytes = isRead ? 0 : tlp.lengthBytes;
    this.#note(this.#requests.route(tlp), this.#requests.hiddenReason);
    if (this.#outcome === DELIVERED && isRead) {
      tlp.payloadBytes = tlp.lengthBytes;
      const outcome = this.#completions.route(tlp, this.#at);
      if (outcome !== DELIVERED) this.#note(outcome, this.#completions.hiddenReason);
    }
    if (this.#outcome !== DELIVERED) return;
    const reached = this.#reachedBy(tlp.requester, isRead);
    this.#noteReached(reached);
    this.#remembered.decided(tlp, reached);
  }

  #follow(route: number, address: number, lengthBytes: number): void {
    this.#remembered.follow(route, address, lengthBytes);
    const { routes } = this.#remembered;
    this.#outcome = DELIVERED;
    this.#at = routes.endAt[route] ?? noEntry(route);
    this.#why = routes.endWhy[route] ?? noEntry(route);
    this.#bar = routes.bar[route] ?? noEntry(route);
    this.#offset = address - (routes.start[route] ?? noEntry(route));
    this.#noteReached(routes.reached[route] ?? noEntry(route));
  }

  /** Which functions reached a BAR of which others since the last call, by index: each pair and kind of request once. */
  takeReached(): readonly { readonly requester: number; readonly owner: number; readonly isRead: boolean }[] {
    const { count } = this.context.registers;
    const reached = [...this.#reached].map((key) => {
      const pair = Math.floor(key / 2);
      return { requester: Math.floor(pair / count), owner: pair % count, isRead: key % 2 === 1 };
    });
    this.#reached.clear();
    this.#lastReached = -1;
    return reached;
  }

  /** Requester, owner and kind of a delivered request as one number, -1 for DRAM, an interrupt and memory of its own. */
  #reachedBy(requester: number, isRead: boolean): number {
    const { bars, registers } = this.context;
    if (this.#bar < 0) return -1;
    const owner = entryAt(bars.fn, this.#bar);
    return owner === requester ? -1 : (requester * registers.count + owner) * 2 + (isRead ? 1 : 0);
  }

  #noteReached(key: number): void {
    if (key === this.#lastReached || key < 0) return;
    this.#lastReached = key;
    this.#reached.add(key);
  }

  /** One TLP of the CPU by physical address, within 4 KiB; yields the outcome code. */
  runFromCpu(phys: PhysAddr, bytes: Uint8Array, from: number, lengthBytes: number, isRead: boolean): number {
    const { journey, counters } = this.context;
    const tlp = this.#fill(0, 0 as Bdf, phys, lengthBytes, isRead ? TLP_READ : 0);
    tlp.payloadBytes = isRead ? 0 : lengthBytes;
    journey.clear();
    this.#note(this.#requests.routeFromCpu(tlp), this.#requests.hiddenReason);
    counters.requests++;
    if (this.#outcome === DELIVERED && isRead && this.#bar >= 0) {
      tlp.payloadBytes = lengthBytes;
      this.#completions.routeToCpu(tlp, this.#at);
    }
    return this.#move(bytes, from, lengthBytes, isRead);
  }

  /** Where a request within 4 KiB would go; nothing is moved or counted. */
  ask(requester: number, requesterId: Bdf, address: number, lengthBytes: number, flags: number): Known<Route> {
    this.askOutcome(requester, requesterId, address, lengthBytes, flags);
    return this.lastRoute();
  }

  /** {@link ask} without objects: yields the outcome code, and leaves the hops in the journey for {@link lastRoute}. */
  askOutcome(requester: number, requesterId: Bdf, address: number, lengthBytes: number, flags: number): number {
    const { journey } = this.context;
    const tlp = this.#fill(requester, requesterId, address, lengthBytes, flags);
    tlp.payloadBytes = 0;
    journey.clear();
    this.#note(this.#requests.route(tlp), this.#requests.hiddenReason);
    if (this.#outcome === DELIVERED && (flags & TLP_READ) !== 0) {
      const outcome = this.#completions.route(tlp, this.#at);
      if (outcome !== DELIVERED) this.#note(outcome, this.#completions.hiddenReason);
    }
    return this.#outcome;
  }

  /** The outcome code of the last TLP, asked or carried out. */
  get lastOutcome(): number {
    return this.#outcome;
  }

  /** Position of the BAR that the last TLP reached, -1 for DRAM; of use only where it was delivered. */
  get lastBar(): number {
    return this.#bar;
  }

  /** How the last TLP ended, with its hops unless told; a handler of a BAR may have issued it. */
  lastRoute(withHops = true): Known<Route> {
    if (this.#outcome === HIDDEN) return unknown(this.#hiddenReason);
    const { journey } = this.context;
    return {
      outcome: outcomeName(this.#outcome),
      target: this.#target(),
      endedAt: journey.nameOf(this.#at),
      reason: hopWords(this.#why),
      hops: withHops ? journey.hops() : [],
    };
  }

  /** The error for a last TLP that ended in {@link HIDDEN}. */
  hiddenError(): PeerlaneError {
    const where = this.context.journey.nameOf(this.#at);
    const place = where === "root-complex" ? "the root complex" : formatBdf(where);
    return new PeerlaneError("unsupported", `the route cannot be told at ${place}: ${this.#hiddenReason}`, {
      place: { file: this.#machine.source.name },
      remedy: "take a source that shows config space and host bridge windows: sysfs, 'peerlane capture' or a scenario",
    });
  }

  /** Moves the bytes of what was delivered, last of all: a handler may issue requests of its own meanwhile. */
  #move(bytes: Uint8Array, from: number, lengthBytes: number, isRead: boolean): number {
    if (this.context.options.trace !== undefined) this.#trace(this.context.options.trace);
    if (this.#outcome !== DELIVERED || lengthBytes === 0 || this.#bar === TARGET_INTERRUPT) return this.#outcome;
    if (this.#bar < 0) this.#countDram(lengthBytes, isRead);
    if (isRead) this.storage.read(this.#bar, this.#offset, bytes, from, lengthBytes);
    else this.storage.write(this.#bar, this.#offset, bytes, from, lengthBytes);
    return DELIVERED;
  }

  #trace(trace: (hop: RouteHop) => void): void {
    for (const hop of this.context.journey.hops()) trace(hop);
  }

  #countDram(lengthBytes: number, isRead: boolean): void {
    if (isRead) this.context.counters.dramReadBytes += lengthBytes;
    else this.context.counters.dramWrittenBytes += lengthBytes;
  }

  #fill(requester: number, requesterId: Bdf, address: number, lengthBytes: number, flags: number): Tlp {
    const tlp = this.#tlp;
    tlp.requester = requester;
    tlp.requesterId = requesterId;
    tlp.address = address;
    tlp.lengthBytes = lengthBytes;
    tlp.flags = flags;
    return tlp;
  }

  #note(outcome: number, hiddenReason: string): void {
    const { journey } = this.context;
    this.#outcome = outcome;
    this.#at = journey.lastAt;
    this.#why = journey.lastWhy;
    this.#hiddenReason = hiddenReason;
    this.#bar = this.#requests.bar;
    this.#offset = this.#requests.offset;
  }

  #target(): RouteTarget | null {
    if (this.#outcome !== DELIVERED) return null;
    if (this.#bar === TARGET_INTERRUPT) return { kind: "interrupt", address: this.#offset };
    if (this.#bar < 0) return { kind: "dram", phys: this.#offset as PhysAddr };
    const { bars, registers } = this.context;
    const { bdf: fn } = registers.topology.functionAt(entryAt(bars.fn, this.#bar));
    return { kind: "bar", fn, bar: entryAt(bars.index, this.#bar), offset: this.#offset };
  }
}

/**
 * Where a device's writes are interrupts: fixed on x86, behind a translation of its own elsewhere.
 *
 * MODEL: a machine that does not say what it is counts as x86; interrupts are not remapped, and nobody takes them.
 */
function interruptRange({ cpu: { architecture }, iommu: { kind } }: Machine): ByteRange | null {
  const isX86 = isUnknown(architecture) || /^(?:x86_64|i[3-6]86|amd64)$/.test(architecture);
  const isOther = kind === "arm-smmu" || kind === "virtio";
  return isX86 && !isOther ? X86_MSI : null;
}

const X86_MSI: ByteRange = { start: 0xfee0_0000, sizeBytes: 2 ** 20 };

/** Throws `bad-input` for what is no range of addresses. */
export function checkRange(address: number, lengthBytes: number): void {
  const isRange = Number.isSafeInteger(address) && address >= 0 && Number.isInteger(lengthBytes) && lengthBytes >= 0;
  if (isRange && Number.isSafeInteger(address + lengthBytes)) return;
  throw new PeerlaneError("bad-input", `${lengthBytes} bytes at ${formatAddress(address)} are no range below 2^53`);
}

/** Bytes from an address to the end of its page. */
export function bytesToPageEnd(address: number): number {
  return PAGE_BYTES - (address % PAGE_BYTES);
}
