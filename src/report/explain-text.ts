import { type Answer, answersOf, isKeptInHost } from "../answers/answer.ts";
import { type Gate, isSureBlock } from "../answers/gate.ts";
import type { Locality } from "../answers/locality.ts";
import { isTranslating } from "../host/machine.ts";
import { linkGbps } from "../link/rate.ts";
import { formatAddress } from "../pci/addresses.ts";
import type { Bar } from "../pci/bar.ts";
import { type Bdf, formatBdf, formatBus } from "../pci/bdf.ts";
import { entryAt } from "../pci/entry-at.ts";
import type { PciFunction } from "../pci/function.ts";
import { memoryBars } from "../pci/function.ts";
import { isUnknown } from "../pci/known.ts";
import { memoryOf } from "../pci/peer-roles.ts";
import { formatSize } from "../pci/size.ts";
import type { Topology } from "../pci/topology.ts";
import type { Printable } from "../pci/visible.ts";
import type { AddressRule } from "../platforms/asking.ts";
import type { DirectionFact } from "../platforms/directions.ts";
import { addressKind, addressRuleOf, addressWords } from "../platforms/who-asks.ts";
import type { PeerRoutes, PeerRouting } from "../routes/peer-routes.ts";
import { bootWorlds } from "../rules/boot-acs.ts";
import type { Verdict } from "../rules/verdict.ts";
import type { VerdictTable } from "../rules/verdict-table.ts";
import { isGoingUp, wouldGoUp } from "../summary/going-up.ts";
import { linksOfPair } from "../summary/links.ts";
import { unaskedWay } from "../summary/unasked-pairs.ts";
import { askedTexts } from "./asked-by.ts";
import { type ColumnRow, drawColumns } from "./columns.ts";
import { displayName, roleOf } from "./device-names.ts";
import { type Block, code } from "./document.ts";
import { acsText, machineLines, wayToKnow } from "./facts.ts";
import { linkSentence, linkState, linkText } from "./link-text.ts";
import { UNASKED_WORDS } from "./matrix-reasons.ts";
import { carriesTexts } from "./predict/carries.ts";
import { screenText } from "./printable.ts";
import {
  intervalText,
  MAP_TYPE_PAINTS,
  MAP_TYPE_WORDS,
  OUTCOME_PAINTS,
  olderText,
  TOLD_WORDS,
  verdictSentences,
} from "./reasons.ts";
import { joinRich, type Painted, painted, plainText, type Rich, rich } from "./rich.ts";
import { routeTexts } from "./route-text.ts";
import type { Paint, ScreenOptions } from "./style.ts";
import { PAGE_COLUMNS, textWidth, wrap } from "./width.ts";

/**
 * A pair explained both ways: `table` holds the two devices as providers and as clients. With `routes`, also where the
 * fabric leads the requests.
 */
export function explainText(
  table: VerdictTable,
  a: Bdf,
  b: Bdf,
  options: ScreenOptions,
  routes?: PeerRoutes,
): Printable {
  return screenText(explainLines(table, a, b, options.width, routes), options);
}

/** A pair explained, for Markdown. */
export function explainBlocks(table: VerdictTable, a: Bdf, b: Bdf, routes?: PeerRoutes): readonly Block[] {
  return [code("", explainLines(table, a, b, PAGE_COLUMNS, routes).map(plainText))];
}

/** The lines of {@link explainText}: what is the same both ways once, and what is not with whose memory it is about. */
export function explainLines(table: VerdictTable, a: Bdf, b: Bdf, width: number, routes?: PeerRoutes): readonly Rich[] {
  const lines: Rich[] = machineLines(table.machine, table.rules, width).map((line) => [painted("strong", line)]);
  const parts = explainParts(table, a, b, routes);
  lines.push("", ...parts.head.flatMap((text) => wrap(text, width)), ...pathLines(parts.path, width));
  for (const { label, texts } of parts.facts)
    lines.push(...texts.flatMap((text, index) => labelledLines(index === 0 ? label : "", text, width)));
  if (parts.way !== null) lines.push("", ...wrap(parts.way, width));
  return lines;
}

