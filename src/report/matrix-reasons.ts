import { answersOf } from "../answers/answer.ts";
import { isSureBlock } from "../answers/gate.ts";
import type { Bdf } from "../pci/bdf.ts";
import type { PciFunction } from "../pci/function.ts";
import type { DirectionFact, Directions } from "../platforms/directions.ts";
import { whyUnread } from "../platforms/who-asks.ts";
import type { MapType, ReleaseInterval } from "../rules/verdict.ts";
import type { VerdictTable } from "../rules/verdict-table.ts";
import { blockedPairs } from "../summary/blocked-pairs.ts";
import { goesUp } from "../summary/going-up.ts";
import { type UnaskedCounts, type UnaskedWay, unaskedCounts } from "../summary/unasked-pairs.ts";
import { AlikeSentences, kindOfSentence } from "./alike.ts";
import { nameIn, portsText, roleOf } from "./device-names.ts";
import { claimText, conditionText, gateLabel, MAP_TYPE_PAINTS, MAP_TYPE_WORDS, reasonText } from "./reasons.ts";
import { type Painted, painted, type Rich, rich, type Span } from "./rich.ts";
import { wrap } from "./width.ts";

/** A sentence below a matrix, and the pairs that it is about. */
export interface Remark {
  readonly text: Rich;
  readonly about?: string;
  /** A head over those that follow, or a word about all of them. */
  readonly isAboutAll?: boolean;
  /** What is sure to stop pairs that have a way, or what their vendor does not support: it stands above. */
  readonly stops?: true;
  /** A kernel parameter that does nothing, or not what was meant: it stands before the counts. */
  readonly isMisread?: true;
}

/** Remarks as lines: two columns in, what belongs to one four. */
export function remarkLines(remarks: readonly Remark[], width: number): readonly Rich[] {
  return remarks.flatMap(({ text, about, isAboutAll }): readonly Rich[] => {
    if (isAboutAll === true) return wrap(text, width);
    const room = Math.max(width - 4, 20);
    const lines = [...wrap(text, room), ...(about === undefined ? [] : wrap([painted("faint", about)], room))];
    return lines.map((line, index) => [index === 0 ? "  " : "    ", ...line]);
  });
}

/** Pairs that share one explanation, but for the functions that it names. */
interface ReasonGroup {
  readonly mapType: MapType;
  readonly releases: ReleaseInterval | undefined;
  readonly sentence: string;
  /** What is hidden on any of the paths, by kind; of many kinds the first ones. */
  readonly hidden: ReadonlyMap<number, AlikeSentences>;
  readonly hiddenKinds: number;
  /** Functions that redirect on any of the paths. */
  readonly redirecting: Set<Bdf>;
  readonly pairs: { provider: Bdf; client: Bdf }[];
  count: number;
  /** Those whose two devices are of different NUMA nodes. */
  crossing: number;
  /** Pairs of which the source does not show whether they cross NUMA nodes. */
  mayCross: number;
}

/** Pairs that an explanation names. */
export const EXAMPLES = 3;
/** Explaining a pair walks its path; a table of a thousand devices is explained by its first pairs only. */
export const EXPLAINED = 20_000;
/** Explanations of one map type, or facts of one kind, that are told; how many more there are is said. */
export const TOLD_KINDS = 12;
/** Kinds of hidden things that one explanation lists. */
const HIDDEN_KINDS = 6;

const order: readonly MapType[] = ["not-supported", "unknown", "thru-host-bridge"];

/** Explanations that stand above the table of pairs. */
const FIRST_KINDS = 5;

/** Why pairs are what they are: what is told first, and the explanations for which there is room further down only. */
export interface ReasonRemarks {
  readonly first: readonly Remark[];
  readonly rest: readonly Remark[];
}

/**
 * How many pairs are what, and why those that are not direct are not, the worst first: one sentence for all that share it
 * but for the functions it names, and no more than {@link TOLD_KINDS} of a map type, so that the screen stays readable on
 * any machine.
 */
