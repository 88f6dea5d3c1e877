import { Answers } from "../answers/answer.ts";
import { type Gate, isSureBlock } from "../answers/gate.ts";
import type { Locality, PairLocality } from "../answers/locality.ts";
import { functionsNamed } from "../host/device-name.ts";
import type { Machine } from "../host/machine.ts";
import { devicesOfInterest, findDevices } from "../host/select.ts";
import type { Bdf } from "../pci/bdf.ts";
import { type DeviceKind, deviceKind, KINDS_OF_INTEREST } from "../pci/device-kind.ts";
import { PeerlaneError } from "../pci/error.ts";
import { isUnknown, type Known, unknown } from "../pci/known.ts";
import { mayProvide } from "../pci/peer-roles.ts";
import { physicalOf } from "../pci/virtual-functions.ts";
import { whyUnread } from "../platforms/who-asks.ts";
import { type MapType, NOT_DIRECT } from "../rules/verdict.ts";
import { decideAll, type VerdictTable } from "../rules/verdict-table.ts";
import { goesUp } from "../summary/going-up.ts";

/** Devices that are asked about together. */
export interface DeviceGroup {
  /** A class (`gpu`), or the words by which they were asked for. */
  readonly name: string;
  /** The class of all of them, `null` where they are of several. */
  readonly kind: DeviceKind | null;
  /** In enumeration order. */
  readonly devices: readonly Bdf[];
}

/** Of each device of one group the nearest of another. */
export interface NearestQuestion {
  readonly of: DeviceGroup;
  readonly among: DeviceGroup;
  /** Whether both groups were named: then the path is told even where neither has memory for peers. */
  readonly isNamed: boolean;
}

/** What is asked of a machine. */
export interface NearestQuestions {
  readonly questions: readonly NearestQuestion[];
  /** Virtual functions that stand for nothing of their own, as their physical ones are among the devices. */
  readonly virtual: number;
}

/** What lies between a device and another: where both have memory for peers, what is worse of the two ways. */
export interface Reach {
  readonly mapType: MapType;
  /** Whether the transfer works: supported, and nothing blocks it; `null` where that depends on what is hidden or unread. */
  readonly works: boolean | null;
  /** Why it is not known whether the drivers of the two share memory at all; `null` where that is known or hidden. */
  readonly unread: string | null;
  /** The gate that blocks it; `null` where none does. */
  readonly blockedBy: Gate | null;
  readonly hops: number | null;
  readonly locality: PairLocality;
  /** Whose memory is used; `none` where neither has memory for peers, `hidden` where that is not shown: told is the path. */
  readonly memory: "own" | "other" | "both" | "none" | "hidden";
  /** Direct by the verdict alone: requests go up to the root complex all the same by addresses of the IOMMU. */
  readonly goesUp: boolean;
  /** Positions in the table of the way that is told. */
  readonly pair: readonly [provider: number, client: number];
}

/** A device that may be as near as the nearest or nearer, as the source hides what decides. */
export interface OpenCandidate {
  readonly device: Bdf;
  readonly reach: Reach;
}

/** The nearest of one device. */
export interface Nearest {
  readonly device: Bdf;
  /** All that are as near, in enumeration order; empty where there is no candidate. */
  readonly nearest: Known<readonly Bdf[]>;
  /** How they are reached; `null` where there is no candidate. */
  readonly reach: Reach | null;
  readonly perhaps: readonly OpenCandidate[];
}

/** What a question came to, a device for a device. */
export interface NearestAnswer {
  readonly question: NearestQuestion;
  /** Of those devices that have a candidate: it or the candidate has memory for peers. */
  readonly found: readonly Nearest[];
  /** Devices that have none. */
  readonly without: readonly Bdf[];
}

/** The answers to what was asked of a machine. */
export interface NearestSearch {
  readonly table: VerdictTable;
  readonly answers: readonly NearestAnswer[];
  readonly virtual: number;
}