/** What is said of a pair, for whoever draws it: {@link explainLines} are the lines of a screen. */
export interface ExplainParts {
  /** What becomes of it: a sentence for each way, or one for both. */
  readonly head: readonly Rich[];
  /** The way from `a` to `b`. */
  readonly path: PairWay;
  readonly facts: readonly { readonly label: Label; readonly texts: readonly Rich[] }[];
  /** How to learn what is unknown; `null` where nothing is. */
  readonly way: string | null;
}

/** A pair taken apart, both ways; as {@link explainText}. */
export function explainParts(table: VerdictTable, a: Bdf, b: Bdf, routes?: PeerRoutes): ExplainParts {
  const answers = answersOf(table);
  const ways = (a === b ? [[a, b] as const] : [[a, b] as const, [b, a] as const]).map(([provider, client]) => {
    const [i, j] = [table.providers.indexOf(provider), table.clients.indexOf(client)];
    const routing = routes === undefined || provider === client ? null : routes.at(i, j);
    return directionOf(table, answers.at(i, j), routing);
  });
  const there = entryAt(ways, 0);
  const back = ways[1] ?? there;
  return {
    head: headTexts(table, there, back),
    path: wayOf(table, [there.answer, back.answer]),
    facts: LABELS.map((label) => ({ label, texts: joinWays(there, back, label) })).filter(
      ({ texts }) => texts.length > 0,
    ),
    way: ways.some(({ answer }) => answer.mapType === "unknown") ? wayToKnow(table.machine) : null,
  };
}

/** What is said of a pair, in this order. */
const LABELS = [
  "why",
  "older",
  "hint",
  "memory",
  "blocked",
  "mind",
  "locality",
  "slowest",
  "carries",
  "address",
  "route",
  "hardware",
  "asks",
] as const;
type Label = (typeof LABELS)[number];

/** One direction, and what is said of it. */
interface Direction {
  readonly answer: Answer;
  /** Whose memory it is about. */
  readonly into: string;
  readonly decision: Painted;
  readonly texts: Readonly<Record<Label, readonly Rich[]>>;
}

function directionOf(table: VerdictTable, answer: Answer, routing: PeerRouting | null): Direction {
  const provider = table.topology.functionOf(answer.provider);
  const { hint } = answer;
  const older = olderText(answer);
  const gates = (effect: Gate["effect"]): readonly Rich[] =>
    answer.gates
      .filter((gate) => gate.effect === effect && gate.kind !== "registers-only")
      .map((gate) =>
        gate.effect === "warns"
          ? gate.message
          : gate.doubt === undefined
            ? [painted("no", gate.message)]
            : rich`${painted("unknown", "perhaps")}: ${gate.message} (${gate.doubt})`,
      );
  const isUp = hint?.mapType === "bus-addr" && wouldGoUp(table.machine, answer.askedBy);
  const wouldBe = hint === null ? "" : TOLD_WORDS[isUp ? "goes-up" : hint.mapType];
  const mixes = "where firmware had left redirection off: this kernel puts back what firmware left";
  return {
    answer,
    into: displayName(provider),
    decision: decisionOf(table, answer, routing),
    texts: {
      why: verdictSentences(answer, table),
      older: older === null ? [] : [older],
      hint:
        hint === null
          ? []
          : [
              rich`the kernel itself proposes ${painted("strong", hint.value)}: the path would be ${wouldBe}${mixesAcs(table.machine) ? `, ${mixes}` : ""}`,
            ],
      memory: memoryTexts(answer, provider),
      blocked: gates("blocks"),
      mind: gates("warns"),
      locality: [localityText(table, answer)],
      slowest: slowestTexts(table, answer),
      carries: isRegistersOnly(answer) ? [] : carriesTexts(table, answer),
      address: isKeptInHost(answer) ? [] : addressTexts(table, answer, provider),
      route: isKeptInHost(answer) ? [] : routingTexts(table, routing),
      hardware: hardwareTexts(answer),
      asks: answer.provider === answer.client ? [] : askedTexts(table.machine, answer),
    },
  };
}

