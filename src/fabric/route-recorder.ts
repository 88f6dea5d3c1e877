import { CompletionRouter } from "./completion-router.ts";
import { FabricCounters } from "./counters.ts";
import { Journey, ROOT_COMPLEX } from "./journey.ts";
import { RequestRouter, TARGET_INTERRUPT } from "./request-router.ts";
import { type RoutingContext, TLP_READ, type Tlp } from "./traffic.ts";

/** Hops of a route, and links, that are recorded at most; a longer one is not. */
export const MOST_STEPS = 32;

/** How all requests like one go, from one address at which anything may be decoded differently to the next. */
export interface RecordedRoute {
  readonly low: number;
  /** Exclusive. */
  readonly high: number;
  /** Each hop is at the request's own address; written over by the next record. */
  readonly hops: Journey;
  /** Which counters take the payload, each as often as it counts there: of `up` by function, of `down` behind them. */
  readonly links: readonly number[];
  /** How often the root complex passes the payload on. */
  readonly rootTimes: number;
  /** As in `RequestRouter`; the offset is that of the recorded request. */
  readonly bar: number;
  readonly offset: number;
  /** The last hop of the request: where, and a number of `WHY`. */
  readonly endAt: number;
  readonly endWhy: number;
}

/** Decides the routes of requests once more, aside, with one byte that is counted on links of its own. */
export class RouteRecorder {
  readonly #real: RoutingContext;
  readonly #journey: Journey;
  readonly #counters: FabricCounters;
  readonly #requests: RequestRouter;
  readonly #completions: CompletionRouter;
  /** Addresses at which anything may be decoded differently, ascending. */
  readonly #edges: Float64Array;

  /** For the decode tables that the context has now. */
  constructor(context: RoutingContext) {
    const { registers, claims, hostBridges, interrupts } = context;
    this.#real = context;
    this.#journey = new Journey(registers.topology);
    this.#counters = new FabricCounters(registers.count);
    const aside = { ...context, journey: this.#journey, counters: this.#counters };
    this.#requests = new RequestRouter(aside);
    this.#completions = new CompletionRouter(aside);
    const fixed = interrupts === null ? [] : [interrupts.start, interrupts.start + interrupts.sizeBytes];
    this.#edges = Float64Array.from(new Set([...claims.memory.edges(), ...hostBridges.edges(), ...fixed])).sort();
  }

  /**
   * The route of a request that was just delivered, its journey still in the context. `null` where more has decided than
   * registers and decode tables (the IOMMU, a caller's Egress Control Vector), where a host bridge shows an address as
   * another, and for interrupts.
   */
  record(given: Tlp): RecordedRoute | null {
    const { journey: real, options } = this.#real;
    if (options.isEgressControlled !== undefined) return null;
    if (options.translator !== undefined && real.passes(ROOT_COMPLEX)) return null;
    if (real.length > MOST_STEPS || !real.staysAt(given.address)) return null;
    const journey = this.#journey;
    const isRead = (given.flags & TLP_READ) !== 0;
    const tlp: Tlp = { ...given, payloadBytes: isRead ? 0 : 1 };
    journey.clear();
    this.#counters.clear();
    this.#requests.route(tlp);
    const { bar, offset } = this.#requests;
    if (bar === TARGET_INTERRUPT) return null;
    const { lastAt: endAt, lastWhy: endWhy } = journey;
    tlp.payloadBytes = 1;
    if (isRead) this.#completions.route(tlp, endAt);
    // Each link has its hop, so there is room for them.
    const links = [...this.#counters.up, ...this.#counters.down].flatMap((times, link) => Array(times).fill(link));
    const { rootComplexBytes: rootTimes } = this.#counters;
    return { ...this.#around(given.address), hops: journey, links, rootTimes, bar, offset, endAt, endWhy };
  }

  /** The addresses around one that are decoded as it is, everywhere. */
  #around(address: number): { readonly low: number; readonly high: number } {
    const above = this.#edges.findIndex((edge) => edge > address);
    const low = above < 0 ? this.#edges.at(-1) : this.#edges[above - 1];
    return { low: low ?? 0, high: this.#edges[above] ?? Number.POSITIVE_INFINITY };
  }
}