export function reasonRemarks(table: VerdictTable): ReasonRemarks {
  const { groups, counts, isPartial } = groupPairs(table);
  const told: Remark[] = [];
  for (const mapType of order) {
    const alike = groups.filter((group) => group.mapType === mapType).sort((a, b) => b.count - a.count);
    const wordsOf = (releases?: ReleaseInterval): Span =>
      painted(MAP_TYPE_PAINTS[mapType], claimText(mapType, releases));
    for (const group of alike.slice(0, TOLD_KINDS)) {
      const names = group.pairs.map(
        ({ provider, client }) => `${nameIn(table.topology, provider)} → ${nameIn(table.topology, client)}`,
      );
      const more = group.count > names.length ? ` and ${group.count - names.length} more` : "";
      const crossing = group.crossing === 0 ? "" : ` (${crossingText(group)})`;
      const why = `${redirectText(table, group.redirecting)}${group.sentence}${hiddenText(group)}${crossing}`;
      told.push({
        text: rich`${String(group.count)} ${wordsOf(group.releases)}: ${why}`,
        about: `${names.join(", ")}${more}`,
      });
    }
    const untold = alike.slice(TOLD_KINDS);
    const pairs = untold.reduce((sum, { count }) => sum + count, 0);
    if (pairs > 0) told.push({ text: rich`${wordsOf()}: ${moreKinds(untold.length, "reason", pairs)}` });
  }
  const first: Remark[] = [{ text: [painted("strong", summary(table, counts))], isAboutAll: true }];
  const rest = told.slice(FIRST_KINDS);
  first.push(...told.slice(0, FIRST_KINDS));
  if (rest.length > 0) {
    first.push({ text: [painted("faint", `${rest.length} more ${rest.length === 1 ? "reason" : "reasons"} below`)] });
  }
  if (isPartial) {
    const words = `only the first ${EXPLAINED} pairs are explained; name fewer devices to see the others`;
    first.push({ text: [painted("faint", words)], isAboutAll: true });
  }
  return { first, rest };
}

/** How many pairs of a group are of two NUMA nodes. */
function crossingText({ count, crossing, mayCross }: ReasonGroup): string {
  if (crossing === count) return count === 1 ? "between NUMA nodes" : "all between NUMA nodes";
  return `${crossing} of them between NUMA nodes${mayCross === 0 ? "" : `, and ${mayCross} may be`}`;
}

/** How many of the pairs that work by the kernel are blocked, and how many may be. */
interface BlockedCounts {
  /** Those through the host bridge among the blocked ones. */
  readonly throughHostBridge: number;
  /** Those through the host bridge that nothing blocks: `null` of too many pairs. */
  readonly works: WorkingCounts | null;
  readonly sure: number;
  readonly perhaps: number;
}

interface WorkingCounts {
  /** Whose hardware is documented to do it, and of whose drivers something was read. */
  readonly known: number;
  /** Of which nothing is documented of the hardware, and of which nothing was read of the drivers. */
  readonly undocumented: number;
  readonly unread: number;
  /** Which the vendor of the drivers does not support. */
  readonly unsupported: number;
}

/** How many direct pairs are so by the verdict alone; `null` of too many pairs. */
function goingUpCount(table: VerdictTable): number | null {
  let [up, looked] = [0, 0];
  for (const i of table.providers.keys()) {
    for (const j of table.clients.keys()) {
      if (table.mapType(i, j) !== "bus-addr") continue;
      if (++looked > EXPLAINED) return null;
      if (goesUp(table, i, j)) up++;
    }
  }
  return up;
}

function blockedCounts(table: VerdictTable): BlockedCounts {
  const { sure, perhaps } = blockedPairs(table);
  const columns = table.clients.length;
  const isThrough = (pair: number): boolean =>
    table.mapType(Math.floor(pair / columns), pair % columns) === "thru-host-bridge";
  return {
    sure: sure.size,
    perhaps: perhaps.size,
    throughHostBridge: [...sure, ...perhaps].filter(isThrough).length,
    works: workingPairs(table, (pair) => sure.has(pair) || perhaps.has(pair)),
  };
}

/** Pairs through the host bridge that nothing blocks, by what is known of them. */
function workingPairs(table: VerdictTable, isBlocked: (pair: number) => boolean): WorkingCounts | null {
  const answers = answersOf(table);
  let [known, undocumented, unread, unsupported, looked] = [0, 0, 0, 0, 0];
  for (const [i, provider] of table.providers.entries()) {
    for (const [j, client] of table.clients.entries()) {
      if (provider === client || table.mapType(i, j) !== "thru-host-bridge") continue;
      if (++looked > EXPLAINED) return null;
      if (isBlocked(i * table.clients.length + j)) continue;
      const { write, read } = answers.hardware(i, j);
      const ends = [provider, client].map((bdf) => table.topology.functionOf(bdf)) as [PciFunction, PciFunction];
      if (!isDocumented(write) || !isDocumented(read)) undocumented++;
      else if (whyUnread(answers.askedBy(i, j), ...ends) !== null) unread++;
      else if (answers.gates(i, j).some(({ isUnsupported }) => isUnsupported === true)) unsupported++;
      else known++;
    }
  }
  return { known, undocumented, unread, unsupported };
}

