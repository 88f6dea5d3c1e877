import type { Machine } from "../../host/machine.ts";
import { topologyOf } from "../../host/machine.ts";
import { redirects } from "../../pci/acs.ts";
import type { PciFunction } from "../../pci/function.ts";
import { isUnknown } from "../../pci/known.ts";
import { ROOT_BUS_HIDDEN, type Topology } from "../../pci/topology.ts";
import { type AcsParameters, acsParameters } from "../../rules/acs-parameters.ts";
import type { HostBridgeDecisions } from "../../rules/decide-all.ts";
import { BUS_ADDR, mapTypeName, UNKNOWN } from "../../rules/map-type.ts";
import { findPath } from "../../rules/path.ts";
import { hostBridgesOf } from "../../rules/verdict-table.ts";
import { reboot } from "../reboot.ts";
import type { Change } from "../what-if/change.ts";
import type { Arrangement, Arrangements, PairEnd } from "./arrangements.ts";
import type { Blockers } from "./blockers.ts";
import { carryOut, gain, hopsOf, isBetter, type Outcome, type Outcomes } from "./trial.ts";

/** What is foretold beside other slots. */
export interface Foretold {
  readonly rules: string | undefined;
  readonly blockers: Blockers;
  /** What else is changed. */
  readonly changes?: readonly Change[];
  /** As if nothing redirected. */
  readonly isCleared?: boolean;
}

/**
 * What becomes of pairs with their cards in other slots, told from the ports alone, as a boot leaves them: so many thousand
 * arrangements can be looked at. What parameters ask by address or path of a card in a slot is taken from the one machine in
 * which it changed places with what is there; what is chosen has to be carried out all the same.
 */
export class Foretelling {
  readonly #machine: Machine;
  readonly #changes: readonly Change[];
  readonly #arrangements: Arrangements;
  readonly #topology: Topology;
  readonly #parameters: AcsParameters;
  readonly #hostBridges: HostBridgeDecisions;
  readonly #isCleared: boolean;
  readonly #blockers: Blockers;
  readonly #booted: Machine;
  readonly #known: readonly Map<number, Outcome>[];
  /** ACS of functions of the pairs, by what is asked of whatever is below a port. */
  readonly #acs = new Map<string, PciFunction["acs"]>();

  constructor(
    machine: Machine,
    arrangements: Arrangements,
    { rules, blockers, changes = [], isCleared = false }: Foretold,
  ) {
    this.#machine = machine;
    this.#changes = changes;
    this.#arrangements = arrangements;
    const booted = this.#bootedWith([]) ?? machine;
    this.#topology = topologyOf(booted);
    this.#parameters = acsParameters(booted);
    this.#hostBridges = hostBridgesOf(booted, this.#topology, rules);
    this.#isCleared = isCleared;
    this.#blockers = blockers;
    this.#booted = booted;
    this.#known = arrangements.ends.map(() => new Map());
  }

  #bootedWith(more: readonly Change[]): Machine | undefined {
    const changes = [...this.#changes, ...more];
    if (changes.length === 0) return reboot(this.#machine, this.#machine);
    const after = carryOut(this.#machine, changes);
    return typeof after === "string" ? undefined : after;
  }

  outcomes(arrangement: Arrangement): Outcomes {
    const ports = this.#arrangements.portsOf(arrangement);
    const placeOf = ({ card, function: index }: PairEnd): number => (card < 0 ? index : (ports[card] ?? index));
    return this.#arrangements.ends.map(({ provider, client }, pair) => {
      const [from, to] = [placeOf(provider), placeOf(client)];
      const key = from * this.#topology.functions.length + to;
      const known = this.#known[pair]?.get(key);
      if (known !== undefined) return known;
      const decided = this.#outcome(provider, client, from, to);
      const isBlocked = this.#blockers.of(pair, decided.mapType, this.#booted) !== null;
      const outcome = { ...decided, isBlocked };
      this.#known[pair]?.set(key, outcome);
      return outcome;
    });
  }