/** What comes of a pair, in the headline. */
function decisionOf(table: VerdictTable, answer: Answer, routing: PeerRouting | null): Painted {
  const words = verdictWords(answer);
  const { mapType, gates } = answer;
  if (isBlocked({ answer })) return painted("no", `blocked, whatever the kernel says (${words})`);
  if (mapType === "not-supported") {
    const [i, j] = [table.providers.indexOf(answer.provider), table.clients.indexOf(answer.client)];
    const way = unaskedWay(table, i, j);
    if (way === null) return painted("no", words);
    const paint = way === "unknown" ? "unknown" : MAP_TYPE_PAINTS[way === "fails" ? "not-supported" : way];
    return painted(paint, `${words}, by the kernel, which the drivers do not ask: they ${UNASKED_WORDS[way][1]}`);
  }
  if (isPerhapsBlocked({ answer })) return painted("unknown", `${words}; perhaps blocked (below)`);
  if (gates.some(({ isUnsupported }) => isUnsupported === true)) {
    return painted("warn", `${words}; not supported by the vendor of the drivers (below)`);
  }
  return isGoingUp(routing) && mapType === "bus-addr"
    ? painted("warn", `${words}, by the verdict alone: the requests go up to the root complex`)
    : painted(MAP_TYPE_PAINTS[mapType], words);
}

/** What the provider has for peers. */
function memoryTexts({ gates, provider, client }: Answer, fn: PciFunction): readonly Rich[] {
  if (provider === client) return [];
  const none = gates.filter(({ kind }) => kind === "registers-only");
  if (none.length > 0) {
    return none.map(({ message, doubt }) => [painted(doubt === undefined ? "no" : "unknown", message)]);
  }
  const { pool, largestBar } = memoryOf(fn);
  const name = displayName(fn);
  if (pool !== null && !isUnknown(pool)) return [`${name} has ${formatSize(pool)} of peer memory`];
  return largestBar === null || isUnknown(largestBar) ? [] : [`${name} has a BAR of ${formatSize(largestBar)}`];
}

function isBlocked({ answer }: Pick<Direction, "answer">): boolean {
  return answer.gates.some(isSureBlock);
}

/** True where the kernel allows it and a gate in doubt may stop it. */
function isPerhapsBlocked({ answer }: Pick<Direction, "answer">): boolean {
  return !isBlocked({ answer }) && answer.gates.some(({ effect }) => effect === "blocks");
}

/** True where the provider has nothing for peers, as far as the source shows. */
function hasNothing({ answer }: Direction): boolean {
  return isRegistersOnly(answer);
}

function isRegistersOnly({ gates }: Answer): boolean {
  return gates.some(({ kind }) => kind === "registers-only");
}

function headTexts(table: VerdictTable, one: Direction, other: Direction): readonly Rich[] {
  // Who has nothing for peers is reached by nobody: what it does with the other's memory is what one wants to know.
  const there = hasNothing(one) && !hasNothing(other) ? other : one;
  const back = hasNothing(other) && !hasNothing(one) ? one : other;
  const name = (bdf: Bdf): Painted => painted("strong", displayName(table.topology.functionOf(bdf)));
  const isSame = there.decision.text === back.decision.text;
  if (there !== back && isSame) {
    const { provider, client } = there.answer;
    return [
      rich`${name(provider)} and ${name(client)} ${isBlocked(there) ? "do not reach" : "reach"} each other's memory: ${there.decision}`,
    ];
  }
  return (there === back ? [there] : [there, back]).map(
    ({ answer, decision }) =>
      rich`${name(answer.client)} ${isBlocked({ answer }) ? "does not reach" : "reaches"} memory of ${name(answer.provider)}: ${decision}`,
  );
}

