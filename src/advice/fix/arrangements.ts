import type { Machine } from "../../host/machine.ts";
import { topologyOf } from "../../host/machine.ts";
import { type Bdf, slotOf } from "../../pci/bdf.ts";
import type { Topology } from "../../pci/topology.ts";
import { physicalOf } from "../../pci/virtual-functions.ts";
import type { Change } from "../what-if/change.ts";
import type { Idea, Pair } from "./idea.ts";
import { ideaOfMoves } from "./slot-ideas.ts";
import { inOrderOfUse, Places, type Slot, slotOfDevice, slotsOf, twoOfEach } from "./slots.ts";

/** Which card is in which slot, slots by their places in {@link Arrangements.slots}: each card by the slot it is in now, -1 for none. */
export type Arrangement = readonly number[];

/** Two slots whose cards change places; one of the two may be empty. */
export type Exchange = readonly [first: number, second: number];

/** One end of a pair: a function, and the slot that its card is in now, -1 where it is in none. */
export interface PairEnd {
  readonly function: number;
  readonly card: number;
}

/** The cards of some pairs in the slots of a machine: every way to put one elsewhere, and what has to be moved for it. */
export class Arrangements {
  /** The slots of the cards of the pairs, and of those that a bridge has alike two others, empty ones first. */
  readonly slots: readonly Slot[];
  /** The ends of the pairs, in their order. */
  readonly ends: readonly { readonly provider: PairEnd; readonly client: PairEnd }[];
  /** The cards as they are. */
  readonly now: Arrangement;
  readonly #topology: Topology;
  /** The cards that functions of the pairs are on. */
  readonly #cards: ReadonlySet<number>;

  constructor(machine: Machine, pairs: readonly Pair[]) {
    const topology = topologyOf(machine);
    this.#topology = topology;
    const all = slotsOf(topology);
    const slotAt = (bdf: Bdf): Slot | undefined =>
      slotOfDevice(topology, all, physicalOf(topology.functionOf(bdf)) ?? bdf);
    const functions = [...new Set(pairs.flatMap(({ provider, client }) => [provider, client]))];
    const own = new Map(functions.map((bdf) => [bdf, slotAt(bdf)]));
    const left = [...own.values()].filter((slot) => slot !== undefined);
    this.slots = twoOfEach(new Places(machine, topology), inOrderOfUse(topology, all), left);
    const places = new Map(this.slots.map((slot, index) => [slot, index]));
    const endOf = (bdf: Bdf): PairEnd => {
      const slot = own.get(bdf);
      return { function: topology.indexOf(bdf), card: slot === undefined ? -1 : (places.get(slot) ?? -1) };
    };
    this.ends = pairs.map(({ provider, client }) => ({ provider: endOf(provider), client: endOf(client) }));
    this.now = this.slots.map(({ occupant }, index) => (occupant === null ? -1 : index));
    const cards = this.ends.flatMap(({ provider, client }) => [provider.card, client.card]);
    this.#cards = new Set(cards.filter((card) => card >= 0));
  }

  /** Every exchange that moves a card of the pairs. */
  exchanges(from: Arrangement): readonly Exchange[] {
    const held = from.flatMap((card, slot) => (this.#cards.has(card) ? [slot] : []));
    return held.flatMap((slot) =>
      from.flatMap((card, other): Exchange[] =>
        other === slot || (this.#cards.has(card) && other < slot) ? [] : [[slot, other]],
      ),
    );
  }

  /** The ports below which cards are, by card. */
  portsOf(arrangement: Arrangement): readonly number[] {
    const ports: number[] = new Array<number>(this.slots.length).fill(-1);
    arrangement.forEach((card, slot) => {
      if (card >= 0) ports[card] = this.#portOf(slot);
    });
    return ports;
  }

  #portOf(slot: number): number {
    return this.slots[slot]?.port ?? -1;
  }

  /** A card put below a port, and what is there, if anything, put in its place. */
  changePlaces(card: number, port: number): readonly Change[] {
    const slot = this.slots.findIndex((one) => one.port === port);
    return this.ideaOf(exchanged(this.now, [card, slot])).changes;
  }

  /** What hands do for an arrangement: cards of the pairs first, then those that make room. */
  ideaOf(arrangement: Arrangement): Idea {
    const moved = arrangement.flatMap((card, slot) => (card < 0 || card === slot ? [] : [{ card, slot }]));
    const cardsFirst = moved.toSorted((a, b) => Number(this.#cards.has(b.card)) - Number(this.#cards.has(a.card)));
    const moves = cardsFirst.map(({ card, slot }) => ({
      kind: "move" as const,
      device: this.slots[card]?.occupant as Bdf,
      under: this.#topology.functionAt(this.#portOf(slot)).bdf,
    }));
    const [first, second] = cardsFirst;
    const isExchange = moved.length === 2 && first?.slot === second?.card && second?.slot === first?.card;
    return ideaOfMoves(this.#topology, moves, moved.length === 1 || isExchange);
  }
}

/** The arrangement after an exchange. */
function exchanged(arrangement: Arrangement, [first, second]: Exchange): Arrangement {
  const after = [...arrangement];
  after[first] = arrangement[second] ?? -1;
  after[second] = arrangement[first] ?? -1;
  return after;
}

/** Every arrangement after one exchange. */
export function oneExchange(arrangements: Arrangements): readonly Arrangement[] {
  return arrangements.exchanges(arrangements.now).map((exchange) => exchanged(arrangements.now, exchange));
}

/** Every arrangement after one exchange more. */
export function* oneExchangeMore(arrangements: Arrangements, first: readonly Arrangement[]): Generator<Arrangement> {
  for (const arrangement of first) {
    for (const exchange of arrangements.exchanges(arrangement)) yield exchanged(arrangement, exchange);
  }
}

/** True where both functions of a pair are on one card. */
export function areOneCard(machine: Machine, { provider, client }: Pair): boolean {
  const topology = topologyOf(machine);
  const cardOf = (bdf: Bdf): number => slotOf(physicalOf(topology.functionOf(bdf)) ?? bdf);
  return cardOf(provider) === cardOf(client);
}
