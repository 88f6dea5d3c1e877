import type { FaultReason } from "../iommu/translation.ts";
import type { Iova } from "../pci/addresses.ts";
import { PCI_COMMAND_MASTER } from "../pci/config-space.ts";
import { noEntry } from "../pci/entry-at.ts";
import { WINDOW } from "./claims.ts";
import { ROOT_DRAM, ROOT_HIDDEN, ROOT_NOTHING } from "./host-bridges.ts";
import { ROOT_COMPLEX } from "./journey.ts";
import { ACS_VIOLATION, DELIVERED, HIDDEN, IOMMU_FAULT, NOT_ISSUED, UNSUPPORTED_REQUEST } from "./outcomes.ts";
import { PASSES } from "./ports.ts";
import { type RoutingContext, TLP_READ, TLP_TRANSLATED, type Tlp } from "./traffic.ts";
import { WHY } from "./words.ts";

const FAULT_WORDS: Readonly<Record<FaultReason, number>> = {
  "no-domain": WHY.noDomain,
  "not-present": WHY.notPresent,
  "no-write": WHY.noWrite,
  "no-read": WHY.noRead,
  blocked: WHY.blocked,
};

/** In {@link RequestRouter.bar}: DRAM, or no memory at all but the interrupt controller. */
export const TARGET_DRAM = -1;
export const TARGET_INTERRUPT = -2;

const INTERRUPT_BYTES = 4;

const aboveHidden = "the source does not show what is above it";

/**
 * Takes memory requests up from the requester, across or through the root complex, and down to what claims the address.
 * Each step goes strictly up the tree, once over the root complex, then strictly down: it ends whatever the windows say.
 *
 * MODEL: a bridge to conventional PCI keeps the requester id of what is below it; real ones put in their own, for which
 * an IOMMU has the same domain (`IommuUnits` goes by groups).
 */
export class RequestRouter {
  readonly #context: RoutingContext;
  readonly #alwaysUp: boolean;
  #bar = -1;
  #offset = 0;
  #reason = "";

  constructor(context: RoutingContext) {
    this.#context = context;
    this.#alwaysUp = context.options.switchForwarding === "always-upstream";
  }

  /** Position of the BAR that the last delivered request reached, else {@link TARGET_DRAM} or {@link TARGET_INTERRUPT}. */
  get bar(): number {
    return this.#bar;
  }

  /** Offset in the BAR, the CPU physical address in DRAM, or the address of an interrupt. */
  get offset(): number {
    return this.#offset;
  }

  /** Why the last request ended in {@link HIDDEN}. */
  get hiddenReason(): string {
    return this.#reason;
  }

  /** Routes a device's request; yields its outcome code, and adds its hops to the journey and its bytes to the links. */
  route(tlp: Tlp): number {
    const { registers, journey } = this.#context;
    const { requester } = tlp;
    if (registers.commandHidden[requester] === 1) return this.#hide(requester, "its command register is hidden");
    if (((registers.command[requester] ?? noEntry(requester)) & PCI_COMMAND_MASTER) === 0) {
      return this.#end(NOT_ISSUED, requester, WHY.busMasterOff, tlp.address);
    }
    journey.push(requester, WHY.issues, tlp.address);
    return this.#up(tlp);
  }

  /** Routes a request of the CPU for a CPU physical address. */
  routeFromCpu(tlp: Tlp): number {
    const { hostBridges, journey } = this.#context;
    journey.push(ROOT_COMPLEX, WHY.cpuIssues, tlp.address);
    const where = hostBridges.fromCpu(tlp.address);
    return where >= 0 ? this.#downFromRoot(tlp, where) : this.#endAtRoot(tlp, where, 0);
  }