function isDocumented({ outcome }: DirectionFact): boolean {
  return outcome === "works" || outcome === "limited";
}

function summary(table: VerdictTable, counts: Readonly<Record<MapType, number>>): string {
  const blocked = blockedCounts(table);
  const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
  if (total === 0) return "one device: no pair to decide";
  const more: Readonly<Record<MapType, () => string>> = {
    "bus-addr": () => upText(counts["bus-addr"], goingUpCount(table)),
    "thru-host-bridge": () => worksText(counts["thru-host-bridge"], blocked),
    "not-supported": () => unaskedText(counts["not-supported"], unaskedCounts(table, EXPLAINED)),
    unknown: () => "",
  };
  const types = ["bus-addr", "thru-host-bridge", "not-supported", "unknown"] as const;
  const parts = types
    .filter((mapType) => mapType === "bus-addr" || counts[mapType] > 0)
    .map((mapType) => {
      return `${counts[mapType]} ${MAP_TYPE_WORDS[mapType]}${more[mapType]()}`;
    });
  return `of ${total} ${total === 1 ? "pair" : "pairs"}: ${parts.join(", ")}${blockedText(blocked)}`;
}

/** That a way through the host bridge is a way, for those that nothing blocks and whose hardware is known to do it. */
function worksText(count: number, { throughHostBridge, works }: BlockedCounts): string {
  if (works === null) return "";
  const { known, undocumented, unread, unsupported } = works;
  if (unsupported === count) return ` (${UNSUPPORTED})`;
  if (known === 0 && unsupported === 0 && throughHostBridge < count)
    return ` (the kernel allows ${count === 1 ? "this" : "these"})`;
  if (known === 0 && unsupported === 0) return "";
  if (known === count) return ` (${count === 1 ? "this works" : "these work"}, slower)`;
  const open = [
    ...(undocumented > 0 ? [`of ${undocumented} the hardware is not documented`] : []),
    ...(unread > 0 ? [`of ${unread} nothing was read of the drivers`] : []),
    ...(unsupported > 0 ? [`${unsupported} ${UNSUPPORTED}`] : []),
  ];
  const working = known === 0 ? [] : [`${known} of them ${known === 1 ? "works" : "work"}, slower`];
  return ` (${[...working, ...open].join("; ")})`;
}

/** Of pairs of which a gate says that the vendor of their drivers does not support it so. */
const UNSUPPORTED = "not supported by the vendor of the drivers, below";

/** What becomes of one or more pairs whose drivers do not ask the kernel. */
export const UNASKED_WORDS: Readonly<Record<UnaskedWay, readonly [one: string, more: string]>> = {
  "bus-addr": ["goes directly all the same", "go directly all the same"],
  "thru-host-bridge": ["goes through the host bridge all the same", "go through the host bridge all the same"],
  fails: ["does not arrive", "do not arrive"],
  unknown: ["may go all the same, which is not documented", "may go all the same, which is not documented"],
};

/** That drivers which do not ask the kernel go all the same, and where. */
function unaskedText(count: number, ways: UnaskedCounts | null): string {
  const said = Object.entries(ways ?? {}).filter(([, pairs]) => pairs > 0) as [UnaskedWay, number][];
  const unasked = said.reduce((sum, [, pairs]) => sum + pairs, 0);
  if (unasked === 0) return "";
  const some = unasked < count ? `${unasked} of them ` : "";
  const they = (way: UnaskedWay): string =>
    unasked === 1 ? `it ${UNASKED_WORDS[way][0]}` : `they ${UNASKED_WORDS[way][1]}`;
  const [[only] = ["unknown" as const], ...others] = said;
  const what =
    others.length === 0
      ? they(only)
      : said.map(([way, pairs]) => `${pairs} ${UNASKED_WORDS[way][pairs === 1 ? 0 : 1]}`).join(", ");
  return ` (${some}by drivers that do not ask the kernel: ${what})`;
}