/** What both directions have alike, once; then the rest of each, with whose memory it is about. */
function joinWays(there: Direction, back: Direction, label: Label): readonly Rich[] {
  if (there === back) return there.texts[label];
  const [keys, others] = [there, back].map(({ texts }) => new Set(texts[label].map(keyOf)));
  const shared = there.texts[label].filter((text) => others?.has(keyOf(text)) === true);
  const rest = ({ into, texts }: Direction, told: ReadonlySet<string> | undefined): readonly Rich[] =>
    texts[label]
      .filter((text) => told?.has(keyOf(text)) !== true)
      .map((text, index) => (index === 0 ? rich`${painted("warn", `into ${into}:`)} ${text}` : rich`– ${text}`));
  return [...shared, ...rest(there, others), ...rest(back, keys)];
}

/** The same for texts that list addresses in another order, as they stand on the way there and back. */
function keyOf(text: Rich): string {
  return plainText(text).replaceAll(ADDRESS_LISTS, (list) => (list.match(ADDRESSES) ?? []).sort().join(", "));
}

const ADDRESSES = /[\da-f]{4,8}:[\da-f]{2}:[\da-f]{2}\.[0-7]/g;
const ADDRESS_LISTS = new RegExp(`${ADDRESSES.source}(?:(?:, |;| and )${ADDRESSES.source})+`, "g");

function labelledLines(label: string, text: Rich, width: number): readonly Rich[] {
  return wrap(text, Math.max(width - 12, 20)).map((line, index) =>
    index === 0 ? rich`  ${painted("faint", label.padEnd(10))}${line}` : rich`${" ".repeat(12)}${line}`,
  );
}

/** The slowest link on the way, by both of its ends, and others that are not all that they can be. */
function slowestTexts({ topology }: VerdictTable, answer: Answer): readonly Rich[] {
  const { links, hidden } = linksOfPair(topology, answer);
  const [slowest] = links.toSorted((a, b) => linkGbps(a.status) - linkGbps(b.status));
  if (slowest === undefined) return [];
  const hiddenTexts =
    hidden.length === 0
      ? []
      : [
          `${hidden.length} more ${hidden.length === 1 ? "link is" : "links are"} on the way, not known how fast: ${[...new Set(hidden)].join("; ")}`,
        ];
  const alike = links.filter(({ status }) => linkState(status) === linkState(slowest.status));
  const less = links.filter(({ is }) => is !== "full" && is !== "open");
  if (alike.length === links.length && less.length === 0) {
    return [
      links.length === 1
        ? linkSentence(topology, slowest)
        : `every link on the way${hidden.length === 0 ? "" : " whose state is known"} is ${linkState(slowest.status)}`,
      ...hiddenTexts,
    ];
  }
  const first = alike.find((link) => less.includes(link)) ?? slowest;
  const others =
    alike.length === 1
      ? ""
      : `, and so ${alike.length === 2 ? "is 1 more link" : `are ${alike.length - 1} more links`}`;
  return [
    rich`${linkSentence(topology, first)}${others}`,
    ...less.filter((link) => link !== first).map((link) => linkSentence(topology, link)),
    ...hiddenTexts,
  ];
}

/** Whether the kernel may be one on which `disable_acs_redir` puts back the redirect bits of firmware (6.11 to 6.14.1). */
function mixesAcs(machine: VerdictTable["machine"]): boolean {
  return bootWorlds(machine).worlds.some(({ variant }) => variant.acsAtBoot === "mixes");
}

function routingTexts(table: VerdictTable, routing: PeerRouting | null): readonly Rich[] {
  return routing === null ? [] : routeTexts(routing, (bdf) => displayName(table.topology.functionOf(bdf)));
}

