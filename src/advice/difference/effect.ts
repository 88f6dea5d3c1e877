import { DATA_IS_LOST } from "../../answers/driver-gates.ts";
import { type Gate, type GateKind, isSureBlock } from "../../answers/gate.ts";
import { type GateKindSet, kindSet } from "../../answers/hidden-gates.ts";
import { LOCALITIES } from "../../answers/locality.ts";
import { isUnknown, type Known } from "../../pci/known.ts";
import type { ProviderMemory } from "../../pci/peer-roles.ts";
import type { MapType } from "../../rules/verdict.ts";
import { RANKS } from "../../summary/outcomes.ts";
import { type AnswerPart, slowestGbps } from "./answer-parts.ts";

/**
 * What a difference is for whoever relies on a pair. `worse`: it works no longer, or with more in its way. `other`: neither
 * better nor worse, as a pair that works on neither side. What only one side shows is `no-longer-known` or `now-known`.
 */
export type AnswerEffect = "worse" | "better" | "no-longer-known" | "now-known" | "other";

/** Gates of a pair that only one side has. */
export interface GateChanges {
  /** What stops or spoils the transfer now, and did not. */
  readonly come: readonly Gate[];
  readonly gone: readonly Gate[];
  /** Gates that the source after may hide. */
  readonly noLongerKnown: readonly Gate[];
  /** Gates that the source before may have hidden. */
  readonly nowKnown: readonly Gate[];
  /** What the pair had no gate of, and may have now: the source after does not show it. */
  readonly mayHaveCome: readonly GateKind[];
}

/** What a difference is, and whether it hides that a pair got worse: one that worked, or does not work now. */
export interface Judgement {
  readonly effect: AnswerEffect;
  readonly isOpen: boolean;
}

/** Something that is said of a pair beside verdict and gates, in words that name functions by their addresses after. */
export interface PartChange {
  readonly part: AnswerPart;
  /** `null`: hidden. */
  readonly before: string | null;
  readonly after: string | null;
}

/** Whether a pair works on one side. */
export interface WorkingSide {
  readonly mapType: MapType;
  readonly hops: number | null;
  /** What the provider has for peers. */
  readonly memory: ProviderMemory;
  /** Whether the kernel supports it; `null` where that depends on what is hidden. */
  readonly supported: boolean | null;
  /** Whether it also has no gate that blocks; `null` where that depends on what is hidden, or on a driver. */
  readonly works: boolean | null;
}

/** Kinds of gates of which one that may be there leaves it open whether a pair works. */
const MAY_BLOCK: GateKindSet = kindSet([
  "bar-missing",
  "registers-only",
  "bar-unassigned",
  "memory-decode-off",
  "vf-memory-off",
  "bridge-decode-off",
  "bus-master-off",
  "bridge-window-small",
  "beyond-dma-mask",
  "kernel-without-p2pdma",
  "no-peer-dma",
]);

/** Whether a gate of one of some kinds may stop a pair. */
export function mayBlock(kinds: GateKindSet): boolean {
  return (kinds & MAY_BLOCK) !== 0;
}

/** Whether a pair works with its gates; those of which it is not sure that they apply leave it open. */
export function worksOf(supported: boolean | null, gates: readonly Gate[]): boolean | null {
  if (supported !== true) return supported;
  const blocking = gates.filter(({ effect }) => effect === "blocks");
  if (blocking.some(isSureBlock)) return false;
  return blocking.length === 0 ? true : null;
}