/** That requests of direct pairs do not go directly. */
function upText(count: number, up: number | null): string {
  if (up === null || up === 0) return "";
  const some = up < count ? `${up} of them ` : "";
  return ` (${some}by the verdict alone: the requests go up to the root complex)`;
}

/** That the kernel's yes is not all. */
function blockedText({ sure, perhaps }: BlockedCounts): string {
  const said = [
    ...(sure === 0 ? [] : [`${sure} of these ${sure === 1 ? "is" : "are"} blocked all the same`]),
    ...(perhaps === 0 ? [] : [`${perhaps}${sure === 0 ? " of these" : ""} may be${sure === 0 ? " blocked" : ""}`]),
  ];
  return said.length === 0 ? "" : `; ${said.join(", and ")} (below)`;
}

function groupPairs(table: VerdictTable): {
  groups: ReasonGroup[];
  counts: Record<MapType, number>;
  isPartial: boolean;
} {
  const counts: Record<MapType, number> = { "bus-addr": 0, "thru-host-bridge": 0, "not-supported": 0, unknown: 0 };
  const groups = new Map<string, ReasonGroup>();
  const kinds = new Numbering();
  const answers = answersOf(table);
  let explained = 0;
  table.providers.forEach((provider, i) => {
    table.clients.forEach((client, j) => {
      if (provider === client) return;
      const mapType = table.mapType(i, j);
      counts[mapType]++;
      if (mapType === "bus-addr" || ++explained > EXPLAINED) return;
      const why = table.why(i, j);
      const { reason, hidden, acsRedirect, releases } = why;
      const sentence = [reasonText(why, table), conditionText(why)].filter((text) => text !== null).join("; ");
      // The sentence of a kernel that is too old is all that is hidden.
      const sentences = reason === "kernel-too-old" ? [] : hidden;
      const told = sentences.map((text) => ({ text, number: kinds.numberOf(kindOfSentence(text)) }));
      const numbers = [...new Set(told.map(({ number }) => number))].sort((a, b) => a - b);
      const key = `${mapType} ${acsRedirect.length > 0} ${numbers.join()} ${releases?.from} ${releases?.to} ${sentence}`;
      let group = groups.get(key);
      if (group === undefined) {
        const shown = told.filter(({ number }) => numbers.indexOf(number) < HIDDEN_KINDS);
        group = {
          mapType,
          releases,
          sentence,
          hidden: new Map(shown.map(({ number, text }) => [number, new AlikeSentences(text)])),
          hiddenKinds: numbers.length,
          redirecting: new Set(),
          pairs: [],
          count: 0,
          crossing: 0,
          mayCross: 0,
        };
        groups.set(key, group);
      }
      group.count++;
      const { word } = answers.locality(i, j);
      if (word === "SYS") group.crossing++;
      else if (word === "NODE or SYS" || word === "hidden") group.mayCross++;
      for (const { text, number } of told) group.hidden.get(number)?.add(text);
      for (const bdf of acsRedirect) group.redirecting.add(bdf);
      if (group.pairs.length < EXAMPLES) group.pairs.push({ provider, client });
    });
  });
  return { groups: [...groups.values()], counts, isPartial: explained > EXPLAINED };
}

/** Numbers texts in the order in which they come, so that many of them together have a short name. */
class Numbering {
  readonly #numbers = new Map<string, number>();

  numberOf(text: string): number {
    const number = this.#numbers.get(text) ?? this.#numbers.size;
    this.#numbers.set(text, number);
    return number;
  }
}

function hiddenText({ hidden, hiddenKinds }: ReasonGroup): string {
  if (hidden.size === 0) return "";
  const more = hiddenKinds > hidden.size ? ` and ${hiddenKinds - hidden.size} more` : "";
  return ` (${[...hidden.values()].map(({ text }) => text).join("; ")}${more})`;
}

/** `120 pairs: 64 GPU → NIC, 56 GPU → GPU`, `64 pairs GPU → NIC`. */
function countText(pairs: number, kinds: ReadonlyMap<string, number>): string {
  const count = `${pairs} ${pairs === 1 ? "pair" : "pairs"}`;
  if (kinds.size === 0 || kinds.size > FEW_KINDS) return count;
  const [[only] = [""], ...others] = kinds;
  if (others.length === 0) return `${count} ${only}`;
  return `${count}: ${[...kinds]
    .sort((a, b) => b[1] - a[1])
    .map(([kind, of]) => `${of} ${kind}`)
    .join(", ")}`;
}