/** What is documented of the hardware, per direction; nothing for a function with itself. */
export function hardwareTexts({ hardware: { write, read }, provider, client }: Answer): readonly Rich[] {
  if (provider === client) return [];
  const text = (what: string, { outcome, why }: DirectionFact): Rich =>
    rich`${what}: ${painted(OUTCOME_PAINTS[outcome], outcome)}${outcome === "unknown" ? ":" : "."} ${why}`;
  if (write.outcome === read.outcome && write.why === read.why) return [text("writes and reads", write)];
  return [text("writes", write), text("reads", read)];
}

function verdictWords({ mapType, distance, hops, releases, supported }: Verdict): string {
  const since = releases === undefined ? "" : ` ${intervalText(releases)}`;
  const words = `${MAP_TYPE_WORDS[mapType]} (${mapType})${since}`;
  if (mapType === "unknown") {
    const both = supported === true ? ", supported either way" : "";
    return hops === null ? `${words}${both}` : `${words}${both}, ${hops} hops${both === "" ? " either way" : ""}`;
  }
  return mapType === "not-supported"
    ? `${words}, distance -1 (${hops} ${hops === 1 ? "hop" : "hops"})`
    : `${words}, ${distance === null ? `${hops} hops` : `distance ${distance}`}`;
}

const LOCALITIES: Readonly<Record<Locality, string>> = {
  PIX: "one switch or bridge between them at most",
  PXB: "several switches or bridges between them, no host bridge",
  PHB: "through one host bridge",
  NODE: "through two host bridges of one NUMA node",
  SYS: "across NUMA nodes",
};

function localityText({ topology }: VerdictTable, { locality: { is }, provider, client }: Answer): string {
  if (is === null) return "X: itself";
  if (isUnknown(is)) return is.unknown;
  if (is !== "SYS") return `${is}: ${LOCALITIES[is]}`;
  const nodes = [provider, client].map((bdf) => topology.functionOf(bdf).numaNode);
  const shown = nodes.flatMap((node) => (isUnknown(node) || node === null ? [] : [node])).sort((a, b) => a - b);
  const which = shown.length === 2 ? ` ${shown.join(" and ")}` : "";
  return `SYS: across NUMA nodes${which}, so over the link between sockets, or between parts of one`;
}

/** A function on the way of a pair. */
export interface WayHop {
  readonly fn: PciFunction;
  readonly link: { readonly text: string; readonly paint: Paint | null };
  /** Its ACS, of functions that have some or hide it, and where the two meet. */
  readonly acs: string;
  readonly redirects: boolean;
  /** The two devices meet here, below no host bridge. */
  readonly meets: boolean;
}

/** The functions between a pair, the provider of the first direction first. */
export interface PairWay {
  readonly hops: readonly WayHop[];
  /** The hop up to which the way goes up: there the two meet, or it is the first one behind the host bridge. */
  readonly turn: number;
  /** The host bridge, or two, that the way goes over in front of the hop `turn`; `null` where the two meet below. */
  readonly across: string | null;
}

/** The path as hops; what redirects is marked of both directions. */
function wayOf(table: VerdictTable, ways: readonly [Answer, Answer]): PairWay {
  const [verdict] = ways;
  const { path, meeting } = verdict;
  const { topology } = table;
  const redirecting = new Set(ways.flatMap(({ acsRedirect }) => acsRedirect));
  const hops = path.map((bdf): WayHop => {
    const fn = topology.functionOf(bdf);
    return {
      fn,
      link: linkText(topology, topology.indexOf(bdf)),
      acs: isUnknown(fn.acs) || fn.acs !== null || bdf === meeting ? acsText(fn).replace(" (redirects)", "") : "",
      redirects: redirecting.has(bdf),
      meets: bdf === meeting && path.length > 1,
    };
  });
  return {
    hops,
    turn: meeting === null ? providerArmLength(table, verdict) : path.indexOf(meeting),
    across: meeting === null ? hostBridgesText(topology, verdict) : null,
  };
}

