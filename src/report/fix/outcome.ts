import type { Advice } from "../../advice/fix/advise.ts";
import { mayBeBlocked } from "../../advice/fix/gate-remedies.ts";
import type { GoingUp } from "../../advice/fix/going-up.ts";
import type { Nearer } from "../../advice/fix/nearer.ts";
import { movesCards, needsCard, worthOf } from "../../advice/fix/order.ts";
import type { ProvedFix } from "../../advice/fix/prove.ts";
import type { Answer } from "../../answers/answer.ts";
import { isSureBlock } from "../../answers/gate.ts";
import type { Topology } from "../../pci/topology.ts";
import type { MapType, Verdict } from "../../rules/verdict.ts";
import { type OutcomeGroup, outcomeGroups } from "../../summary/outcomes.ts";
import { joinAlike } from "../alike.ts";
import { askedSummary } from "../asked-by.ts";
import { fullName, nameIn, namesText, portsText } from "../device-names.ts";
import { mapTypeSpan } from "../difference.ts";
import { type Block, heading, list } from "../document.ts";
import { hardwareTexts } from "../explain-text.ts";
import { withCode } from "../parameters.ts";
import { type DecidedBy, decidedBy, MAP_TYPE_PAINTS, MAP_TYPE_WORDS, verdictSentences } from "../reasons.ts";
import { joinRich, type Painted, painted, type Rich, rich, type Span } from "../rich.ts";

/** So many pairs of a group are named; of more one. */
const NAMED = 3;
/** And so many kinds of hidden things. */
export const MAX_HIDDEN = 12;

/** The answer first: what becomes of the pairs that were asked about, then why they are what they are, and whom it binds. */
export function outcomeBlocks(advice: Advice, topology: Topology, asIs?: readonly Verdict[]): readonly Block[] {
  const best = bestOf(advice);
  const groups = outcomeGroups(advice.before, best?.verdicts, asIs);
  const [only, ...others] = advice.before;
  const isOne = only !== undefined && others.length === 0;
  const by = decidedBy(advice.machine, advice.rules);
  const [old] = asIs ?? [];
  const isOther = old !== undefined && only !== undefined && (old.mapType !== only.mapType || old.hops !== only.hops);
  const head = isOne ? pairText(advice, only, best, topology, isOther) : countsText(advice, groups, best);
  const marked = isOne && isOther ? [rich`*: on the machine as it is ${mapTypeSpan(old.mapType, old.hops)}`] : [];
  const whole = isOne
    ? [...whyTexts(advice, only, by), ...marked]
    : groups.map((group) => groupText(group, by, topology));
  const near = advice.nearer.map((one) => nearerText(advice, one, topology));
  return [heading(head), list([...whole, ...near, ...askedSummary(advice.machine, advice.before)])];
}

/** So many devices that are nearer are named. */
const NEARER = 8;

/** `nearer to gpu0: mlx5_0 mlx5_1: direct, 4 hops, as the machine is`. */
function nearerText({ pairs }: Advice, { of, devices, reach, isRedirected }: Nearer, topology: Topology): Rich {
  const name = nameIn(topology, of);
  const [first] = devices;
  const names = namesText(
    devices.map((bdf) => nameIn(topology, bdf)),
    NEARER,
  );
  const isProvider = pairs[0]?.provider === of;
  const one = first === undefined ? "" : nameIn(topology, first);
  const after = isRedirected
    ? `, direct without ACS redirection: fix ${isProvider ? `${name} ${one}` : `${one} ${name}`} says how`
    : ", as the machine is";
  return rich`nearer to ${name}: ${painted("strong", names)}: ${mapTypeSpan(reach.mapType, reach.hops)}${after}`;
}

/**
 * The proposal whose outcome is the headline: the first, but for a switch card, and for a card in a slot that is too narrow for
 * it where something else helps.
 */
function bestOf({ fixes, before, goingUp }: Advice): ProvedFix | undefined {
  // They are what they were by the verdict: what becomes of their requests is said beside it.
  if (goingUp.freed > 0 && before.every(({ mapType }) => mapType === "bus-addr")) return undefined;
  const own = fixes.filter((fix) => !needsCard(fix));
  return own.find(({ narrows }) => narrows !== true) ?? own[0];
}

/** What helps more than `best` and touches more, with what the machine has; of those that do the same, the first. */
function furtherOf({ fixes }: Advice, best: ProvedFix): ProvedFix | undefined {
  let further: ProvedFix | undefined;
  for (const fix of fixes) {
    if (!needsCard(fix) && fix.narrows !== true && worthOf(fix) > worthOf(further ?? best)) further = fix;
  }
  return further;
}

