import type { Machine } from "../host/machine.ts";
import { formatBdf } from "../pci/bdf.ts";
import { isUnknown } from "../pci/known.ts";
import type { DirectionOutcome } from "../platforms/fact.ts";
import { isOwnRow, type RulesChoice } from "../rules/kernels/choose-rules.ts";
import type { MapType, Reason, Verdict } from "../rules/verdict.ts";
import type { Paint } from "./style.ts";

/** What a map type means, in two or three words. */
export const MAP_TYPE_WORDS: Readonly<Record<MapType, string>> = {
  "bus-addr": "direct",
  "thru-host-bridge": "through the host bridge",
  "not-supported": "not supported",
  unknown: "unknown",
};

/** How a map type is painted. */
export const MAP_TYPE_PAINTS: Readonly<Record<MapType, Paint>> = {
  "bus-addr": "direct",
  "thru-host-bridge": "host",
  "not-supported": "no",
  unknown: "unknown",
};

/** How an outcome of documented hardware is painted. */
export const OUTCOME_PAINTS: Readonly<Record<DirectionOutcome, Paint>> = {
  works: "direct",
  limited: "warn",
  fails: "no",
  unknown: "unknown",
};

/** What decided a verdict, as the second half of a sentence (`through the host bridge: …`). */
export function reasonText(reason: Reason, machine: Machine, rules: RulesChoice): string {
  return sentences[reason](machine, rules);
}

type Sentence = (machine: Machine, rules: RulesChoice) => string;

function rulesName({ release, candidates }: RulesChoice): string {
  const [only, ...others] = candidates;
  if (others.length === 0 && isOwnRow(only)) return `Linux ${only.release}`;
  return release === null ? "any kernel" : `Linux ${release}`;
}

const sentences: Readonly<Record<Reason, Sentence>> = {
  "same-function": () => "provider and client are the same function",
  "common-upstream-bridge": () => "a bridge is above both and nothing on the way redirects",
  "cpu-allowed": ({ cpu }) =>
    `the kernel trusts the root complex of this CPU (AMD family ${isUnknown(cpu.family) ? "?" : (cpu.family ?? 0).toString(16)}h, Zen or newer)`,
  "host-bridge-allowed": (_, rules) => `the host bridge is on the allow-list of ${rulesName(rules)}`,
  "host-bridge-not-allowed": (_, rules) => `the host bridge is not on the allow-list of ${rulesName(rules)}`,
  "host-bridge-same-only": () => "the allow-list has this host bridge only for two devices below the same one",
  "host-bridge-unidentified": (_, rules) =>
    `the root bus starts with no device that ${rulesName(rules)} could look up in its allow-list`,
  "no-common-upstream-bridge": (_, rules) => `no bridge is above both, and ${rulesName(rules)} has no allow-list`,
  "iommu-closes-host-bridge": (_, rules) =>
    `${rulesName(rules)} lets no pair through the host bridge while an IOMMU is in use`,
  "acs-redirect-refused": (_, rules) => `${rulesName(rules)} refuses every path that ACS redirects`,
  "kernel-too-old": (_, rules) => rules.hidden,
  "acs-hidden": () => "the source hides ACS of functions on the path",
  "topology-hidden": () => "the source does not show how the two hang together",
  "host-bridge-hidden": () => "the path goes through the host bridge, and the source does not show which one it is",
  "cpu-hidden": () => "the path goes through the host bridge, and the source does not show the CPU",
  "kernel-hidden": () => "the path goes through the host bridge, and the kernel's rules for it are not known",
};

/** Reasons whose sentence says itself that no bridge is above both. */
const namesTheGap: readonly Reason[] = ["topology-hidden", "no-common-upstream-bridge"];

/** The whole reason of a verdict: what redirects, what decided, what is hidden. */
export function verdictSentences(verdict: Verdict, machine: Machine, rules: RulesChoice): readonly string[] {
  const lines: string[] = [];
  if (verdict.acsRedirect.length > 0) {
    lines.push(`ACS redirects peer requests at ${verdict.acsRedirect.map(formatBdf).join(", ")}`);
  } else if (verdict.meeting === null && !namesTheGap.includes(verdict.reason)) {
    lines.push("no bridge is above both");
  }
  lines.push(reasonText(verdict.reason, machine, rules));
  lines.push(...verdict.hidden.filter((hidden) => !lines.includes(hidden)));
  return lines;
}