function pathLines({ hops, turn, across: between }: PairWay, width: number): readonly Rich[] {
  const [rows, narrow]: [ColumnRow[], ColumnRow[]] = [[], []];
  hops.forEach(({ fn, link, acs, redirects, meets }, position) => {
    if (between !== null && position === turn) {
      const across = rich`${painted("faint", "⇅")} ${between}`;
      for (const list of [rows, narrow]) list.push({ across });
    }
    const arrow = between === null && position === turn ? "↷" : position < turn ? "↑" : "↓";
    const cells = [
      rich`${painted("faint", arrow)} ${formatBdf(fn.bdf)}${fn.names.length > 0 ? ` ${displayName(fn)}` : ""}`,
      roleOf(fn),
      link.paint === null ? link.text : [painted(link.paint, link.text)],
      joinRich(
        [redirects ? painted("no", "← redirects") : "", meets ? painted("faint", "← the two meet here") : ""].filter(
          (text) => text !== "",
        ),
        "  ",
      ),
    ];
    rows.push({ cells: [...cells, acs] });
    narrow.push({ cells }, ...(acs === "" ? [] : [{ across: `    ${acs}` }]));
  });
  const [wide, split] = [rows, narrow].map((some) => drawColumns(["", "", "", "", ""], some, Number.POSITIVE_INFINITY));
  // Nothing of a hop is left out on a narrow screen: it takes more lines there.
  const isWide = wide?.lines.every((line) => textWidth(line) + 2 <= width);
  return ((isWide ? wide : split)?.lines ?? []).flatMap((line) =>
    textWidth(line) + 2 <= width
      ? [rich`  ${line}`]
      : wrap(line, width - 6).map((part, at) => rich`${at === 0 ? "  " : "      "}${part}`),
  );
}

/** The host bridges that a path goes over, with their NUMA nodes where those differ. */
function hostBridgesText(topology: Topology, { provider, client }: Answer): string {
  const ends = [provider, client].map((bdf) => {
    const root = topology.rootBusOf(topology.indexOf(bdf));
    const { numaNode } = topology.functionOf(bdf);
    return {
      name: root === undefined ? "host bridge" : `host bridge ${formatBus(root.rootBus)}`,
      node: isUnknown(numaNode) || numaNode === null ? "" : `NUMA ${numaNode}`,
    };
  });
  const [up, down] = ends;
  if (up === undefined || down === undefined || up.name === down.name) return up?.name ?? "host bridge";
  const place = ({ name, node }: { name: string; node: string }): string =>
    node === "" || up.node === down.node ? name : `${name} (${node})`;
  return `${place(up)} to ${place(down)}`;
}

function providerArmLength({ topology }: VerdictTable, { provider }: Verdict): number {
  return topology.bridgesAbove(topology.indexOf(provider)).length + 1;
}

/**
 * What the client would be given as DMA address, by BAR of the provider: by the kernel's verdict where a driver of the pair
 * obeys it or none is known, else what their drivers take.
 */
function addressTexts({ machine, rules }: VerdictTable, verdict: Answer, provider: PciFunction): string[] {
  const rule = addressRuleOf(verdict.askedBy);
  if (rule !== "of-the-verdict") return driverAddressTexts(machine, rule, verdict, provider);
  if (verdict.mapType === "not-supported") return [refusalText(rules)];
  if (verdict.mapType === "unknown") return [];
  const bars = memoryBars(provider);
  if (bars === undefined) return ["the source hides the provider's BARs"];
  const { mode } = machine.iommu;
  if (verdict.mapType === "bus-addr") {
    const texts = bars.map((bar) => busAddressText(bar, isSubtracted(rules)));
    return !isUnknown(mode) && isTranslating(mode) ? [...texts, BUS_ADDRESSES_STAY] : texts;
  }
  if (isUnknown(mode))
    return ["a CPU physical address, or an IOVA where the IOMMU translates; the source does not show which"];
  if (!isTranslating(mode)) return bars.map(physAddressText);
  const picked = "an IOVA that the IOMMU driver picks outside of the host bridges' windows";
  return mode === "lazy" ? [picked, FLUSHED_LATER] : [picked];
}

