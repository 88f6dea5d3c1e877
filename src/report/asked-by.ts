import { type Answer, answersOf } from "../answers/answer.ts";
import type { Machine } from "../host/machine.ts";
import { ASK_CLASSES, type AskClass } from "../platforms/asking.ts";
import {
  type AskedBy,
  type AskedWay,
  addressWords,
  givenWords,
  provisosOn,
  provisoWords,
} from "../platforms/who-asks.ts";
import type { VerdictTable } from "../rules/verdict-table.ts";
import type { AskedByJson, AskingWayJson } from "./json-types.ts";
import { EXPLAINED, type Remark } from "./matrix-reasons.ts";
import { joinRich, painted, type Rich, rich } from "./rich.ts";

/** A class in few words. */
export const ASK_CLASS_WORDS: Readonly<Record<AskClass, string>> = {
  "asks-and-obeys": "asks the kernel and obeys",
  "asks-yes-or-no": "asks the kernel for yes or no",
  "does-not-ask": "does not ask the kernel",
  "user-space": "user space decides, and nobody asks the kernel",
  "no-peer-dma": "never peer DMA",
};

/** Who asks the kernel about a pair, as lines of `explain`. */
export function askedTexts(machine: Machine, { askedBy, provider, client }: Answer): readonly Rich[] {
  const { ways, hidden } = askedBy;
  const isSure = askedBy.class !== "unknown";
  return [
    ...(isSure ? [] : [rich`${painted("unknown", "unknown")}: ${hidden ?? ""}`]),
    ...ways.flatMap((way) =>
      isSure ? wayTexts(machine, way, askedBy) : [guessText(machine, way, { provider, client })],
    ),
  ];
}

/** The address stands by itself where all ways agree on it. */
function wayTexts(machine: Machine, { row }: AskedWay, askedBy: AskedBy): readonly Rich[] {
  if (row.aside !== undefined) return [`${row.words} (${row.id}: ${row.aside})`];
  return [
    rich`${painted("strong", ASK_CLASS_WORDS[row.class])}: ${row.title} (${row.id})`,
    `decides: ${row.decides}`,
    `on no: ${row.onNo}`,
    ...(askedBy.class === "differs" ? [`address: ${addressWords(row.address, machine)}`] : []),
    ...provisosOn(machine, row).map((proviso): Rich => {
      const text = provisoWords(proviso);
      return proviso.holds === true ? [painted("warn", text)] : text;
    }),
    `to see it: ${row.seen}`,
  ];
}

function guessText(machine: Machine, way: AskedWay, pair: Pick<Answer, "provider" | "client">): string {
  const given = givenWords(way, pair);
  return `${given === "" ? "" : `${given}: `}${withProvisos(machine, way)}`;
}