  #up(tlp: Tlp): number {
    const { registers, claims, counters, journey } = this.#context;
    const { requester, address, payloadBytes } = tlp;
    const isTranslated = (tlp.flags & TLP_TRANSLATED) !== 0;
    const requesterBus = Math.floor(tlp.requesterId / 0x100);
    let isRedirected = false;
    for (let at = requester; ; ) {
      const bus = registers.bus[at] ?? noEntry(at);
      if (bus < 0) return this.#hide(at, aboveHidden);
      if (at !== requester) {
        const stop = this.#context.rules.enter(at, requesterBus, isTranslated);
        if (stop !== PASSES) return this.#stop(stop, at, address);
      }
      const entry = claims.memory.find(bus, address);
      const owner = entry < 0 ? -1 : claims.memory.ownerOf(entry);
      const isRoot = bus >= registers.count;
      let why: number = isRoot ? WHY.intoRoot : WHY.unclaimed;
      if (owner === at) {
        if (claims.memory.detailOf(entry) !== WINDOW) {
          return this.#deliver(tlp, entry, address, at === requester ? WHY.ownMemory : WHY.delivered);
        }
        why = this.#alwaysUp ? WHY.alwaysUpstream : this.#context.rules.loop(at, isRedirected);
        isRedirected = true;
      } else if (this.#alwaysUp) {
        why = WHY.alwaysUpstream;
      } else if (owner >= 0 && (!isRoot || (at === requester && this.#context.rules.isInside(at, owner)))) {
        why = this.#context.rules.peer(at, owner, isTranslated);
        if (why === WHY.peerClaims || why === WHY.directTranslated) {
          journey.push(at, why, address);
          counters.up[at] = (counters.up[at] ?? noEntry(at)) + payloadBytes;
          return this.#down(tlp, entry, address);
        }
        isRedirected = true;
      } else if (!isRoot && claims.hidden[bus] !== undefined) {
        return this.#hide(at, claims.hidden[bus]);
      }
      const outcome = this.#stopOrPass(why, at, address);
      if (outcome !== PASSES) return outcome;
      if (at !== requester || why !== WHY.unclaimed) journey.push(at, why, address);
      counters.up[at] = (counters.up[at] ?? noEntry(at)) + payloadBytes;
      if (isRoot) return this.#atRoot(tlp, at, bus - registers.count);
      at = bus;
    }
  }

  #atRoot(tlp: Tlp, port: number, root: number): number {
    const { hostBridges, interrupts, journey, options } = this.#context;
    const { translator } = options;
    const isTranslated = (tlp.flags & TLP_TRANSLATED) !== 0;
    if (
      !isTranslated &&
      interrupts !== null &&
      tlp.address >= interrupts.start &&
      tlp.address < interrupts.start + interrupts.sizeBytes
    )
      return this.#interrupt(tlp);
    let where: number;
    // MODEL: in passthrough, and without an IOMMU, the root complex believes a translated address whoever sends it; it
    // takes it for a bus address. Direct port to port routing ahead of the IOMMU is not modelled.
    if (isTranslated && translator?.translates(tlp.requesterId) === true) {
      const ats = this.#atsOf(tlp);
      if (ats === 2) return this.#hide(ROOT_COMPLEX, "whether the requester has ATS on is hidden");
      if (ats === 0) return this.#end(IOMMU_FAULT, ROOT_COMPLEX, WHY.noAts, tlp.address);
    }
    if (!isTranslated && translator !== undefined && translator.translates(tlp.requesterId)) {
      const isWrite = (tlp.flags & TLP_READ) === 0;
      const translation = translator.translate(tlp.requesterId, tlp.address as Iova, isWrite);
      if (!translation.ok) return this.#end(IOMMU_FAULT, ROOT_COMPLEX, FAULT_WORDS[translation.reason], tlp.address);
      if (translation.contiguousBytes < tlp.lengthBytes) {
        return this.#end(IOMMU_FAULT, ROOT_COMPLEX, WHY.mappingTooShort, tlp.address);
      }
      journey.push(ROOT_COMPLEX, WHY.translated, translation.phys);
      where = hostBridges.fromCpu(translation.phys);
    } else {
      where = hostBridges.fromBus(root, tlp.address);
    }
    if (where < 0) return this.#endAtRoot(tlp, where, root);
    const refusal = this.#policyRefusal(tlp, root, where);
    if (refusal !== PASSES) return this.#end(UNSUPPORTED_REQUEST, ROOT_COMPLEX, refusal, hostBridges.phys);
    return this.#reflect(tlp, port, where, isTranslated);
  }

