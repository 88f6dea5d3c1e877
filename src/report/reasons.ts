import { type Gate, isSureBlock } from "../answers/gate.ts";
import type { Machine } from "../host/machine.ts";
import { formatBdf } from "../pci/bdf.ts";
import { isUnknown } from "../pci/known.ts";
import type { DirectionOutcome } from "../platforms/fact.ts";
import { maintainedPart } from "../rules/by-release.ts";
import { type InferredCpu, inferCpu } from "../rules/inferred-cpu.ts";
import { isOwnRow, newestRead, type RulesChoice } from "../rules/kernels/choose-rules.ts";
import type { MapType, Reason, ReleaseInterval, ReleaseOutcome, Verdict } from "../rules/verdict.ts";
import type { ToldMapType } from "../summary/going-up.ts";
import { type Painted, painted } from "./rich.ts";
import type { Paint } from "./style.ts";

/** What a map type means, in two or three words. */
export const MAP_TYPE_WORDS: Readonly<Record<MapType, string>> = {
  "bus-addr": "direct",
  "thru-host-bridge": "through the host bridge",
  "not-supported": "not supported",
  unknown: "unknown",
};

/** A pair that the kernel calls direct and whose requests go up to the root complex all the same. */
export const DIRECT_BY_VERDICT = "direct by the verdict alone";

/** {@link MAP_TYPE_WORDS} with what is direct by the verdict alone, and what is refused to drivers that do not ask. */
export const TOLD_WORDS: Readonly<Record<ToldMapType, string>> = {
  ...MAP_TYPE_WORDS,
  "goes-up": DIRECT_BY_VERDICT,
  unasked: "not supported, and the drivers do not ask",
};

/** The cell of a pair that the kernel refuses and whose drivers do not ask it. */
export const UNASKED_CELL = "✗~";

/** What a cell of a grid has behind the hops of a pair that is direct by the verdict alone. */
export const GOES_UP_MARK = "^";

/** Why, and the way out. */
export const GOING_UP: string =
  "the drivers take addresses of the IOMMU, and the requests go up to the root complex all the same, which is slower; " +
  "boot with iommu=pt to let them turn at the switch";

/** How a map type is painted. */
export const MAP_TYPE_PAINTS: Readonly<Record<MapType, Paint>> = {
  "bus-addr": "direct",
  "thru-host-bridge": "host",
  "not-supported": "no",
  unknown: "unknown",
};

/** {@link MAP_TYPE_PAINTS} with what is direct by the verdict alone. */
export const TOLD_PAINTS: Readonly<Record<ToldMapType, Paint>> = {
  ...MAP_TYPE_PAINTS,
  "goes-up": "warn",
  unasked: "warn",
};

/** How an outcome of documented hardware is painted. */
export const OUTCOME_PAINTS: Readonly<Record<DirectionOutcome, Paint>> = {
  works: "direct",
  limited: "warn",
  fails: "no",
  unknown: "unknown",
};

/** What decided, besides the pair's own path. */
export interface DecidedBy {
  readonly machine: Machine;
  readonly rules: RulesChoice;
  readonly inferredCpu: InferredCpu | null;
}

/** {@link DecidedBy} where no table is at hand. */
export function decidedBy(machine: Machine, rules: RulesChoice): DecidedBy {
  return { machine, rules, inferredCpu: inferCpu(machine) };
}

/** What decided a verdict, as the second half of a sentence (`through the host bridge: …`). */
export function reasonText({ reason, releases }: Pick<Verdict, "reason" | "releases">, by: DecidedBy): string {
  return sentences[reason](by, releases === undefined ? rulesName(by.rules) : intervalName(releases));
}

/** {@link reasonText}, and whether ACS had a part in it, for a sentence that stands for many pairs. */
export function reasonSentence(verdict: Pick<Verdict, "reason" | "releases" | "acsRedirect">, by: DecidedBy): string {
  const redirects = verdict.acsRedirect.length > 0 ? "ACS redirects peer requests; " : "";
  return `${redirects}${reasonText(verdict, by)}`;
}

function rulesName(rules: RulesChoice): string {
  const { release, candidates } = rules;
  const [only, ...others] = candidates;
  const newest = newestRead(rules);
  if (newest !== null) return `Linux ${newest}, the newest read`;
  if (others.length === 0 && isOwnRow(only)) return `Linux ${only.release}`;
  return release === null ? "any kernel" : `Linux ${release}`;
}