/** A way in one sentence, with what is other on this machine. */
function withProvisos(machine: Machine, { row }: AskedWay): string {
  const here = provisosOn(machine, row).filter(({ holds }) => holds === true);
  const aside = row.aside === undefined ? "" : ` (${row.aside})`;
  return [row.words + aside, ...here.map((proviso) => `${capital(provisoWords(proviso))}.`)].join(" ");
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Pairs that one way stands for. */
interface WayGroup {
  readonly way: AskedWay;
  /** Of them, those for which the source does not show the drivers. */
  guessed: number;
  count: number;
}

/** What a class comes to for whoever reads a verdict. */
const BINDS: Readonly<Record<AskClass, string>> = {
  "asks-and-obeys": "the verdict binds",
  "asks-yes-or-no": "the verdict binds as yes or no",
  "does-not-ask": "the kernel is not asked",
  "user-space": "user space decides, and the kernel is not asked",
  "no-peer-dma": "no peer DMA whatever the verdict",
};

/** Ways of sharing memory that a summary names. */
const TOLD_WAYS = 6;

/** Who asks the kernel about some pairs: by what the verdict is worth for them, each way of sharing memory with its pairs. */
class AskedCounts {
  readonly #ways = new Map<string, WayGroup>();
  readonly #hidden = new Map<string, number>();

  add({ ways, hidden }: AskedBy): void {
    if (ways.length === 0 && hidden !== null) this.#hidden.set(hidden, (this.#hidden.get(hidden) ?? 0) + 1);
    for (const way of ways) {
      if (way.row.aside !== undefined) continue;
      const group = this.#ways.get(way.row.id) ?? { way, guessed: 0, count: 0 };
      this.#ways.set(way.row.id, group);
      group.count++;
      if (way.given.length > 0) group.guessed++;
    }
  }

  /** One text: `the verdict binds: … (16 pairs); the kernel is not asked: … (64 pairs); explain says more`. */
  summary(machine: Machine): Rich | null {
    const ways = [...this.#ways.values()].sort((a, b) => b.count - a.count);
    const told = ways.slice(0, TOLD_WAYS);
    const classes = ASK_CLASSES.flatMap((of) => {
      const texts = told.filter(({ way }) => way.row.class === of).map((group) => groupText(machine, group));
      return texts.length === 0 ? [] : [rich`${painted("strong", BINDS[of])}: ${texts.join(", ")}`];
    });
    const more = ways.length > told.length ? [`${ways.length - told.length} more ways`] : [];
    const parts: readonly Rich[] = [...classes, ...more, ...this.#unknownTexts()];
    return parts.length === 0 ? null : rich`${label} ${joinRich(parts, "; ")}`;
  }

  /** Pairs of which nothing is known: the first reason, and how many others there are. */
  #unknownTexts(): readonly string[] {
    const [first] = this.#hidden.keys();
    if (first === undefined) return [];
    const pairs = [...this.#hidden.values()].reduce((sum, count) => sum + count, 0);
    const others = this.#hidden.size - 1;
    const more = others === 0 ? "" : `, and ${others} other ${others === 1 ? "reason" : "reasons"}`;
    return [`unknown: ${first}${more} (${pairsText(pairs)})`];
  }
}

const label = painted("strong", "asks:");

function pairsText(count: number): string {
  return `${count} ${count === 1 ? "pair" : "pairs"}`;
}

/** A way with its pairs, and what is other on this machine. */
function groupText(machine: Machine, { way: { row }, guessed, count }: WayGroup): string {
  const here = provisosOn(machine, row).filter(({ holds }) => holds === true);
  const given =
    guessed === 0 ? "" : guessed === count ? ", with the usual drivers" : `, ${guessed} with the usual drivers`;
  return `${row.title} (${[pairsText(count) + given, ...here.map(provisoWords)].join("; ")})`;
}

/** Who asks the kernel, of a table's pairs. */
export function askedRemarks(table: VerdictTable): readonly Remark[] {
  const answers = answersOf(table);
  const counts = new AskedCounts();
  let looked = 0;
  table.providers.forEach((provider, i) => {
    table.clients.forEach((client, j) => {
      if (provider !== client && ++looked <= EXPLAINED) counts.add(answers.askedBy(i, j));
    });
  });
  const text = counts.summary(table.machine);
  return text === null ? [] : [{ text: rich`${text}; explain says more of a pair` }];
}

/** Who asks, of the pairs that were asked about. */
export function askedSummary(machine: Machine, answers: readonly Answer[]): readonly Rich[] {
  const counts = new AskedCounts();
  for (const { askedBy } of answers) counts.add(askedBy);
  const text = counts.summary(machine);
  return text === null ? [] : [text];
}

/** Who asks, of the pairs that were asked about: one whole sentence for each way, for `simulate`. */
export function askedSentences(machine: Machine, answers: readonly Answer[]): readonly string[] {
  const sentences = answers.flatMap(({ askedBy }) =>
    askedBy.ways
      .filter(({ row }) => row.aside === undefined)
      .map((way) => {
        const given = givenWords(way);
        return `${given === "" ? "" : `${given}: `}${withProvisos(machine, way)}`;
      }),
  );
  return [...new Set(sentences)];
}

/**
 * What a verdict is worth where its drivers do not ask for it, as the end of a sentence; empty where one of them may ask.
 */
export function unaskedWords({ class: askClass, ways }: AskedBy): string {
  const [way] = ways;
  if (way === undefined) return "";
  if (askClass === "does-not-ask")
    return `the drivers do not ask the kernel (${way.row.id}): they use the path all the same`;
  if (askClass === "user-space") return `user space decides (${way.row.id}): nobody asks the kernel`;
  if (askClass === "no-peer-dma") return `the drivers do no peer DMA whatever the kernel says (${way.row.id})`;
  return "";
}

/** A pair's part of JSON. */
export function askedByJson({ class: askClass, ways, hidden }: AskedBy): AskedByJson {
  return { class: askClass, ways: ways.map(({ row, given }) => ({ id: row.id, given })), why: hidden };
}

/** The ways that some answers name, each once, as they are on a machine. */
export function askingWaysJson(
  machine: Machine,
  answers: Iterable<{ readonly askedBy: AskedBy }>,
): readonly AskingWayJson[] {
  const rows = new Map<string, AskedWay["row"]>();
  for (const { askedBy } of answers) for (const { row } of askedBy.ways) rows.set(row.id, row);
  return [...rows.values()].map((row) => ({
    id: row.id,
    title: row.title,
    class: row.class,
    words: row.words,
    decides: row.decides,
    onNo: row.onNo,
    address: addressWords(row.address, machine),
    seen: row.seen,
    aside: row.aside ?? null,
    provisos: provisosOn(machine, row).map((proviso) => ({
      holds: proviso.holds === true ? true : { unknown: proviso.holds.unknown },
      leaves: proviso.leaves,
      words: provisoWords(proviso),
    })),
    sources: row.sources.map(({ where }) => where),
  }));
}