/** More pairs than this are no question that anyone reads the answer of. */
const MAX_PAIRS = 1_000_000;

/** One of a class, ids, a slot or an address: what has a colon and is one name. */
const ONE_NAME = /^[a-z]+:\d{1,4}$|^[0-9a-f]+(?::[0-9a-f]+)+(?:\.[0-7])?$/i;

/**
 * What words ask: `gpu:nic` of each of the first the nearest of the second, and the other way round, `gpu0:nic` of that one
 * only; a device or a class its
 * nearest of every other class, one device those of its own as well; no words each class of each other. Throws
 * `unknown-device` for words that mean nothing.
 */
export function nearestQuestions(machine: Machine, words: readonly string[]): NearestQuestions {
  const classes = classesOf(machine);
  const questions =
    words.length === 0
      ? crossed(classes.groups, classes.groups)
      : words.flatMap((word) => questionsOf(machine, classes.groups, word));
  return { questions, virtual: classes.virtual };
}

function questionsOf(machine: Machine, classes: readonly DeviceGroup[], word: string): readonly NearestQuestion[] {
  const two = twoNames(machine, word);
  if (two !== null) {
    const [of, among] = [groupNamed(machine, classes, two[0]), groupNamed(machine, classes, two[1])];
    const [there, back] = [
      { of, among, isNamed: true },
      { of: among, among: of, isNamed: true },
    ];
    // Of a single device each of the others has it as its nearest.
    if (isSameGroup(of, among) || of.devices.length === 1) return [there];
    return among.devices.length === 1 ? [back] : [there, back];
  }
  const of = groupNamed(machine, classes, word);
  const isOne = of.devices.length === 1;
  const others = classes.filter(({ kind, devices }) =>
    kind === of.kind ? isOne && devices.length > 1 : devices.length > 0,
  );
  const asked = others.length > 0 ? others : classes.filter(({ devices }) => devices.length > 1);
  return asked.map((among) => ({ of, among, isNamed: false }));
}

/** The two names of `gpu:nic` or `18:00.0:nic`; `null` for one name. Where no colon has names on both sides, the last counts. */
function twoNames({ functions }: Machine, word: string): readonly [string, string] | null {
  if (ONE_NAME.test(word) || functionsNamed(functions, word).length > 0) return null;
  const splits = [...word.matchAll(/:/g)].map(({ index }) => [word.slice(0, index), word.slice(index + 1)] as const);
  const isName = (name: string): boolean => name !== "" && functionsNamed(functions, name).length > 0;
  return splits.find((names) => names.every(isName)) ?? splits.at(-1) ?? null;
}

/** Each class of each other; of the only one its own. */
function crossed(some: readonly DeviceGroup[], others: readonly DeviceGroup[]): readonly NearestQuestion[] {
  const pairs = some.flatMap((of) => others.map((among) => ({ of, among, isNamed: false })));
  const apart = pairs.filter(({ of, among }) => of !== among);
  return apart.length > 0 ? apart : pairs;
}

function isSameGroup(a: DeviceGroup, b: DeviceGroup): boolean {
  return a.devices.length === b.devices.length && a.devices.every((bdf, index) => bdf === b.devices[index]);
}

/** The classes of a machine's devices of interest, in the order of {@link KINDS_OF_INTEREST}. */
function classesOf(machine: Machine): { readonly groups: readonly DeviceGroup[]; readonly virtual: number } {
  const shown = new Set(devicesOfInterest(machine));
  const functions = machine.functions.filter(({ bdf }) => shown.has(bdf));
  const own = functions.filter((fn) => {
    const physical = physicalOf(fn);
    return physical === undefined || !shown.has(physical);
  });
  const kinds: readonly DeviceKind[] = [...KINDS_OF_INTEREST, "other"];
  const groups = kinds
    .map((kind): DeviceGroup => {
      return { name: kind, kind, devices: own.filter((fn) => deviceKind(fn) === kind).map(({ bdf }) => bdf) };
    })
    .filter(({ devices }) => devices.length > 0);
  return { groups, virtual: functions.length - own.length };
}