function intervalName({ from, to }: ReleaseInterval): string {
  if (to === null) return `Linux ${from} and newer`;
  return from === to ? `Linux ${from}` : `Linux ${from} to ${to}`;
}

type Sentence = (by: DecidedBy, kernel: string) => string;

const sentences: Readonly<Record<Reason, Sentence>> = {
  "same-function": () => "provider and client are the same function",
  "common-upstream-bridge": () => "they have a common upstream bridge, and nothing on the way redirects",
  "cpu-allowed": (by) => `the kernel trusts the root complex of this CPU (${trustedCpu(by)})`,
  "host-bridge-allowed": (_, kernel) => `the host bridge is on the allow-list of ${kernel}`,
  "host-bridge-not-allowed": (_, kernel) => `the host bridge is not on the allow-list of ${kernel}`,
  "host-bridge-same-only": () => "the allow-list has this host bridge only for two devices below the same one",
  "host-bridge-unidentified": (_, kernel) =>
    `the root bus starts with no device that ${kernel} could look up in its allow-list`,
  "no-common-upstream-bridge": (_, kernel) => `no common upstream bridge, and ${kernel} has no allow-list`,
  "iommu-closes-host-bridge": (_, kernel) => `${kernel} lets no pair through the host bridge while an IOMMU is in use`,
  "acs-redirect-refused": (_, kernel) => `${kernel} refuses every path that ACS redirects`,
  "kernel-too-old": ({ rules }) => rules.hidden,
  "acs-hidden": () => "the source hides ACS of functions on the path",
  "topology-hidden": () => "the source does not show how the two are connected",
  "host-bridge-hidden": () => "the path goes through the host bridge, and the source does not show which one it is",
  "cpu-hidden": () => "the path goes through the host bridge, and the source does not show the CPU",
  "kernel-hidden": () => "the path goes through the host bridge, and the kernel's rules for it are not known",
};

function trustedCpu({ machine: { cpu }, inferredCpu }: DecidedBy): string {
  if (inferredCpu !== null) return inferredCpuText(inferredCpu);
  return `AMD family ${isUnknown(cpu.family) ? "?" : (cpu.family ?? 0).toString(16)}h, Zen or newer`;
}

/** `AMD Zen, inferred: 0000:00:18.0 is 1022:14ad, a data fabric of …`. */
export function inferredCpuText(inferred: InferredCpu): string {
  const { make, device, what } = inferred;
  return `${make.name}, inferred: ${formatBdf(device)} is ${idsText(inferred)}, ${what}`;
}

/** `1022:14ad`. */
export function idsText({ vendorId, deviceId }: Pick<InferredCpu, "vendorId" | "deviceId">): string {
  return [vendorId, deviceId].map((id) => id.toString(16).padStart(4, "0")).join(":");
}

/** Reasons whose sentence says itself that no common upstream bridge. */
const namesTheGap: readonly Reason[] = ["topology-hidden", "no-common-upstream-bridge"];

/** The whole reason of a verdict: what redirects, what decided, what it depends on, what is hidden. */
export function verdictSentences(verdict: Verdict, by: DecidedBy): readonly string[] {
  const lines: string[] = [];
  if (verdict.acsRedirect.length > 0) {
    lines.push(`ACS redirects peer requests at ${verdict.acsRedirect.map(formatBdf).join(", ")}`);
  } else if (verdict.meeting === null && !namesTheGap.includes(verdict.reason)) {
    lines.push("no common upstream bridge");
  }
  lines.push(reasonText(verdict, by));
  const condition = conditionText(verdict);
  if (condition !== null) lines.push(condition);
  lines.push(...verdict.hidden.filter((hidden) => !lines.includes(hidden)));
  return lines;
}

/** `on 5.10 and newer`, `on 4.20 to 7.3`, `on 6.1`. */
export function intervalText({ from, to }: ReleaseInterval): string {
  if (to === null) return `on ${from} and newer`;
  return from === to ? `on ${from}` : `on ${from} to ${to}`;
}

/** What a verdict's condition depends on; of a whole verdict it names the functions. */
type OpenVerdict = Pick<Verdict, "reason" | "throughHostBridge" | "hidden"> &
  Partial<Pick<Verdict, "acsHidden" | "meeting" | "provider" | "client" | "supported">>;

