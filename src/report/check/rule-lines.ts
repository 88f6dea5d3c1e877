import type { PolicyRule } from "../../policy/policy.ts";
import type { Finding, PolicyResult, RuleOutcome, RuleResult } from "../../policy/result.ts";
import { findingText } from "./findings.ts";

/** The mark of an outcome. */
export const MARKS: Readonly<Record<RuleOutcome, string>> = { pass: "✓", fail: "✗", unknown: "?" };

/** What a rule comes to on the machine as it is; `null` where that is the same, or no what-if was asked. */
export function outcomeAsIs({ outcome }: RuleResult, asIs: RuleResult | undefined): RuleOutcome | null {
  return asIs === undefined || asIs.outcome === outcome ? null : asIs.outcome;
}

/** That a change turns it, for a line of the rule. */
export function asIsText(asIs: RuleOutcome | null, { outcome }: RuleResult): string {
  return asIs === null ? "" : `* ${turnText(asIs, outcome)}`;
}

function turnText(before: RuleOutcome, after: RuleOutcome): string {
  return `${MARKS[before]} ${before} → ${MARKS[after]} ${after}`;
}

/** A rule that comes to something else with a change. */
export interface TurnedRule {
  readonly rule: PolicyRule;
  readonly before: RuleOutcome;
  readonly after: RuleOutcome;
}

/** The rules that a change turns: those of `asIs`, the result on the machine as it is, that come to something else. */
export function turnedRules(result: PolicyResult, asIs: PolicyResult): readonly TurnedRule[] {
  return result.results.flatMap((one, index) => {
    const before = outcomeAsIs(one, asIs.results[index]);
    return before === null ? [] : [{ rule: one.rule, before, after: one.outcome }];
  });
}

/** Which rules a change turns, and to what: `the change turns 1 rule: ✗ fail → ✓ pass: GPUs reach NICs`. */
export function turnedText(result: PolicyResult, asIs: PolicyResult): string {
  const turned = turnedRules(result, asIs);
  if (turned.length === 0) return "the change turns no rule";
  const names = new Map<string, string[]>();
  for (const { rule, before, after } of turned) {
    const turn = turnText(before, after);
    names.set(turn, [...(names.get(turn) ?? []), rule.name]);
  }
  const parts = [...names].map(([turn, rules]) => `${turn}: ${rules.join(", ")}`);
  return `the change turns ${turned.length} ${turned.length === 1 ? "rule" : "rules"}: ${parts.join("; ")}`;
}

/** Findings that are told of each rule; how many more there are is said. */
const TOLD = 5;

/** What share one explanation. */
export interface FindingGroup {
  /** Pairs or devices, with how many more behind the last ones that are told. */
  readonly subjects: string;
  readonly why: string;
}

/** What decided a rule, in few words: the first findings, those with the same explanation together. */
export function findingGroups(result: PolicyResult, rule: RuleResult): readonly FindingGroup[] {
  return groupsOf(result, rule, rule.findings.slice(0, TOLD));
}

function groupsOf(result: PolicyResult, rule: RuleResult, findings: readonly Finding[]): readonly FindingGroup[] {
  const groups = new Map<string, string[]>();
  for (const finding of findings) {
    const { subject, why } = findingText(result, rule, finding);
    const subjects = groups.get(why) ?? [];
    subjects.push(subject);
    groups.set(why, subjects);
  }
  return [...groups].map(([why, subjects]) => ({ why, subjects: subjects.join(", ") }));
}

/** What is to be said of a rule though it is content with it. */
export function remarkLines(result: PolicyResult, rule: RuleResult): readonly string[] {
  const { remarks } = rule;
  const lines = groupsOf(result, rule, remarks.slice(0, TOLD)).map(({ subjects, why }) => `${subjects}: ${why}`);
  return remarks.length > TOLD ? [...lines, `and ${remarks.length - TOLD} more`] : lines;
}

/** How many findings {@link findingGroups} leaves out. */
export function untold(rule: RuleResult): number {
  return Math.max(rule.counts[rule.outcome] - TOLD, 0);
}

/** What decided a rule as lines of plain text. */
export function findingLines(result: PolicyResult, rule: RuleResult): readonly string[] {
  const lines = findingGroups(result, rule).map(({ subjects, why }) => `${subjects}: ${why}`);
  const more = untold(rule);
  return more > 0 ? [...lines, `and ${more} more`] : lines;
}

/** Why a rule had less to check than it names; empty where it had all. */
export function unmatchedText({ unmatched }: RuleResult): string {
  return unmatched.length === 0 ? "" : `no device matches ${unmatched.map((text) => `'${text}'`).join(", ")}`;
}

/** True for a rule that passes because there is nothing to check. */
export function isVacuous({ counts, unmatched }: RuleResult): boolean {
  return unmatched.length > 0 && counts.pass + counts.fail + counts.unknown === 0;
}

const outcomes: readonly RuleOutcome[] = ["pass", "fail", "unknown"];

/** `5 rules: 3 pass, 1 fail, 1 unknown`. */
export function summaryText({ results, counts }: PolicyResult): string {
  const parts = outcomes.filter((outcome) => counts[outcome] > 0).map((outcome) => `${counts[outcome]} ${outcome}`);
  return `${results.length} ${results.length === 1 ? "rule" : "rules"}: ${parts.join(", ")}`;
}

/** What the policy calls itself, else its file. */
export function policyTitle({ policy }: PolicyResult): string {
  return policy.name ?? policy.file;
}

/** The notes of the machine: what its source misreads or leaves out, and kernel parameters that do not mean what was meant. */
export function noteLines({ machine }: PolicyResult): readonly string[] {
  return machine.notes.map(({ message, remedy }) => (remedy === undefined ? message : `${message}: ${remedy}`));
}