/** Judges what differs: first whether it works at all, then by which way, then what is in its way. */
export function judgeChange(
  before: WorkingSide,
  after: WorkingSide,
  gates: GateChanges,
  parts: readonly PartChange[],
): Judgement {
  // Whether it works still or not at all: neither is as good as it was.
  if (before.works === true && after.works === null && isVerdictWorse(before, after)) {
    return { effect: "worse", isOpen: false };
  }
  if (before.works !== after.works) {
    const isOpen = before.works === null ? after.works === false : before.works && after.works === null;
    return { effect: effectOfWorking(before.works, after.works), isOpen };
  }
  const judged = before.works === true ? judge(before, after, gates, parts) : undefined;
  if (judged === "worse") return { effect: judged, isOpen: false };
  const lost = before.works === true ? sightLost(before, after, gates, parts) : undefined;
  if (lost !== undefined) return { effect: lost, isOpen: true };
  return { effect: judged ?? effectOfSight(before, after, gates, parts), isOpen: false };
}

/** Where one side does not show whether a pair that works on both got worse: which of the two. */
function sightLost(
  before: WorkingSide,
  after: WorkingSide,
  gates: GateChanges,
  parts: readonly PartChange[],
): "no-longer-known" | "now-known" | undefined {
  // Other drivers use other addresses, of which the model may not know.
  const isAskedOtherwise = parts.some(({ part }) => part === "who-asks");
  const ranks = parts.flatMap((change) => {
    const order =
      isAskedOtherwise && change.part.startsWith("route") && isSaid(change.after) ? undefined : RANKED[change.part];
    return order === undefined ? [] : [{ change, order }];
  });
  const isLost =
    gates.mayHaveCome.length > 0 ||
    (before.mapType === "bus-addr" && after.mapType === "unknown") ||
    ranks.some(({ change, order }) => !isSaid(change.after) && (rankOf(change.before, order) ?? 0) > 0);
  if (isLost) return "no-longer-known";
  const isNew =
    gates.nowKnown.length > 0 ||
    (before.mapType === "unknown" && after.mapType === "thru-host-bridge") ||
    // Most sources show no peer memory: what such a one hid is not missed.
    ranks.some(
      ({ change, order }) =>
        change.part !== "peer-memory" &&
        !isSaid(change.before) &&
        (rankOf(change.after, order) ?? order.length) < order.length - 1,
    );
  return isNew ? "now-known" : undefined;
}

/** False where a side hides it, or nobody knows it. */
function isSaid(text: string | null): boolean {
  return text !== null && !text.startsWith("unknown");
}

function effectOfWorking(before: boolean | null, after: boolean | null): AnswerEffect {
  if (after === null) return "no-longer-known";
  if (before === null) return "now-known";
  return after ? "better" : "worse";
}

/** Peer memory and its size, the way, gates, hops, documented hardware and route of a pair that works on both sides, in this order. */
function judge(
  before: WorkingSide,
  after: WorkingSide,
  gates: GateChanges,
  parts: readonly PartChange[],
): AnswerEffect | undefined {
  const kinds = (list: readonly Gate[]): ReadonlySet<string> => new Set(list.map(({ kind, effect }) => kind + effect));
  const [come, gone] = [kinds(gates.come), kinds(gates.gone)];
  // Other drivers meet other gates: without the old ones it is not better.
  const isAskedOtherwise = parts.some(({ part }) => part === "who-asks");
  return (
    // A shorter way on which data may be lost unseen is no better one.
    (!isAskedOtherwise && losesData(gates.come) && !losesData(gates.gone) ? "worse" : undefined) ??
    firstOf(parts, ["peer-memory"]) ??
    compared(bytesOf(before.memory.pool), bytesOf(after.memory.pool)) ??
    compared(bytesOf(before.memory.largestBar), bytesOf(after.memory.largestBar)) ??
    compared(wayOf(before.mapType), wayOf(after.mapType)) ??
    compared(0, -[...come].filter((kind) => !gone.has(kind)).length) ??
    (isAskedOtherwise ? undefined : compared(0, [...gone].filter((kind) => !come.has(kind)).length)) ??
    compared(before.hops === null ? undefined : -before.hops, after.hops === null ? undefined : -after.hops) ??
    // Across sockets it is slower by as many hops.
    comparedBy(
      FARTHEST_FIRST,
      parts.find(({ part }) => part === "locality"),
    ) ??
    firstOf(parts, ["hardware-write", "hardware-read"]) ??
    firstOf(parts, ["route-write", "route-read"]) ??
    comparedLinks(parts.find(({ part }) => part === "slowest-link"))
  );
}

