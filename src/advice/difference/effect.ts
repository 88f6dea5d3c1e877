import { DATA_IS_LOST } from "../../answers/driver-gates.ts";
import type { Gate } from "../../answers/gate.ts";
import type { MapType } from "../../rules/verdict.ts";
import type { AnswerPart } from "./answer-parts.ts";

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
  /** Whether the kernel supports it; `null` where that hangs on what is hidden. */
  readonly supported: boolean | null;
  /** Whether it also has no gate that blocks; `null` where that hangs on what is hidden, or on a driver. */
  readonly works: boolean | null;
}

/** Whether a pair works with its gates; those of which it is not sure that they apply leave it open. */
export function worksOf(supported: boolean | null, gates: readonly Gate[]): boolean | null {
  if (supported !== true) return supported;
  const blocking = gates.filter(({ effect }) => effect === "blocks");
  if (blocking.some(({ doubt }) => doubt === undefined)) return false;
  return blocking.length === 0 ? true : null;
}

/** Judges what differs: first whether it works at all, then by which way, then what is in its way. */
export function effectOf(
  before: WorkingSide,
  after: WorkingSide,
  gates: GateChanges,
  parts: readonly PartChange[],
): AnswerEffect {
  if (before.works !== after.works) return effectOfWorking(before.works, after.works);
  const judged = before.works === true ? judge(before, after, gates, parts) : undefined;
  return judged ?? effectOfSight(before, after, gates, parts);
}

function effectOfWorking(before: boolean | null, after: boolean | null): AnswerEffect {
  if (after === null) return "no-longer-known";
  if (before === null) return "now-known";
  return after ? "better" : "worse";
}

/** Peer memory, the way, gates, hops, documented hardware and route of a pair that works on both sides, in this order. */
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
    firstOf(parts, ["peer-memory"], PEER_MEMORY) ??
    compared(WAYS[before.mapType], WAYS[after.mapType]) ??
    compared(0, -[...come].filter((kind) => !gone.has(kind)).length) ??
    (isAskedOtherwise ? undefined : compared(0, [...gone].filter((kind) => !come.has(kind)).length)) ??
    compared(before.hops === null ? undefined : -before.hops, after.hops === null ? undefined : -after.hops) ??
    firstOf(parts, ["hardware-write", "hardware-read"], HARDWARE) ??
    firstOf(parts, ["route-write", "route-read"], ROUTES)
  );
}

function losesData(gates: readonly Gate[]): boolean {
  return gates.some(({ message }) => message.includes(DATA_IS_LOST));
}

const WAYS: Readonly<Partial<Record<MapType, number>>> = { "bus-addr": 2, "thru-host-bridge": 1, "not-supported": 0 };
const HARDWARE: readonly string[] = ["fails", "limited", "works"];
const PEER_MEMORY: readonly string[] = ["none", "not published", "published"];
/** A route that the verdict does not promise arrives all the same. */
const ROUTES: readonly string[] = ["fails", "arrives otherwise", "arrives"];

/** More is better. */
function compared(before: number | undefined, after: number | undefined): AnswerEffect | undefined {
  if (before === undefined || after === undefined || before === after) return undefined;
  return before < after ? "better" : "worse";
}

function firstOf(
  parts: readonly PartChange[],
  names: readonly PartChange["part"][],
  ranks: readonly string[],
): AnswerEffect | undefined {
  const rank = (text: string | null): number | undefined => {
    const at = text === null ? -1 : ranks.findLastIndex((word) => text.startsWith(word));
    return at < 0 ? undefined : at;
  };
  const effects = parts
    .filter(({ part }) => names.includes(part))
    .map(({ before, after }) => compared(rank(before), rank(after)));
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
    parts.some((change) => change.before !== null && change.after !== null) ||
    (before.mapType !== after.mapType && before.mapType !== "unknown" && after.mapType !== "unknown") ||
    (before.hops !== after.hops && before.hops !== null && after.hops !== null);
  if (isOther) return "other";
  const isLost =
    gates.noLongerKnown.length > 0 ||
    parts.some((change) => change.after === null) ||
    (after.mapType === "unknown" && before.mapType !== "unknown") ||
    (after.hops === null && before.hops !== null);
  return isLost ? "no-longer-known" : "now-known";
}