/** What it touches that a smaller change does not. */
function touchedText({ fixes }: Advice, fix: ProvedFix): string {
  const what = movesCards(fix) ? "with cards in other slots" : "with more taken away";
  return `${what} (proposal ${fixes.indexOf(fix) + 1})`;
}

/** `mlx5_0 reaches memory of gpu0: through the host bridge, 4 hops; becomes direct, 4 hops`. */
function pairText(
  advice: Advice,
  pair: Answer,
  best: ProvedFix | undefined,
  topology: Topology,
  isOther: boolean,
): Rich {
  const spanOf = (verdict: Answer | undefined): Span =>
    mapTypeSpan(verdict?.mapType ?? "unknown", verdict?.hops ?? null);
  const blocked = pair.gates.some(isSureBlock)
    ? ", blocked by something else"
    : mayBeBlocked(pair)
      ? ", may be blocked by something else"
      : "";
  const names = rich`${fullName(topology, pair.client)} reaches memory of ${fullName(topology, pair.provider)}`;
  const now = rich`${names}: ${spanOf(pair)}${isOther ? "*" : ""}${painted("no", blocked)}`;
  const card = advice.fixes.find(needsCard)?.verdicts[0];
  if (best !== undefined) {
    const more = furtherOf(advice, best);
    const others = [
      ...(more === undefined ? [] : [rich`, and ${spanOf(more.verdicts[0])} ${touchedText(advice, more)}`]),
      ...(card === undefined ? [] : [rich`, and ${spanOf(card)} with a switch card`]),
    ];
    const index = advice.fixes.indexOf(best);
    const where = index === 0 ? "" : ` (proposal ${index + 1})`;
    return rich`${now}; becomes ${spanOf(best.verdicts[0])}${alone(best.goingUp, 1)}${where}${joinRich(others, "")}`;
  }
  if (card === undefined) return rich`${now}; ${nothingText(advice)}`;
  const what = pair.supported === true ? "makes it direct" : "helps";
  return rich`${now}; nothing that the machine has ${what}, a switch card does: ${spanOf(card)}`;
}

/** `16 of 64 pairs become direct; the other 48 work through the host bridge, slower: …`. */
function countsText(advice: Advice, groups: readonly OutcomeGroup[], best: ProvedFix | undefined): Rich {
  const total = advice.before.length;
  const now = advice.before.filter((pair) => pair.gates.some(isSureBlock)).length;
  const nowText = rich`${someOfAll(now, total)} ${painted("no", `${now === 1 ? "is" : "are"} blocked now`)}`;
  const kept = groups.filter(({ before, after }) => before === after);
  if (best === undefined) {
    const counts = countSpans(kept);
    const all = total === 2 ? "both" : "all";
    const what =
      counts.length === 1
        ? rich`, ${all} ${counts[0]?.words ?? ""}`
        : rich`: ${joinRich(
            counts.map(({ count, words }) => rich`${String(count)} ${words}`),
            ", ",
          )}`;
    const stopped = now === 0 ? "" : rich`${nowText}; `;
    return rich`${stopped}${String(total)} pairs${what}; ${nothingText(advice)}`;
  }
  const changed = groups.filter(({ before, after }) => before !== after);
  const blocked = new Set(best.verdicts.filter(mayBeBlocked).map(keyOf));
  const comes = (mapType: MapType): number => countOf(changed.filter(({ after }) => after === mapType));
  const [direct, host] = [comes("bus-addr"), comes("thru-host-bridge")];
  const parts: Rich[] = [
    ...(now === 0 ? [] : [nowText]),
    ...(direct === 0
      ? []
      : [rich`${someOfAll(direct, total)} ${painted("direct", `${verb(direct, "become")} direct`)}`]),
    ...(host === 0
      ? []
      : [rich`${someOfAll(host, total)} ${painted("host", `${verb(host, "come")} to work through the host bridge`)}`]),
    // A way that is shorter changes no map type.
    ...(changed.length === 0 ? [rich`${String(total)} pairs go a shorter way`] : restTexts(kept, blocked)),
  ];
  if (best.goingUp.pairs > 0) parts.push(rich`${String(best.goingUp.pairs)}${alone(best.goingUp, total)}`);
  const index = advice.fixes.indexOf(best);
  const where = index === 0 ? "" : ` (proposal ${index + 1})`;
  const told = changed.length === 0 ? [] : kept;
  for (const { pairs } of told) for (const pair of pairs) blocked.delete(keyOf(pair));
  if (blocked.size > 0) parts.push([painted("no", blockedText(blocked.size))]);
  parts.push(...furtherTexts(advice, best));
  const at = now === 0 ? 0 : 1;
  return joinRich(
    parts.map((part, index) => (index === at ? rich`${part}${where}` : part)),
    "; ",
  );
}