/** What an unmap does not take from a device that goes on (docs/model.md, "Revocation"). */
const BUS_ADDRESSES_STAY =
  "bus addresses, which no unmap takes back: a device that goes on after a revocation reaches what is there, the next owner's too";
const FLUSHED_LATER =
  "unmapped lazily: a device that goes on after a revocation reaches the memory until the IOMMU flushes its queue (10 ms)";

/** What a mapping comes to that the rules refuse, by release. */
function refusalText({ candidates }: VerdictTable["rules"]): string {
  const refusals = new Set(candidates.map(({ mapping }) => mapping.refusal));
  if (refusals.size === 1 && refusals.has("EREMOTEIO")) return "none: mapping fails with EREMOTEIO";
  if (!refusals.has("EREMOTEIO"))
    return "none: a driver that asks is refused; the DMA API itself looks from Linux 6.0 on";
  return "none: a driver that asks is refused, and from Linux 6.0 on mapping fails with EREMOTEIO";
}

function driverAddressTexts(
  machine: VerdictTable["machine"],
  rule: AddressRule,
  { mapType, askedBy }: Answer,
  provider: PciFunction,
): string[] {
  if (rule === "dma-api" && mapType === "unknown") return [];
  if (rule === "dma-api" && mapType === "not-supported")
    return [`none of the provider's: ${askedBy.ways[0]?.row.onNo}`];
  const kind = addressKind(rule, machine);
  const bars = memoryBars(provider);
  if (bars === undefined || (kind !== "bus" && kind !== "physical")) return [addressWords(rule, machine)];
  const mind = rule === "nvidia" ? ["taken by the driver itself, whatever the verdict"] : [];
  return [...bars.map((bar) => (kind === "bus" ? busAddressText(bar, false) : physAddressText(bar))), ...mind];
}

function barName(bar: Bar): string {
  const size = isUnknown(bar.sizeBytes)
    ? ""
    : ` (${formatSize(bar.sizeBytes)}${bar.prefetchable ? ", prefetchable" : ""})`;
  return `BAR ${bar.index}${size}`;
}

/** Whether all kernels that may decide take the offset of a window's bus addresses with the wrong sign (up to 5.15). */
function isSubtracted({ candidates }: VerdictTable["rules"]): boolean {
  return candidates.length > 0 && candidates.every(({ mapping }) => mapping.busOffset === "subtracted");
}

function busAddressText(bar: Bar, subtracted: boolean): string {
  if (bar.busAddress === null) return `${barName(bar)}: unassigned`;
  if (isUnknown(bar.busAddress)) return `${barName(bar)}: its bus address; ${bar.busAddress.unknown}`;
  const address = `${barName(bar)}: bus address ${formatAddress(bar.busAddress)}`;
  if (isUnknown(bar.physAddress) || bar.physAddress === null) return address;
  const offset = bar.busAddress - bar.physAddress;
  const wrong = bar.physAddress - offset;
  if (subtracted && offset !== 0 && wrong >= 0) {
    return `${barName(bar)}: ${formatAddress(wrong)}, which is wrong: kernels up to 5.15 subtract the offset of ${formatAddress(Math.abs(offset))}, and the bus address is ${formatAddress(bar.busAddress)}`;
  }
  const sign = offset < 0 ? "-" : "+";
  return `${address} = CPU ${formatAddress(bar.physAddress)} ${sign} offset ${formatAddress(Math.abs(offset))}`;
}

function physAddressText(bar: Bar): string {
  if (bar.physAddress === null) return `${barName(bar)}: unassigned`;
  if (isUnknown(bar.physAddress)) return `${barName(bar)}: its CPU address; ${bar.physAddress.unknown}`;
  return `${barName(bar)}: CPU physical address ${formatAddress(bar.physAddress)}`;
}
