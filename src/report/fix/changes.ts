import type { ClassPair } from "../../advice/fix/pair-classes.ts";
import type { ProvedFix } from "../../advice/fix/prove.ts";
import type { RequestsEnd, RouteChange } from "../../advice/fix/side-effects.ts";
import { isUnknown } from "../../pci/known.ts";
import type { Topology } from "../../pci/topology.ts";
import type { MapType } from "../../rules/verdict.ts";
import { joinAlike } from "../alike.ts";
import { nameIn, namesText, roleOf } from "../device-names.ts";
import { groupTexts, mapTypeSpan } from "../difference.ts";
import { gbpsText } from "../predict/numbers.ts";
import { joinRich, painted, plainText, type Rich, rich } from "../rich.ts";

/** So many classes of pairs of a kind are named. */
const MAX_CLASSES = 6;
/** So many reasons for what becomes of their requests. */
const MAX_REASONS = 2;
/** So many groups, of so many devices that come together. */
const MAX_GROUPS = 3;
const MAX_DEVICES = 8;

/** So many classes of pairs of which figures are told. */
const MAX_FIGURES = 2;

/** Between a class of providers and one of clients. */
const ARROW = " → ";

/** Where requests end as the machine is. */
const TODAY: Readonly<Record<RequestsEnd, string>> = {
  arrive: "arrive today",
  "arrive otherwise": "arrive today by another way than the verdict's",
  fail: "fail today",
  unknown: "are not known to arrive today",
};

/** And after a change. */
const AFTER_IT: Readonly<Record<RequestsEnd, string>> = {
  arrive: "they arrive",
  "arrive otherwise": "they arrive by another way than the verdict's",
  fail: "they fail",
  unknown: "that is not known",
};

/** What is not known where only one of a request and its completion is redirected (`platforms/way.ts`). */
const HALF = /ACS redirects (?:requests and not completions|completions and not requests)$/;
const HALF_TEXT =
  "of a read's request and its completion one goes up to the root complex and the other turns at the switch, as redirection is off at one of the two ports alone; no source documents whether that works, only a read on this machine shows it; redirection off at both ports avoids it";

/**
 * Other pairs by what becomes of them and by class: `other pairs: through the host bridge → direct: 8 GPU → GPU`, `2 hops
 * more: 4 NVMe ↔ SATA controller each way`.
 */
export function otherTexts({ others }: ProvedFix, topology: Topology, fixes: readonly ProvedFix[]): readonly Rich[] {
  const routes = others.routes ?? [];
  const isAlike = others.count + others.localities.length + routes.length === 0;
  if (isAlike) return [others.routes === null ? "no other pair changes its verdict" : "no other pair changes"];
  const mapTypes = (one: { readonly before: MapType; readonly after: MapType }): Rich =>
    joinRich([mapTypeSpan(one.before, null), mapTypeSpan(one.after, null)], " → ");
  return [
    ...byChange(others.classes, topology, mapTypes),
    ...byChange(others.hops, topology, ({ more }) => hopsText(more)),
    ...byChange(others.localities, topology, ({ before, after }) => `${before} → ${after}`),
    ...byChange(
      bothWays(routes),
      topology,
      ({ requests, before, after }) => `${requests} ${TODAY[before]}, after it ${AFTER_IT[after]}`,
      (all) => reasonsText(all, fixes),
    ),
  ];
}

/** `predicted: 16 GPU → NIC: writes 44.5 → 56.3, reads 54.4 → 57.1 GB/s`; of one pair the figures alone, of equal ones nothing. */
export function carriesTexts({ carries, verdicts }: ProvedFix, topology: Topology): readonly Rich[] {
  if (carries.length === 0) return [];
  const shown = carries.slice(0, MAX_FIGURES).map(({ first, second, pairs, ...figures }): string => {
    const each = (["write", "read"] as const).flatMap((operation) => {
      const change = figures[operation];
      return change === null ? [] : [`${operation}s ${gbpsText(change.before)}${ARROW}${gbpsText(change.after)}`];
    });
    const roles = [first, second].map((bdf) => roleOf(topology.functionOf(bdf))).join(ARROW);
    return `${verdicts.length === 1 ? "" : `${pairs} ${roles}: `}${each.join(", ")} GB/s`;
  });
  const others = carries.slice(MAX_FIGURES).reduce((sum, { pairs }) => sum + pairs, 0);
  return [`predicted: ${[...shown, ...(others === 0 ? [] : [`${others} pairs otherwise`])].join("; ")}`];
}