/** So many gates that stop pairs stand above a matrix. */
export const STOPS_ABOVE = 3;

/** So many kinds of pairs are named with a gate. */
const FEW_KINDS = 4;

/** What stands for the explanations, or facts, behind the last one that is told. */
export function moreKinds(kinds: number, what: string, pairs: number): string {
  const kindsText = `${kinds} more ${kinds === 1 ? what : `${what}s`}`;
  return `and ${kindsText} for ${pairs} ${pairs === 1 ? "pair" : "pairs"}; --json lists them`;
}

function redirectText(table: VerdictTable, redirecting: ReadonlySet<Bdf>): string {
  return redirecting.size === 0 ? "" : `ACS redirects at ${portsText(table.topology, redirecting)}; `;
}

/**
 * Where the kernel says yes and the hardware is documented to fail or to be limited, in one direction or both: each fact
 * once, with how many pairs it is about.
 */
export function hardwareRemarks(table: VerdictTable): readonly Remark[] {
  const answers = answersOf(table);
  const pairsByText = new Map<string, number>();
  let looked = 0;
  table.providers.forEach((provider, i) => {
    table.clients.forEach((client, j) => {
      const mapType = table.mapType(i, j);
      if (provider === client || mapType === "not-supported" || ++looked > EXPLAINED) return;
      for (const text of documentedTrouble(answers.hardware(i, j))) {
        pairsByText.set(text, (pairsByText.get(text) ?? 0) + 1);
      }
    });
  });
  return [...pairsByText].map(([text, count]) => ({
    text: rich`${painted("warn", "hardware:")} ${text} (${String(count)} ${count === 1 ? "pair" : "pairs"})`,
  }));
}

function documentedTrouble({ write, read }: Directions): readonly string[] {
  const text = (what: string, { outcome, why }: DirectionFact): string[] => {
    if (outcome !== "fails" && outcome !== "limited") return [];
    return [`peer ${what} are documented ${outcome === "fails" ? "to fail" : "as limited"}: ${why}`];
  };
  const isSame = write.outcome === read.outcome && write.why === read.why;
  return isSame ? text("writes and reads", write) : [...text("writes", write), ...text("reads", read)];
}

/** What stops or spoils transfers beside the verdicts: for each kind its first message, of how many pairs, and how many more there are. */
export function gateRemarks(table: VerdictTable): readonly Remark[] {
  const answers = answersOf(table);
  const byKind = new Map<
    string,
    {
      readonly label: Painted;
      isStop: boolean;
      readonly isMisread: boolean;
      readonly messages: Set<string>;
      readonly kinds: Map<string, number>;
      pairs: number;
    }
  >();
  let looked = 0;
  table.providers.forEach((provider, i) => {
    table.clients.forEach((client, j) => {
      if (provider === client || ++looked > EXPLAINED) return;
      const mapType = table.mapType(i, j);
      const hasWay = mapType !== "not-supported" && mapType !== "unknown";
      for (const gate of answers.gates(i, j)) {
        // What has a way out of its own is another thing.
        const label = gateLabel(gate);
        const key = `${gate.kind} ${label.text} ${gate.remedy ?? ""}`;
        const entry = byKind.get(key) ?? {
          label,
          isStop: false,
          isMisread: gate.kind === "kernel-parameter-misread",
          messages: new Set(),
          kinds: new Map(),
          pairs: 0,
        };
        entry.isStop ||=
          hasWay && (gate.isUnsupported === true || (isSureBlock(gate) && gate.kind !== "registers-only"));
        const kind = [provider, client].map((bdf) => roleOf(table.topology.functionOf(bdf))).join(" → ");
        entry.kinds.set(kind, (entry.kinds.get(kind) ?? 0) + 1);
        entry.messages.add(gate.message);
        entry.pairs++;
        byKind.set(key, entry);
      }
    });
  });
  return [...byKind.values()].map(({ label, isStop, isMisread, messages, kinds, pairs }) => {
    const [first = ""] = messages;
    const more =
      messages.size > 1 ? painted("faint", ` (and ${messages.size - 1} more like this; --json lists them)`) : "";
    const stops = isStop ? ({ stops: true } as const) : {};
    const misread = isMisread ? ({ isMisread: true } as const) : {};
    return {
      ...stops,
      ...misread,
      text: rich`${label} (${countText(pairs, isStop ? kinds : new Map())}): ${first}${more}`,
    };
  });
}