  /** Of two functions below ports, or at their own places where they are in no slot. */
  #outcome(provider: PairEnd, client: PairEnd, from: number, to: number): Omit<Outcome, "isBlocked"> {
    if (provider.function === client.function) return { mapType: mapTypeName(BUS_ADDR), hops: 0 };
    const { meeting, providerArm, clientArm } = findPath(this.#topology, from, to);
    const ends = [provider, client].flatMap((end) => (end.card < 0 ? [] : [end.function]));
    const path = [...providerArm, ...clientArm, ...ends];
    const hops = path.length - 1;
    const [root, other] = [from, to].map((place) => this.#topology.rootOf(place) ?? ROOT_BUS_HIDDEN);
    if (root === undefined || other === undefined) return { mapType: mapTypeName(UNKNOWN), hops };
    if (meeting === undefined) return { mapType: mapTypeName(this.#hostBridges.apart(root, other).mapType), hops };
    const acs = this.#isCleared
      ? []
      : [
          ...[...providerArm, ...clientArm].map((index) => this.#topology.functionAt(index).acs),
          ...[this.#acsOf(provider, from), this.#acsOf(client, to)],
        ];
    if (acs.some((one) => one !== null && !isUnknown(one) && redirects(one))) {
      return { mapType: mapTypeName(this.#hostBridges.redirected(root).mapType), hops };
    }
    return { mapType: mapTypeName(acs.some(isUnknown) ? UNKNOWN : BUS_ADDR), hops };
  }

  /** The ACS of an end below a port, as a boot with its card there leaves it. */
  #acsOf({ function: index, card }: PairEnd, port: number): PciFunction["acs"] {
    const { acs } = this.#topology.functionAt(index);
    const own = this.#topology.parentOf(index);
    if (acs === null || card < 0 || own === undefined || port === own) return acs;
    const asked = [port, own].map((one) => this.#parameters.asksBelow(this.#topology.functionAt(one)).join());
    if (asked[0] === asked[1]) return acs;
    const key = `${index} ${asked[0]}`;
    const known = this.#acs.get(key);
    if (known !== undefined) return known;
    const after = this.#bootedWith(this.#arrangements.changePlaces(card, port));
    const found = after?.functions[index]?.acs ?? acs;
    this.#acs.set(key, found);
    return found;
  }
}

/** So many arrangements that come to the same are kept: the first may not hold once it is carried out. */
const ALIKE = 3;

/**
 * The arrangements that are foretold to help, and to gain more than `floor`: the best first, then those with fewer hops and
 * fewer cards moved.
 */
export function promising(
  foretelling: Foretelling,
  before: Outcomes,
  arrangements: Iterable<Arrangement>,
  floor: number,
): readonly Arrangement[] {
  const kinds = new Map<string, { readonly outcomes: Outcomes; readonly alike: readonly Arrangement[] }>();
  for (const arrangement of arrangements) {
    const outcomes = foretelling.outcomes(arrangement);
    if (!isBetter(before, outcomes) || gain(before, outcomes) <= floor) continue;
    const key = outcomes.map(({ mapType, hops, isBlocked }) => `${mapType} ${hops} ${isBlocked}`).join();
    const alike = [...(kinds.get(key)?.alike ?? []), arrangement].sort((a, b) => movedIn(a) - movedIn(b));
    kinds.set(key, { outcomes, alike: alike.slice(0, ALIKE) });
  }
  return [...kinds.values()]
    .sort((a, b) => gain(a.outcomes, b.outcomes) || hopsOf(a.outcomes) - hopsOf(b.outcomes))
    .flatMap(({ alike }) => alike);
}

function movedIn(arrangement: Arrangement): number {
  return arrangement.filter((card, slot) => card >= 0 && card !== slot).length;
}