  #atsOf({ requester, requesterId }: Tlp): number {
    const { ats, topology } = this.#context.registers;
    if (topology.functionAt(requester).bdf === requesterId) return ats[requester] ?? noEntry(requester);
    return topology.has(requesterId) ? (ats[topology.indexOf(requesterId)] ?? 0) : 0;
  }

  /** The range is looked at before any domain is, as requests to it are no DMA (VT-d, "Interrupt Address Range"). */
  #interrupt(tlp: Tlp): number {
    const { address, flags, lengthBytes } = tlp;
    const isInterrupt = (flags & TLP_READ) === 0 && lengthBytes === INTERRUPT_BYTES && address % INTERRUPT_BYTES === 0;
    if (!isInterrupt) return this.#end(UNSUPPORTED_REQUEST, ROOT_COMPLEX, WHY.noInterrupt, address);
    this.#bar = TARGET_INTERRUPT;
    this.#offset = address;
    return this.#end(DELIVERED, ROOT_COMPLEX, WHY.interrupt, address);
  }

  #reflect(tlp: Tlp, port: number, root: number, isTranslated: boolean): number {
    const { claims, counters, hostBridges, journey, registers, rules } = this.#context;
    const { busAddress } = hostBridges;
    const entry = claims.memory.find(registers.count + root, busAddress);
    const owner = entry < 0 ? -1 : claims.memory.ownerOf(entry);
    if (registers.isPort[port] === 1 && owner >= 0 && owner !== port) {
      const stop = rules.rootPeer(port, owner, isTranslated);
      if (stop !== PASSES) return this.#stop(stop, port, tlp.address);
    }
    journey.push(ROOT_COMPLEX, WHY.reflected, busAddress);
    counters.rootComplexBytes += tlp.payloadBytes;
    return this.#downFromRoot(tlp, root);
  }

  #downFromRoot(tlp: Tlp, root: number): number {
    const { claims, hostBridges, registers } = this.#context;
    const { busAddress } = hostBridges;
    const bus = registers.count + root;
    const entry = claims.memory.find(bus, busAddress);
    if (entry >= 0) return this.#down(tlp, entry, busAddress);
    const hidden = claims.hidden[bus];
    if (hidden !== undefined) return this.#hide(ROOT_COMPLEX, hidden);
    return this.#end(UNSUPPORTED_REQUEST, ROOT_COMPLEX, WHY.unclaimedBelow, busAddress);
  }

  #down(tlp: Tlp, first: number, address: number): number {
    const { claims, counters, journey } = this.#context;
    for (let entry = first; ; ) {
      const owner = claims.memory.ownerOf(entry);
      counters.down[owner] = (counters.down[owner] ?? noEntry(owner)) + tlp.payloadBytes;
      if (claims.memory.detailOf(entry) !== WINDOW) return this.#deliver(tlp, entry, address, WHY.delivered);
      journey.push(owner, WHY.down, address);
      entry = claims.memory.find(owner, address);
      if (entry >= 0) continue;
      const hidden = claims.hidden[owner];
      if (hidden !== undefined) return this.#hide(owner, hidden);
      return this.#end(UNSUPPORTED_REQUEST, owner, WHY.unclaimedBelow, address);
    }
  }

  #deliver(tlp: Tlp, entry: number, address: number, why: number): number {
    const { bars, claims } = this.#context;
    const bar = claims.memory.detailOf(entry);
    const owner = claims.memory.ownerOf(entry);
    if (address + tlp.lengthBytes > claims.memory.endOf(entry)) {
      return this.#end(UNSUPPORTED_REQUEST, owner, WHY.pastTheEnd, address);
    }
    this.#bar = bar;
    this.#offset = address - (bars.start[bar] ?? noEntry(bar));
    return this.#end(DELIVERED, owner, why, address);
  }

  /** Ends what is DRAM, nothing, or hidden at the root complex. */
  #endAtRoot(tlp: Tlp, where: number, root: number): number {
    const { hostBridges } = this.#context;
    const { phys } = hostBridges;
    if (where === ROOT_HIDDEN) return this.#hide(ROOT_COMPLEX, hostBridges.hiddenReason(root));
    if (where === ROOT_NOTHING || where !== ROOT_DRAM || phys + tlp.lengthBytes > hostBridges.end) {
      return this.#end(UNSUPPORTED_REQUEST, ROOT_COMPLEX, WHY.noMemory, phys);
    }
    this.#bar = TARGET_DRAM;
    this.#offset = phys;
    return this.#end(DELIVERED, ROOT_COMPLEX, WHY.dram, phys);
  }

  #policyRefusal({ flags }: Tlp, from: number, to: number): number {
    switch (this.#context.options.rootComplex) {
      case "refuse":
        return WHY.policyRefuses;
      case "writes-only":
        return (flags & TLP_READ) !== 0 ? WHY.policyWritesOnly : PASSES;
      case "within-host-bridge":
        return from === to ? PASSES : WHY.policyOtherHostBridge;
      default:
        return PASSES;
    }
  }

  /** The outcome of a decision that ends a request on its way up, {@link PASSES} for all others. */
  #stopOrPass(why: number, at: number, address: number): number {
    const isEnd = why === WHY.egressBlocked || why === WHY.hidden || why === WHY.loopRefused || why === WHY.windowEmpty;
    return isEnd ? this.#stop(why, at, address) : PASSES;
  }

  #stop(why: number, at: number, address: number): number {
    if (why === WHY.hidden) return this.#hide(at, "its registers are hidden");
    const isAcs = why === WHY.sourceInvalid || why === WHY.translationBlocked || why === WHY.egressBlocked;
    return this.#end(isAcs ? ACS_VIOLATION : UNSUPPORTED_REQUEST, at, why, address);
  }

  #end(outcome: number, at: number, why: number, address: number): number {
    this.#context.journey.push(at, why, address);
    return outcome;
  }

  #hide(at: number, reason: string): number {
    this.#reason = reason;
    return this.#end(HIDDEN, at, WHY.hidden, 0);
  }
}