function groupNamed(machine: Machine, classes: readonly DeviceGroup[], word: string): DeviceGroup {
  const found = new Set(findDevices(machine, word));
  const ofClass = classes.find(({ name }) => name === word.toLowerCase());
  if (ofClass !== undefined) return ofClass;
  const functions = machine.functions.filter(({ bdf }) => found.has(bdf));
  const kinds = new Set(functions.map(deviceKind));
  const [kind = null] = kinds;
  return { name: word, kind: kinds.size === 1 ? kind : null, devices: functions.map(({ bdf }) => bdf) };
}

/**
 * The nearest of each device: of those that work, before those that may and those that do not, the direct ones (before those that are so by the verdict alone), then by
 * hops, by locality, by NUMA node; all that are alike in all of it. Of a pair of which one has memory for peers the other is
 * the client. Throws `too-large` for more than a million pairs.
 */
export function findNearest(
  machine: Machine,
  { questions, virtual }: NearestQuestions,
  options: { readonly rules?: string } = {},
): NearestSearch {
  const pairs = questions.reduce((sum, { of, among }) => sum + of.devices.length * among.devices.length, 0);
  if (pairs > MAX_PAIRS) {
    throw new PeerlaneError("too-large", `${pairs} pairs are too many to look for the nearest of each device`, {
      remedy: "name fewer devices, as in: peerlane find gpu:nic",
    });
  }
  const wanted = new Set(questions.flatMap(({ of, among }) => [...of.devices, ...among.devices]));
  const devices = machine.functions.map(({ bdf }) => bdf).filter((bdf) => wanted.has(bdf));
  const table = decideAll(machine, { ...options, providers: devices, clients: devices });
  const search = new Search(new Answers(table), devices);
  const answers = questions.map((question) => search.answer(question));
  return { table, answers: answers.filter(({ question, found }) => question.isNamed || found.length > 0), virtual };
}

class Search {
  readonly #answers: Answers;
  readonly #positions: ReadonlyMap<Bdf, number>;
  readonly #provides: ReadonlySet<Bdf>;
  /** Of which the source hides whether they have memory for peers. */
  readonly #mayProvide: ReadonlySet<Bdf>;

  constructor(answers: Answers, devices: readonly Bdf[]) {
    this.#answers = answers;
    this.#positions = new Map(devices.map((bdf, position) => [bdf, position]));
    const providing = devices.map((bdf) => [bdf, mayProvide(answers.table.topology.functionOf(bdf))] as const);
    this.#provides = new Set(providing.flatMap(([bdf, provides]) => (provides === true ? [bdf] : [])));
    this.#mayProvide = new Set(providing.flatMap(([bdf, provides]) => (isUnknown(provides) ? [bdf] : [])));
  }

  answer(question: NearestQuestion): NearestAnswer {
    const { of, among } = question;
    const isPair = this.#pairsOf(question);
    const found: Nearest[] = [];
    const without: Bdf[] = [];
    for (const device of of.devices) {
      const others = among.devices.filter((other) => other !== device && isPair(device, other));
      if (others.length === 0) without.push(device);
      else found.push(this.#nearest(device, others));
    }
    return { question, found, without };
  }

  /** Pairs of which one has memory for peers; where there are none, those of which one may have some, or that were named. */
  #pairsOf({ of, among, isNamed }: NearestQuestion): (a: Bdf, b: Bdf) => boolean {
    const isAny = (isPair: (a: Bdf, b: Bdf) => boolean): boolean =>
      of.devices.some((a) => among.devices.some((b) => a !== b && isPair(a, b)));
    const known = (a: Bdf, b: Bdf): boolean => this.#provides.has(a) || this.#provides.has(b);
    if (isAny(known)) return known;
    const open = (a: Bdf, b: Bdf): boolean => this.#mayProvide.has(a) || this.#mayProvide.has(b);
    return isAny(open) ? open : () => isNamed;
  }