/** That of several pairs more are direct, or work, with what touches more. */
function furtherTexts(advice: Advice, best: ProvedFix): readonly Rich[] {
  const more = furtherOf(advice, best);
  if (more === undefined) return [];
  const usable = ({ verdicts }: ProvedFix, isDirect: boolean): number =>
    verdicts.filter(
      ({ mapType, gates }) =>
        (mapType === "bus-addr" || (!isDirect && mapType === "thru-host-bridge")) && !gates.some(isSureBlock),
    ).length;
  const isDirect = usable(more, true) > usable(best, true);
  const count = usable(more, isDirect);
  const what = isDirect ? painted("direct", `${count} direct`) : painted("host", `${count} ${verb(count, "work")}`);
  return [rich`${what} ${touchedText(advice, more)}`];
}

const ALL_THE_SAME = "the requests go up to the root complex all the same";

/** What stands behind `direct` where that is the kernel's verdict and not the requests' way. */
function alone({ pairs, freed }: GoingUp, of: number): Rich {
  if (pairs === 0) return "";
  const what =
    of === 1 ? " by the verdict alone" : ` of the direct ones ${pairs === 1 ? "is" : "are"} so by the verdict alone`;
  const remedy = freed === 0 ? ALL_THE_SAME : "the requests go directly with iommu=pt as well";
  return rich`${painted("warn", what)} (${withCode(remedy)})`;
}

function keyOf({ provider, client }: Answer): string {
  return `${provider} ${client}`;
}

function blockedText(count: number): string {
  return `${count} ${count === 1 ? "is" : "are"} blocked by something else`;
}

function someOfAll(count: number, total: number): string {
  if (count < total) return `${count} of ${total} pairs`;
  return total === 2 ? "both pairs" : `all ${total} pairs`;
}

function verb(count: number, plural: string): string {
  return count === 1 ? `${plural}s` : plural;
}

function countOf(groups: readonly OutcomeGroup[]): number {
  return groups.reduce((sum, { pairs }) => sum + pairs.length, 0);
}

const IN_ORDER: readonly MapType[] = ["bus-addr", "thru-host-bridge", "not-supported", "unknown"];

function countSpans(groups: readonly OutcomeGroup[]): readonly { readonly count: number; readonly words: Painted }[] {
  return IN_ORDER.flatMap((mapType) => {
    const count = countOf(groups.filter(({ before }) => before === mapType));
    return count === 0 ? [] : [{ count, words: painted(MAP_TYPE_PAINTS[mapType], MAP_TYPE_WORDS[mapType]) }];
  });
}

/** What becomes of no change: by map type, and what alone would change it where that is the same for all. */
function restTexts(kept: readonly OutcomeGroup[], blocked: ReadonlySet<string>): readonly Rich[] {
  const there = IN_ORDER.map((mapType) => kept.filter(({ before }) => before === mapType)).filter(
    (groups) => groups.length > 0,
  );
  return there.map((groups): Rich => {
    const [{ before } = { before: "unknown" as MapType }] = groups;
    const count = countOf(groups);
    const subject = there.length === 1 ? `the other ${count === 1 ? "one" : count}` : String(count);
    const words: Readonly<Record<MapType, string>> = {
      "bus-addr": `${count === 1 ? "is" : "are"} direct as ${count === 1 ? "it is" : "they are"}`,
      "thru-host-bridge": `${verb(count, "work")} through the host bridge, slower`,
      "not-supported": `${verb(count, "stay")} not supported`,
      unknown: `${verb(count, "stay")} unknown`,
    };
    const isApart = groups.every(({ pairs }) => pairs.every(areApart));
    const needs = before === "thru-host-bridge" || before === "not-supported" ? isApart : false;
    const only = needs ? ONE_SWITCH : "";
    const stopped = groups.flatMap(({ pairs }) => pairs).filter((pair) => blocked.has(keyOf(pair))).length;
    const but = stopped === 0 || stopped === count ? "" : rich`, of which ${painted("no", blockedText(stopped))}`;
    if (stopped === count && before === "thru-host-bridge") {
      const way =
        count === 1 ? "goes through the host bridge, where it is" : "go through the host bridge, where they are";
      return rich`${subject} ${painted("no", `${way} blocked by something else`)}`;
    }
    return rich`${subject} ${painted(MAP_TYPE_PAINTS[before], words[before])}${but}${count === 1 ? only.replace("them", "it") : only}`;
  });
}

const ONE_SWITCH = ": only one switch above both makes them direct (other slots, or a switch card)";

/** True for two devices that are below no common bridge. */
function areApart({ meeting, reason }: Answer): boolean {
  return meeting === null && reason !== "topology-hidden";
}

