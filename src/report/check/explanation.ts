import { type Bdf, formatBdf } from "../../pci/bdf.ts";
import { isUnknown } from "../../pci/known.ts";
import type {
  ExplainedGroup,
  ExplainedItem,
  ExplainedPair,
  ExplainedSide,
  Explanation,
  Finding,
  PolicyResult,
  RuleResult,
} from "../../policy/result.ts";
import { nameIn } from "../device-names.ts";
import type { ExplainedRuleJson } from "../json-types.ts";
import { mapKnown } from "../machine-json.ts";
import { findingText, judgedText } from "./findings.ts";
import { findingLines } from "./rule-lines.ts";

/** What a rule matched and what it made of that, as lines; none where that was not asked for. */
export function explanationLines(result: PolicyResult, rule: RuleResult): readonly string[] {
  const { explanation } = rule;
  if (rule.rule.kind === "machine") return result.isExplained ? findingLines(result, rule) : [];
  if (explanation === undefined) return [];
  const { sides, pairs, pairCount, groups, judged } = explanation;
  const more = pairCount - pairs.length;
  return [
    ...sides.map((side) => sideText(result, side)),
    ...rule.findings
      .filter(({ kind }) => OF_NO_PAIR.has(kind))
      .map((finding) => {
        const { subject, why } = findingText(result, rule, finding);
        return `${rule.outcome}: ${subject}: ${why}`;
      }),
    ...eachLines(rule),
    ...groups.map((group) => groupText(result, group)),
    ...judgedLines(result, rule, judged),
    ...pairLines(result, pairs),
    ...(more > 0 ? [`and ${more} more pairs`] : []),
  ];
}

/** Findings that neither pairs nor groups tell of. */
const OF_NO_PAIR: ReadonlySet<Finding["kind"]> = new Set(["alone", "missing", "no-pair", "no-group", "count"]);

function namesOf({ topology }: PolicyResult, bdfs: readonly Bdf[]): string {
  return bdfs.length === 0 ? "no device" : bdfs.map((bdf) => nameIn(topology, bdf)).join(", ");
}

function sideText(result: PolicyResult, { role, items, devices }: ExplainedSide): string {
  const found = items.map((item) => itemText(result, item)).join("; ");
  const [only] = items;
  const isPlain = items.length === 1 && only?.selector.isExcluded === false && only.possible === 0;
  return isPlain ? `${role}: ${found}` : `${role}: ${found}: ${membersText(result, devices)}`;
}

/** The devices of a side; those that it may not be about behind, with why. */
function membersText(result: PolicyResult, devices: ExplainedSide["devices"]): string {
  const doubtful = new Map<string, Bdf[]>();
  const sure: Bdf[] = [];
  for (const { bdf, hidden } of devices) {
    if (hidden === null) sure.push(bdf);
    else doubtful.set(hidden, [...(doubtful.get(hidden) ?? []), bdf]);
  }
  const perhaps = [...doubtful].map(([why, bdfs]) => `perhaps ${namesOf(result, bdfs)} (${why})`);
  return [...(sure.length > 0 || perhaps.length === 0 ? [namesOf(result, sure)] : []), ...perhaps].join("; ");
}

function itemText(result: PolicyResult, { selector, found, possible }: ExplainedItem): string {
  const said = selector.isExcluded ? `'not ${selector.text}' takes away` : `'${selector.text}' finds`;
  const perhaps = possible === 0 ? "" : `, and ${possible} of which the source hides it`;
  return `${said} ${namesOf(result, found)}${perhaps}`;
}

function eachLines({ rule }: RuleResult): readonly string[] {
  if (rule.kind !== "require" || rule.each === "pair") return [];
  const other = rule.each === "provider" ? "client" : "provider";
  return [`for each ${rule.each}, one ${other} with which it passes is enough`];
}

function groupText({ topology }: PolicyResult, { device, group, isPredicted }: ExplainedGroup): string {
  const name = nameIn(topology, device);
  if (isUnknown(group)) return `${name}: its IOMMU group is not known: ${group.unknown}`;
  if (group === null) return `${name}: in no IOMMU group`;
  return `${name}: IOMMU group ${group}${isPredicted ? ", as predicted from ACS and topology" : ""}`;
}

/** Devices and links with the same outcome and reason are one line. */
function judgedLines(result: PolicyResult, rule: RuleResult, judged: Explanation["judged"]): readonly string[] {
  const lines = new Map<string, { readonly outcome: string; readonly subjects: string[]; readonly why: string }>();
  for (const { outcome, finding } of judged) {
    if (OF_NO_PAIR.has(finding.kind)) continue;
    const { subject, why } = findingText(result, rule, finding);
    const key = `${outcome} ${why}`;
    const line = lines.get(key) ?? { outcome, subjects: [], why };
    lines.set(key, line);
    line.subjects.push(subject);
  }
  return [...lines.values()].map(({ outcome, subjects, why }) => `${outcome}: ${subjects.join(", ")}: ${why}`);
}

/** Pairs with the same outcome and reason are one line. */
function pairLines(result: PolicyResult, pairs: readonly ExplainedPair[]): readonly string[] {
  const lines = new Map<string, { readonly head: string; readonly subjects: string[]; readonly why: string }>();
  for (const pair of pairs) {
    const { provider, client } = pair.verdict;
    const head = outcomeOf(pair);
    const why = pair.skipped ?? judgedText(result, pair);
    const key = `${head} ${why}`;
    const line = lines.get(key) ?? { head, subjects: [], why };
    lines.set(key, line);
    line.subjects.push(`${nameIn(result.topology, provider)} → ${nameIn(result.topology, client)}`);
  }
  return [...lines.values()].map(({ head, subjects, why }) => `${head}: ${subjects.join(", ")}: ${why}`);
}

function outcomeOf({ outcome, skipped }: ExplainedPair): ExplainedRuleJson["pairs"][number]["outcome"] {
  return skipped === null ? outcome : "skipped";
}

/** The same for JSON; `undefined` where it was not asked for. */
export function explanationJson(result: PolicyResult, rule: RuleResult): ExplainedRuleJson | undefined {
  const { explanation } = rule;
  if (explanation === undefined) return undefined;
  const { sides, pairs, pairCount, groups, judged } = explanation;
  return {
    sides: sides.map(({ role, items, devices }) => ({
      role,
      items: items.map(({ selector, found, possible }) => ({
        text: selector.text,
        excluded: selector.isExcluded,
        found: found.map(formatBdf),
        possible,
      })),
      devices: devices.map(({ bdf, hidden }) => ({ bdf: formatBdf(bdf), hidden })),
    })),
    pairs: pairs.map((pair) => ({
      provider: formatBdf(pair.verdict.provider),
      client: formatBdf(pair.verdict.client),
      mapType: pair.verdict.mapType,
      outcome: outcomeOf(pair),
      why: pair.skipped ?? judgedText(result, pair),
    })),
    pairCount,
    groups: groups.map(({ device, group, isPredicted }) => ({
      device: formatBdf(device),
      group: mapKnown(group, (number) => number),
      predicted: isPredicted,
    })),
    judged: judged.flatMap(({ outcome, finding }) => {
      if (finding.kind !== "link" && finding.kind !== "bar") return [];
      const { why } = findingText(result, rule, finding);
      return [{ device: formatBdf(finding.device), outcome, why }];
    }),
  };
}