/** Why requests end as they do then, for all that do. */
function reasonsText(routes: readonly RouteChange[], fixes: readonly ProvedFix[]): string {
  const reasons = [...new Set(routes.flatMap(({ why }) => why))];
  const halves = reasons.filter((reason) => HALF.test(reason));
  const others = joinAlike(reasons.filter((reason) => !halves.includes(reason)));
  const whole = fixes.findIndex((fix) => fix.kinds.every((kind) => kind === "kernel-parameter") && !leavesHalves(fix));
  const avoids = whole < 0 ? "" : `, as proposal ${whole + 1} does`;
  const texts = [...(halves.length === 0 ? [] : [`${HALF_TEXT}${avoids}`]), ...others.slice(0, MAX_REASONS)];
  const more = others.length > MAX_REASONS ? [`and ${others.length - MAX_REASONS} reasons more`] : [];
  return [...texts, ...more].join("; ");
}

function leavesHalves({ others }: ProvedFix): boolean {
  return others.routes === null || others.routes.some(({ why }) => why.some((reason) => HALF.test(reason)));
}

/** What becomes of writes and of reads alike is told once. */
function bothWays(routes: readonly RouteChange[]): readonly (RouteChange & { readonly requests: string })[] {
  const keyOf = ({ first, second, pairs, before, after }: RouteChange): string =>
    [first, second, pairs, before, after].join();
  const keysOf = (direction: RouteChange["direction"]): ReadonlySet<string> =>
    new Set(routes.filter((route) => route.direction === direction).map(keyOf));
  const [writes, reads] = [keysOf("write"), keysOf("read")];
  return routes.flatMap((route) => {
    const isBoth = writes.has(keyOf(route)) && reads.has(keyOf(route));
    if (isBoth && route.direction === "read") return [];
    return [{ ...route, requests: isBoth ? "requests" : `${route.direction}s` }];
  });
}

/** Classes of pairs by what becomes of them, each with how many pairs it has. */
function byChange<T extends ClassPair>(
  classes: readonly T[],
  topology: Topology,
  changeOf: (one: T) => Rich,
  whyOf: (all: readonly T[]) => string = () => "",
): readonly Rich[] {
  const kinds = new Map<string, { readonly what: Rich; readonly classes: string[] }>();
  const keyOf = (of: T): string => plainText(changeOf(of));
  for (const one of eachWay(classes, topology, keyOf)) {
    const what = changeOf(one.of);
    const kind = kinds.get(plainText(what)) ?? { what, classes: [] };
    kind.classes.push(one.pairs);
    kinds.set(plainText(what), kind);
  }
  return [...kinds].map(([key, { what, classes: named }]) => {
    const more = named.length - MAX_CLASSES;
    const text = named.slice(0, MAX_CLASSES).join(", ");
    const why = whyOf(classes.filter((one) => keyOf(one) === key));
    return rich`other pairs: ${what}: ${text}${more > 0 ? ` and ${more} more kinds of pairs (--json has all)` : ""}${why === "" ? "" : `: ${why}`}`;
  });
}

function hopsText(more: number): string {
  const count = Math.abs(more);
  return `${count} ${count === 1 ? "hop" : "hops"} ${more > 0 ? "more" : "fewer"}`;
}