  #nearest(device: Bdf, others: readonly Bdf[]): Nearest {
    const candidates = others.map((other) => {
      const reach = this.#reach(device, other);
      return { device: other, reach, rank: this.#rank(device, other, reach) };
    });
    const [first, ...more] = candidates;
    const best = more.reduce((a, b) => (compare(b.rank, a.rank) < 0 ? b : a), first as (typeof candidates)[number]);
    const { reach } = best;
    if (reach.works !== true && reach.hops === null) {
      return { device, nearest: unknown(this.#whyHidden(reach)), reach, perhaps: [] };
    }
    const nearest = candidates.filter(({ rank }) => compare(rank, best.rank) === 0);
    const perhaps = candidates.filter((one) => !nearest.includes(one) && this.#mayBeNearer(device, one, best));
    return {
      device,
      nearest: nearest.map((one) => one.device),
      reach,
      perhaps: perhaps.map((one) => ({ device: one.device, reach: one.reach })),
    };
  }

  #whyHidden({ pair: [i, j], locality }: Reach): string {
    const { hidden } = this.#answers.table.why(i, j);
    return (
      hidden[0] ?? (isUnknown(locality.is) ? locality.is.unknown : "the source does not show how they are connected")
    );
  }

  /**
   * Where nothing is known to work, places are compared, and only one whose place is hidden may be nearer; but beside one that
   * does not work each that perhaps does.
   */
  #mayBeNearer(device: Bdf, one: OpenCandidate, best: Ranked): boolean {
    const { reach } = one;
    if (reach.works === false) return false;
    if (best.reach.works === false) return true;
    if (best.reach.works === null) return reach.hops === null;
    const isOpen = reach.works === null || reach.mapType === "unknown";
    return isOpen && compare(this.#bestRank(device, one.device, reach), best.rank) <= 0;
  }

  /** Into the memory of the one, of the other, or of both. */
  #waysOf(device: Bdf, other: Bdf): readonly Reach["pair"][] {
    const own = this.#provides.has(device);
    const others = this.#provides.has(other);
    const [a, b] = [this.#positionOf(device), this.#positionOf(other)];
    const ways: Reach["pair"][] = [];
    if (own || !others) ways.push([a, b]);
    if (others || !own) ways.push([b, a]);
    return ways;
  }

  #reach(device: Bdf, other: Bdf): Reach {
    const own = this.#provides.has(device);
    const others = this.#provides.has(other);
    const reaches = this.#waysOf(device, other).map((pair) => this.#way(pair));
    const worst = reaches.reduce((one, next) => (BADNESS[next.mapType] > BADNESS[one.mapType] ? next : one));
    const blocked = reaches.find(({ blockedBy }) => blockedBy !== null);
    const isHidden = !own && !others && (this.#mayProvide.has(device) || this.#mayProvide.has(other));
    const works = reaches.some((way) => way.works === false)
      ? false
      : (!isHidden && reaches.every((way) => way.works === true)) || null;
    const memory = own && others ? "both" : own ? "own" : others ? "other" : isHidden ? "hidden" : "none";
    return {
      ...worst,
      works,
      unread: reaches.find(({ unread }) => unread !== null)?.unread ?? null,
      blockedBy: blocked?.blockedBy ?? null,
      memory,
      goesUp: worst.mapType === "bus-addr" && reaches.some((way) => way.goesUp),
    };
  }

  #way(pair: Reach["pair"]): Omit<Reach, "memory"> {
    const [i, j] = pair;
    const { table } = this.#answers;
    const mapType = table.mapType(i, j);
    const { supported } = table.why(i, j);
    const blocking = supported === false ? [] : this.#blocking(i, j);
    const sure = blocking.find(isSureBlock);
    const unread = this.#unread(i, j);
    const isOpen = blocking.length > 0 || unread !== null;
    const works = supported === false || sure !== undefined ? false : isOpen ? null : supported;
    const locality = this.#answers.locality(i, j);
    const hops = table.hops(i, j);
    return { mapType, works, unread, blockedBy: sure ?? null, hops, locality, pair, goesUp: goesUp(table, i, j) };
  }

  #unread(i: number, j: number): string | null {
    const { providers, clients, topology } = this.#answers.table;
    const [provider, client] = [providers[i] as Bdf, clients[j] as Bdf];
    if (!this.#provides.has(provider)) return null;
    return whyUnread(this.#answers.askedBy(i, j), topology.functionOf(provider), topology.functionOf(client));
  }

  /** That a provider has no memory is no news where the path alone is asked for. */
  #blocking(i: number, j: number): readonly Gate[] {
    const isByPath = !this.#provides.has(this.#answers.table.providers[i] as Bdf);
    return this.#answers
      .gates(i, j)
      .filter(({ effect, kind }) => effect === "blocks" && !(isByPath && kind === "registers-only"));
  }

  #positionOf(bdf: Bdf): number {
    const position = this.#positions.get(bdf);
    if (position === undefined) throw new RangeError("a device that was not asked about");
    return position;
  }