/**
 * What an unknown verdict depends on: `direct if no port below 17:00.0 redirects, else through the host bridge`; `null` for a
 * known one, and where the source shows too little to say.
 */
export function conditionText(verdict: OpenVerdict): string | null {
  const { reason, throughHostBridge, hidden, supported } = verdict;
  if (reason === "topology-hidden" && supported === true) {
    return `supported either way: ${MAP_TYPE_WORDS["bus-addr"]} or ${MAP_TYPE_WORDS["thru-host-bridge"]}`;
  }
  // That a hidden host bridge decides is the reason itself.
  if (throughHostBridge === undefined || hidden.length === 0 || reason === "host-bridge-hidden") return null;
  const through = throughText(throughHostBridge);
  if (reason !== "acs-hidden") return through;
  const unless = redirectsText(verdict);
  return through === null ? `direct if ${unless}` : `direct if ${unless}, else ${through}`;
}

function redirectsText({ acsHidden = [], meeting, provider, client }: OpenVerdict): string {
  const [only, ...others] = acsHidden;
  if (only === undefined || meeting === undefined || meeting === null) return "none of them redirects";
  if (others.length === 0) return `${formatBdf(only)} does not redirect`;
  // All between the two are bridges.
  const what = acsHidden.some((bdf) => bdf === provider || bdf === client) ? "function" : "port";
  const where = acsHidden.includes(meeting) ? `from ${formatBdf(meeting)} down` : `below ${formatBdf(meeting)}`;
  return `no ${what} ${where} redirects`;
}

/** The newest releases first; where the source names no kernel, only those that are reckoned with. */
function throughText(outcomes: readonly ReleaseOutcome[]): string | null {
  const parts = outcomes.flatMap((one): string[] => {
    const words = outcomeText(one);
    if (one.releases === null) return [words];
    if (one.of === "rules") return [`${words} by the rules of ${intervalName(one.releases)}`];
    const part = maintainedPart(one.releases);
    return part === undefined ? [] : [`${words} ${intervalText(part)}`];
  });
  if (parts.length === 0) return null;
  const isLong = parts.length > 1 && parts.some((part) => part.includes(", "));
  return parts.toReversed().join(isLong ? "; " : ", ");
}

function outcomeText({ mapType, reason, otherwise }: ReleaseOutcome): string {
  if (mapType !== "unknown") return MAP_TYPE_WORDS[mapType];
  const through = MAP_TYPE_WORDS["thru-host-bridge"];
  if (reason !== "cpu-hidden") return `${through} if the allow-list has it, else not supported`;
  return otherwise === "not-supported"
    ? `${through} of an AMD Zen or newer CPU, not supported on any other`
    : `${through} of an AMD Zen or newer CPU, or if the allow-list has it, else not supported`;
}

/** What older releases do than those for which a verdict is claimed: `not supported on 4.20 to 5.8`; `null` where nothing else. */
export function olderText({
  releases,
  throughHostBridge,
}: Pick<Verdict, "releases" | "throughHostBridge">): string | null {
  if (releases === undefined || throughHostBridge === undefined) return null;
  // The last is what is claimed.
  const older = throughHostBridge
    .slice(0, -1)
    .flatMap((one) => (one.releases === null ? [] : [`${MAP_TYPE_WORDS[one.mapType]} ${intervalText(one.releases)}`]));
  return older.length === 0 ? null : older.toReversed().join(", ");
}

/** A map type's words with the releases for which it is claimed: `through the host bridge on 5.10 and newer`. */
export function claimText(mapType: MapType, releases: ReleaseInterval | undefined): string {
  return releases === undefined ? MAP_TYPE_WORDS[mapType] : `${MAP_TYPE_WORDS[mapType]} ${intervalText(releases)}`;
}

/** What a gate does to a pair: sure to block it, perhaps, as the source does not show all, or to be minded. */
export function gateLabel(gate: Gate): Painted {
  if (gate.isUnsupported === true) return painted("warn", "not supported by the vendor");
  if (gate.effect === "warns") return painted("warn", "mind");
  return isSureBlock(gate) ? painted("no", "blocked") : painted("unknown", "perhaps blocked");
}