/** What is to be said where nothing is proposed. */
function nothingText(advice: Advice): Rich {
  const { before, machine } = advice;
  const isGuests = before.some(({ gates }) => gates.some(({ kind }) => kind === "virtual-machine"));
  const isMapped = before.every(({ mapType }) => mapType === "bus-addr" || mapType === "thru-host-bridge");
  if (isGuests && isMapped) return "the guest's kernel maps it; whether the hardware carries it, only the host shows";
  if (isMapped && machine.host !== undefined) return `the guest's kernel maps it; ${onHostText(before)}`;
  if (before.every(({ mapType }) => mapType === "bus-addr")) {
    const { pairs, freed } = advice.goingUp;
    if (pairs === 0) return "nothing to fix on the path";
    const way = freed === 0 ? "" : `; iommu=pt lets ${freed === pairs ? "them" : `${freed} of these`} go directly`;
    return withCode(`${before.length === 1 ? "" : `${pairs} of them `}by the verdict alone: ${ALL_THE_SAME}${way}`);
  }
  if (before.some(({ hidden }) => hidden.length > 0)) return "what would help cannot be told";
  if (!isMapped) return "nothing helps";
  if (before.some(mayBeBlocked)) return "nothing on the path helps";
  if (before.length === 1) return "it works, and nothing makes it shorter";
  const others = before.filter(({ mapType }) => mapType !== "bus-addr");
  return others.every(areApart)
    ? `what is not direct works, slower${ONE_SWITCH}`
    : "they work, and nothing makes them shorter";
}

/** What the host's hardware does, for the worst of the pairs and directions. */
function onHostText(before: Advice["before"]): string {
  const outcomes = new Set(before.flatMap(({ hardware: { write, read } }) => [write.outcome, read.outcome]));
  if (outcomes.has("fails")) return "the host's hardware is documented to fail, or the way leads astray";
  if (outcomes.has("unknown")) return "what the host's hardware does is unknown";
  return outcomes.has("limited") ? "the host's hardware carries it with limits" : "the host's hardware carries it";
}

function whyTexts({ machine }: Advice, pair: Answer, by: DecidedBy): readonly Rich[] {
  return [
    `why: ${verdictSentences(pair, by).join("; ")}`,
    ...(machine.host === undefined ? [] : hardwareTexts(pair).map((text) => rich`hardware, ${text}`)),
  ];
}

/** `16 pairs, gpu0 → mlx5_0 …: through the host bridge → direct: ACS redirects at 16 ports of 1000:c030`. */
function groupText(group: OutcomeGroup, by: DecidedBy, topology: Topology): Rich {
  const { before, after, pairs, crossing, asIs } = group;
  const names = pairs.map(({ provider, client }) => `${nameIn(topology, provider)} → ${nameIn(topology, client)}`);
  const becomes = before === after ? [] : [" → ", mapTypeSpan(after, null)];
  const where = crossing === 0 ? "" : ` (${crossing === pairs.length ? "all" : crossing} cross NUMA nodes)`;
  const [redirected, ...others] = whyAll(pairs, by, topology);
  // Where the redirection goes, it counts no more what became of redirected requests.
  const isDirect = after === "bus-addr" && pairs.some(({ acsRedirect }) => acsRedirect.length > 0);
  const why = [redirected, ...(isDirect ? [] : others)].join("; ");
  const other = asIs === null ? [] : rich` (*: on the machine as it is ${mapTypeSpan(asIs, null)})`;
  const is = rich`${mapTypeSpan(before, null)}${asIs === null ? "" : "*"}${becomes}${other}`;
  const count = painted("strong", pairsText(pairs.length));
  return names.length > NAMED
    ? rich`${count}, ${names[0] ?? ""} …: ${is}: ${why}${where}`
    : rich`${count}: ${is}: ${why}${where}: ${names.join(", ")}`;
}

/** Why, for verdicts of one reason: ports by what they are. */
function whyAll(verdicts: readonly Answer[], by: DecidedBy, topology: Topology): readonly string[] {
  const ports = new Set(verdicts.flatMap(({ acsRedirect }) => acsRedirect));
  const sentences = verdicts.flatMap((verdict) => verdictSentences({ ...verdict, acsRedirect: [] }, by));
  const redirected = ports.size === 0 ? [] : [`ACS redirects at ${portsText(topology, ports)}`];
  const alike = [...redirected, ...joinAlike(sentences)];
  const more = alike.length - MAX_HIDDEN;
  return more > 0 ? [...alike.slice(0, MAX_HIDDEN), `and ${more} more`] : alike;
}

/** `1 pair`, `16 pairs`. */
export function pairsText(count: number): string {
  return count === 1 ? "1 pair" : `${count} pairs`;
}