  /** Drivers of which nothing was read may share no memory at all: such a pair is no nearer than one that is blocked. */
  #rank(device: Bdf, other: Bdf, { works, unread, mapType, hops, locality, goesUp: isUp }: Reach): Rank {
    const isOpen = works === null && unread === null;
    return [
      works === true ? 0 : isOpen ? 1 : 2,
      mapType === "bus-addr" ? (isUp ? 1 : 0) : 2,
      hops ?? Number.MAX_SAFE_INTEGER,
      PLACES.indexOf(locality.word),
      this.#apart(device, other),
      works === false ? 1 : 0,
    ];
  }

  /** The rank that an open one has if all that is hidden speaks for it. */
  #bestRank(device: Bdf, other: Bdf, { mapType, hops, locality, goesUp: isUp, pair: [i, j] }: Reach): Rank {
    const mayBeDirect = mapType === "unknown" && !NOT_DIRECT.has(this.#answers.table.why(i, j).reason);
    const isDirect = mapType === "bus-addr" || mayBeDirect;
    const place = locality.word === "hidden" ? 0 : PLACES.indexOf(locality.word);
    return [0, isDirect ? (isUp ? 1 : 0) : 2, hops ?? 0, place, this.#apart(device, other), 0];
  }

  /** 0 on one NUMA node, 2 on two, 1 where that is not known. */
  #apart(a: Bdf, b: Bdf): number {
    const { topology } = this.#answers.table;
    const [one, other] = [a, b].map((bdf) => topology.functionOf(bdf).numaNode);
    if (one === undefined || other === undefined || isUnknown(one) || isUnknown(other)) return 1;
    if (one === null || other === null) return 1;
    return one === other ? 0 : 2;
  }
}

interface Ranked {
  readonly reach: Reach;
  readonly rank: Rank;
}

/** Numbers of which the first that differ decide; less is nearer. */
type Rank = readonly number[];

function compare(a: Rank, b: Rank): number {
  for (const [index, value] of a.entries()) {
    const difference = value - (b[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

const BADNESS: Readonly<Record<MapType, number>> = {
  "bus-addr": 0,
  "thru-host-bridge": 1,
  unknown: 2,
  "not-supported": 3,
};

/** The words of a locality, the nearest first. */
const PLACES: readonly (Locality | PairLocality["word"])[] = [
  "PIX",
  "PIX or PXB",
  "PXB",
  "PHB",
  "NODE",
  "NODE or SYS",
  "SYS",
  "hidden",
];
