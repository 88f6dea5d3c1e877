import type { Bdf } from "../pci/bdf.ts";
import { noEntry } from "../pci/entry-at.ts";
import { MOST_STEPS, type RecordedRoute, RouteRecorder } from "./route-recorder.ts";
import type { RoutingContext, Tlp } from "./traffic.ts";

/** Routes are kept in sets by requester, with room for what a device has to do with in turns: queues, data, doorbells. */
const SETS = 32;
const WAYS = 4;
const ROUTES = SETS * WAYS;

/** One in so many routes that are decided is remembered: traffic that never comes again pays little. */
const DECIDED_PER_REMEMBERED = 4;

/**
 * Routes of delivered requests, for the next request of the same kind, requester and requester id to an address that the
 * same windows and BARs claim. Registers and decode tables have decided them, so whoever changes one calls
 * {@link forget}; the {@link RouteRecorder} knows which routes nothing else decides.
 */
export class RememberedRoutes {
  readonly #context: RoutingContext;
  /** What the links have carried: `counters.up`, and `counters.down` behind it. */
  readonly #links: Float64Array;
  #recorder: RouteRecorder | undefined;
  #routes: RouteTables = noRoutes;
  #isEmpty = true;
  #decided = 0;
  #next = 0;

  constructor(context: RoutingContext) {
    this.#context = context;
    this.#links = new Float64Array(context.counters.up.buffer);
  }

  /** The tables of routes; their numbers are those of {@link find}. */
  get routes(): RouteTables {
    return this.#routes;
  }

  /** Drops all routes. */
  forget(): void {
    if (!this.#isEmpty) this.#routes.high.fill(-1);
    this.#isEmpty = true;
    this.#recorder = undefined;
    this.#decided = 0;
  }

  /** The number of the route of a request, -1 where none is remembered. */
  find(requester: number, requesterId: Bdf, address: number, lengthBytes: number, flags: number): number {
    if (this.#isEmpty) return -1;
    const routes = this.#routes;
    const first = setOf(requester);
    // A request of no bytes is decided by its address as well.
    const end = address + (lengthBytes === 0 ? 1 : lengthBytes);
    for (let route = first; route < first + WAYS; route++) {
      if (address < (routes.low[route] ?? noEntry(route)) || end > (routes.high[route] ?? noEntry(route))) continue;
      const isSame = routes.requester[route] === requester && routes.requesterId[route] === requesterId;
      if (isSame && routes.flags[route] === flags) return route;
    }
    return -1;
  }

  /** Carries a request over a route, and back a read's completion, as the routers do: hops to the journey, bytes to links. */
  follow(route: number, address: number, lengthBytes: number): void {
    const { journey, counters } = this.#context;
    const routes = this.#routes;
    const links = this.#links;
    const first = route * MOST_STEPS;
    journey.pointTo(routes.hops, first, routes.hopCount[route] ?? noEntry(route), address);
    const end = routes.linksEnd[route] ?? noEntry(route);
    for (let position = first; position < end; position++) {
      const link = routes.links[position] ?? noEntry(position);
      links[link] = (links[link] ?? noEntry(link)) + lengthBytes;
    }
    counters.rootComplexBytes += lengthBytes * (routes.rootTimes[route] ?? noEntry(route));
  }

  /**
   * Told of each request that the routers have delivered, its journey still in the context; remembers some. `reached` is
   * the caller's.
   */
  decided(tlp: Tlp, reached: number): void {
    this.#decided++;
    if (this.#decided % DECIDED_PER_REMEMBERED !== 0) return;
    this.#recorder ??= new RouteRecorder(this.#context);
    const recorded = this.#recorder.record(tlp);
    if (recorded === null) return;
    if (this.#routes === noRoutes) this.#routes = new RouteTables(MOST_STEPS);
    this.#isEmpty = false;
    this.#routes.put(setOf(tlp.requester) + (this.#next++ % WAYS), tlp, reached, recorded);
  }
}

/** Flat arrays by number of the route. */
class RouteTables {
  /** The addresses, the end exclusive: -1 where there is no route. */
  readonly low: Float64Array;
  readonly high: Float64Array;
  readonly requester: Int32Array;
  readonly requesterId: Float64Array;
  readonly flags: Int32Array;
  /** What it reaches: as `RequestRouter.bar`, and the address that is offset 0 there. */
  readonly bar: Int32Array;
  readonly start: Float64Array;
  /** The caller's: see `decided`. */
  readonly reached: Float64Array;
  /** The last hop of the request: where, and its number of `WHY`. */
  readonly endAt: Int32Array;
  readonly endWhy: Uint8Array;
  /** How often the root complex passes the payload on. */
  readonly rootTimes: Uint8Array;
  /** `MOST_STEPS` for each route. */
  readonly hops: { readonly at: Int32Array; readonly why: Uint8Array };
  readonly hopCount: Uint8Array;
  /** Positions in the counters: `MOST_STEPS` for each route, and the end of those that it has. */
  readonly links: Int32Array;
  readonly linksEnd: Int32Array;

  /** `steps`: hops, and links, that there is room for in each. */
  constructor(steps: number) {
    this.low = new Float64Array(ROUTES);
    this.high = new Float64Array(ROUTES).fill(-1);
    this.requester = new Int32Array(ROUTES);
    this.requesterId = new Float64Array(ROUTES);
    this.flags = new Int32Array(ROUTES);
    this.bar = new Int32Array(ROUTES);
    this.start = new Float64Array(ROUTES);
    this.reached = new Float64Array(ROUTES);
    this.endAt = new Int32Array(ROUTES);
    this.endWhy = new Uint8Array(ROUTES);
    this.rootTimes = new Uint8Array(ROUTES);
    this.hops = { at: new Int32Array(ROUTES * steps), why: new Uint8Array(ROUTES * steps) };
    this.hopCount = new Uint8Array(ROUTES);
    this.links = new Int32Array(ROUTES * steps);
    this.linksEnd = new Int32Array(ROUTES);
  }

  put(route: number, tlp: Tlp, reached: number, recorded: RecordedRoute): void {
    const first = route * MOST_STEPS;
    this.low[route] = recorded.low;
    this.high[route] = recorded.high;
    this.requester[route] = tlp.requester;
    this.requesterId[route] = tlp.requesterId;
    this.flags[route] = tlp.flags;
    this.bar[route] = recorded.bar;
    this.start[route] = tlp.address - recorded.offset;
    this.reached[route] = reached;
    this.endAt[route] = recorded.endAt;
    this.endWhy[route] = recorded.endWhy;
    this.rootTimes[route] = recorded.rootTimes;
    recorded.hops.copyTo(this.hops, first);
    this.hopCount[route] = recorded.hops.length;
    this.links.set(recorded.links, first);
    this.linksEnd[route] = first + recorded.links.length;
  }
}

/** Most fabrics are asked for few routes and remember none: they all have these tables, which nothing is put into. */
const noRoutes = new RouteTables(0);

/** The first route of a requester's set. */
function setOf(requester: number): number {
  return (requester & (SETS - 1)) * WAYS;
}
