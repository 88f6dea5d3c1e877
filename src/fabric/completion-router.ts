import { noEntry } from "../pci/entry-at.ts";
import { isUnknown } from "../pci/known.ts";
import { ROOT_COMPLEX } from "./journey.ts";
import { DELIVERED, HIDDEN, LOST } from "./outcomes.ts";
import { type RoutingContext, TLP_RELAXED_ORDERING, type Tlp } from "./traffic.ts";
import { WHY } from "./words.ts";

/** In place of a function: a bridge whose bus numbers are hidden is on the way. */
const BEHIND_HIDDEN = -2;

const redirectHidden = "what redirects completions here is hidden";
const busNumbersHidden = "the bus numbers of a bridge on the way to the requester are hidden";

/**
 * Takes completions of reads back to the requester id, by bus numbers (PCIe 6.0 sec 2.2.4.2, 2.2.9). They need neither
 * memory decode nor bus mastering; Completion Redirect and Upstream Forwarding apply to them.
 *
 * MODEL: only completions with data are routed; that a failed read is told to its requester is taken for granted.
 */
export class CompletionRouter {
  readonly #context: RoutingContext;
  readonly #alwaysUp: boolean;
  #reason = "";

  constructor(context: RoutingContext) {
    this.#context = context;
    this.#alwaysUp = context.options.switchForwarding === "always-upstream";
  }

  /** Why the last completion ended in {@link HIDDEN}. */
  get hiddenReason(): string {
    return this.#reason;
  }

  /** Routes the completion of a read from a function (its index) or {@link ROOT_COMPLEX}; yields the outcome code. */
  route(tlp: Tlp, completer: number): number {
    const { counters, journey, registers } = this.#context;
    journey.push(completer, WHY.completes, tlp.address);
    const target = this.#requesterOf(tlp);
    if (completer === ROOT_COMPLEX) return this.#fromRoot(tlp, target);
    // Its own read never left the device; with a requester id that is the completer's it stays there all the same.
    if (completer === target) return target === tlp.requester ? DELIVERED : LOST;
    // A read of a bridge's own BAR from below it: the completion starts inside the bridge, on its way down.
    const below = this.#towards(completer, target, tlp);
    if (below !== -1) return this.#down(tlp, completer, below, target);
    const isRelaxed = (tlp.flags & TLP_RELAXED_ORDERING) !== 0;
    let isRedirected = false;
    for (let at = completer; ; ) {
      const bus = registers.bus[at] ?? noEntry(at);
      if (bus < 0) return this.#hide(tlp, at, redirectHidden);
      const next = this.#towards(bus, target, tlp);
      let why: number = WHY.completionUp;
      if (this.#alwaysUp) {
        // Everything goes up; nothing here decides.
      } else if (next === BEHIND_HIDDEN) {
        return this.#hide(tlp, at, busNumbersHidden);
      } else if (next === at) {
        why = this.#context.rules.completionLoop(at, isRedirected);
      } else if (next >= 0 && (bus < registers.count || (at === completer && this.#context.rules.isInside(at, next)))) {
        why = this.#context.rules.completion(at, isRelaxed);
        isRedirected ||= why === WHY.completionRedirect || why === WHY.completionUp;
      }
      if (why === WHY.hidden) return this.#hide(tlp, at, redirectHidden);
      if (why === WHY.completionLoops) return this.#lose(tlp, at, why);
      if (at !== completer || why !== WHY.completionUp) journey.push(at, why, tlp.address);
      counters.up[at] = (counters.up[at] ?? noEntry(at)) + tlp.payloadBytes;
      if (why === WHY.completionAcross) return this.#down(tlp, at, next, target);
      if (bus >= registers.count) return this.#reflect(tlp, target);
      at = bus;
    }
  }

  /** Routes the completion of a CPU's read: up to the root complex. */
  routeToCpu(tlp: Tlp, completer: number): number {
    const { counters, journey, registers } = this.#context;
    journey.push(completer, WHY.completes, tlp.address);
    for (let at = completer; at >= 0 && at < registers.count; at = registers.bus[at] ?? noEntry(at)) {
      counters.up[at] = (counters.up[at] ?? noEntry(at)) + tlp.payloadBytes;
      if (at !== completer) journey.push(at, WHY.completionUp, tlp.address);
    }
    return DELIVERED;
  }

  #reflect(tlp: Tlp, target: number): number {
    const { counters, journey, options } = this.#context;
    const policy = options.rootComplex;
    if (policy === "refuse" || policy === "writes-only") return this.#lose(tlp, ROOT_COMPLEX, WHY.completionRefused);
    counters.rootComplexBytes += tlp.payloadBytes;
    journey.push(ROOT_COMPLEX, WHY.completionReflected, tlp.address);
    return this.#fromRoot(tlp, target);
  }

  #fromRoot(tlp: Tlp, target: number): number {
    const { registers } = this.#context;
    const root = target < 0 ? undefined : registers.topology.rootOf(target);
    if (root === undefined) return this.#lose(tlp, ROOT_COMPLEX, WHY.completionStrays);
    return this.#down(tlp, ROOT_COMPLEX, this.#towards(registers.count + root, target, tlp), target);
  }

  /** Takes a completion from `start`, a function or the root complex, down over the function `first` of a bus below. */
  #down(tlp: Tlp, start: number, first: number, target: number): number {
    const { counters, journey } = this.#context;
    let above = start;
    let at = first;
    while (at >= 0) {
      counters.down[at] = (counters.down[at] ?? noEntry(at)) + tlp.payloadBytes;
      if (at === target) {
        journey.push(at, WHY.completionArrives, tlp.address);
        // With a requester id that is not its own, the data reaches somebody who did not ask.
        return target === tlp.requester ? DELIVERED : LOST;
      }
      journey.push(at, WHY.completionDown, tlp.address);
      above = at;
      at = this.#towards(at, target, tlp);
    }
    if (at === BEHIND_HIDDEN) return this.#hide(tlp, above, busNumbersHidden);
    return this.#lose(tlp, above, WHY.completionStrays);
  }

  /** Index of the function with the requester id of a TLP, -1 where there is none. */
  #requesterOf({ requester, requesterId }: Tlp): number {
    const { topology } = this.#context.registers;
    if (topology.functionAt(requester).bdf === requesterId) return requester;
    return topology.has(requesterId) ? topology.indexOf(requesterId) : -1;
  }

  /**
   * The function on a bus that takes a completion for `target`: itself, or the bridge with its bus number; else
   * {@link BEHIND_HIDDEN}, or -1 where nothing on the bus leads there.
   */
  #towards(bus: number, target: number, { requesterId }: Tlp): number {
    const { claims, registers } = this.#context;
    if (target >= 0 && registers.bus[target] === bus) return target;
    const entry = claims.ids.find(bus, Math.floor(requesterId / 0x100));
    if (entry >= 0) return claims.ids.ownerOf(entry);
    return this.#isBehindHidden(bus, target) ? BEHIND_HIDDEN : -1;
  }

  #isBehindHidden(bus: number, target: number): boolean {
    const { registers } = this.#context;
    const { functions, parent } = registers.topology;
    let at = target;
    while (at >= 0 && registers.bus[at] !== bus) at = parent[at] ?? noEntry(at);
    return isUnknown(functions[at]?.bridge ?? null);
  }

  #lose({ address }: Tlp, at: number, why: number): number {
    this.#context.journey.push(at, why, address);
    return LOST;
  }

  #hide({ address }: Tlp, at: number, reason: string): number {
    this.#reason = reason;
    this.#context.journey.push(at, WHY.hidden, address);
    return HIDDEN;
  }
}