function bytesOf(size: Known<number | null>): number | undefined {
  return isUnknown(size) ? undefined : (size ?? undefined);
}

function losesData(gates: readonly Gate[]): boolean {
  return gates.some(({ message }) => message.includes(DATA_IS_LOST));
}

function wayOf(mapType: MapType): number | undefined {
  return mapType === "unknown" ? undefined : RANKS[mapType];
}

/** Whether the kernel's verdict alone got worse: it is refused now, or goes a longer way. */
export function isVerdictWorse(
  before: Pick<WorkingSide, "mapType" | "hops">,
  after: Pick<WorkingSide, "mapType" | "hops">,
): boolean {
  const way = compared(wayOf(before.mapType), wayOf(after.mapType));
  if (way !== undefined || before.hops === null || after.hops === null) return way === "worse";
  return before.mapType === after.mapType && before.hops < after.hops && before.mapType !== "not-supported";
}

const FARTHEST_FIRST: readonly string[] = LOCALITIES.toReversed();
const HARDWARE: readonly string[] = ["fails", "limited", "works"];
const PEER_MEMORY: readonly string[] = ["none", "not published", "published"];
/** A route that the verdict does not promise arrives all the same. */
const ROUTES: readonly string[] = ["fails", "arrives otherwise", "arrives"];

/** What is better, by how its text begins: the last of a list. */
const RANKED: Readonly<Partial<Record<AnswerPart, readonly string[]>>> = {
  "peer-memory": PEER_MEMORY,
  "hardware-write": HARDWARE,
  "hardware-read": HARDWARE,
  "route-write": ROUTES,
  "route-read": ROUTES,
};

function rankOf(text: string | null, ranks: readonly string[]): number | undefined {
  const at = text === null ? -1 : ranks.findLastIndex((word) => text.startsWith(word));
  return at < 0 ? undefined : at;
}

/** More is better. */
function compared(before: number | undefined, after: number | undefined): AnswerEffect | undefined {
  if (before === undefined || after === undefined || before === after) return undefined;
  return before < after ? "better" : "worse";
}

function comparedBy(ranks: readonly string[], change: PartChange | undefined): AnswerEffect | undefined {
  return change && compared(rankOf(change.before, ranks), rankOf(change.after, ranks));
}

function comparedLinks(change: PartChange | undefined): AnswerEffect | undefined {
  return change && compared(slowestGbps(change.before), slowestGbps(change.after));
}

function firstOf(parts: readonly PartChange[], names: readonly AnswerPart[]): AnswerEffect | undefined {
  const effects = parts
    .filter(({ part }) => names.includes(part))
    .map((change) => comparedBy(RANKED[change.part] ?? [], change));
  return effects.find((effect) => effect === "worse") ?? effects.find((effect) => effect !== undefined);
}

/** Where nothing is better or worse: whether one side only shows less. */
function effectOfSight(
  before: WorkingSide,
  after: WorkingSide,
  gates: GateChanges,
  parts: readonly PartChange[],
): AnswerEffect {
  const isOther =
    gates.come.length + gates.gone.length > 0 ||
    parts.some((change) => isSaid(change.before) && isSaid(change.after)) ||
    (before.mapType !== after.mapType && before.mapType !== "unknown" && after.mapType !== "unknown") ||
    (before.hops !== after.hops && before.hops !== null && after.hops !== null);
  if (isOther) return "other";
  const isLost =
    gates.noLongerKnown.length > 0 ||
    parts.some((change) => isSaid(change.before) && !isSaid(change.after)) ||
    (after.mapType === "unknown" && before.mapType !== "unknown") ||
    (after.hops === null && before.hops !== null);
  return isLost ? "no-longer-known" : "now-known";
}