/** Classes of which people say the same word are one. */
function byName<T extends ClassPair>(
  classes: readonly T[],
  topology: Topology,
  between: string,
  more: (one: T) => string = () => "",
): readonly (T & { readonly names: string; readonly count: number })[] {
  const found = new Map<string, T & { names: string; count: number }>();
  for (const one of classes) {
    const names = [one.first, one.second].map((bdf) => roleOf(topology.functionOf(bdf))).join(between);
    const key = `${names} ${more(one)}`;
    const known = found.get(key);
    if (known === undefined) found.set(key, { ...one, names, count: one.pairs });
    else known.count += one.pairs;
  }
  return [...found.values()];
}

/** Classes of which the way back is as many pairs of the same kind are told once, as `8 GPU ↔ NIC each way`. */
function eachWay<T extends ClassPair>(
  classes: readonly T[],
  topology: Topology,
  kindOf: (one: T) => string,
): readonly { readonly of: T; readonly pairs: string }[] {
  const oneWay = byName(classes, topology, ARROW, kindOf);
  return oneWay.flatMap((one) => {
    const [providers = "", clients = ""] = one.names.split(ARROW);
    const isBack = (other: (typeof oneWay)[number]): boolean =>
      other.names === clients + ARROW + providers && other.count === one.count && kindOf(other) === kindOf(one);
    if (providers === clients || !oneWay.some(isBack)) return [{ of: one, pairs: `${one.count} ${one.names}` }];
    if (providers > clients) return [];
    return [{ of: one, pairs: `${one.count} ${providers} ↔ ${clients} each way` }];
  });
}

/** What becomes of IOMMU groups, where devices come together, leave or lose them; with `isWhole` every change, with its members. */
export function placesText({ groups }: ProvedFix, isWhole: boolean, topology: Topology): readonly Rich[] {
  if (isUnknown(groups)) return [`what it does to IOMMU groups cannot be told: ${groups.unknown}`];
  if (isWhole) return groups.length === 0 ? ["no IOMMU group changes"] : groupTexts(groups);
  const merged = groups.flatMap(({ joined }) => joined.map((one) => one.map((bdf) => nameIn(topology, bdf))));
  if (merged.length === 0) return [];
  const all = merged.slice(0, MAX_GROUPS).map((names) => namesText(names, MAX_DEVICES));
  const more = merged.length > MAX_GROUPS ? `; ${merged.length - MAX_GROUPS} groups more` : "";
  return [
    rich`${painted("warn", "IOMMU groups merge")}: one guest gets all or none of ${all.join("; all or none of ")}${more}`,
  ];
}

/** Which pairs two guests could have had apart, and no longer: by pairs, as what reaches another past the IOMMU may be in another group. */
export function isolationText({ isolation, groups }: ProvedFix, topology: Topology): readonly Rich[] {
  if (isUnknown(isolation)) return [`what it does to isolation cannot be told: ${isolation.unknown}`];
  const { classes, unseen, pairs } = isolation;
  if (pairs === 0) return [];
  const isGone = !isUnknown(groups) && groups.length > 0 && groups.every(({ after }) => after.length === 0);
  if (isGone) return [rich`${painted("warn", "isolation")}: gone for all ${String(pairs)} pairs that had it`];
  const kinds = byName(classes, topology, "–").map(({ first, second, names, count }, index) => {
    const example = index === 0 ? ` (as ${nameIn(topology, first)} and ${nameIn(topology, second)})` : "";
    return `${count} ${names}${example}`;
  });
  const more = kinds.length > MAX_CLASSES ? `, ${kinds.length - MAX_CLASSES} kinds more` : "";
  const text = `${kinds.slice(0, MAX_CLASSES).join(", ")}${more}`;
  const plural = pairs === 1 ? "pair" : "pairs";
  const are = pairs === 1 ? "is" : "are";
  const reach =
    unseen === pairs
      ? `${plural} reach each other past the IOMMU, though groups stay apart: give both to one guest`
      : unseen === 0
        ? `${plural} ${are} no longer kept apart by the IOMMU`
        : `${plural} ${are} no longer kept apart by the IOMMU, ${unseen} of them though groups stay apart: give both of a pair to one guest`;
  return [rich`${painted("warn", "isolation")}: ${text} ${reach}`];
}
