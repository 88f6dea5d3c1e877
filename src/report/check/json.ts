import { type Bdf, formatBdf } from "../../pci/bdf.ts";
import type { Finding, JudgedVerdict, PolicyResult, RuleResult } from "../../policy/result.ts";
import { askingWaysJson } from "../asked-by.ts";
import { pairJson } from "../json.ts";
import type { CheckJson, FindingJson, JudgedRuleJson } from "../json-types.ts";
import { machineJson, notesJson } from "../machine-json.ts";
import { explanationJson } from "./explanation.ts";
import { findingText, problemText } from "./findings.ts";
import { turnedRules } from "./rule-lines.ts";

/**
 * `peerlane.check/1`: the machine, and each rule with its outcome and what decided it; with `asIs`, the result on the machine
 * as it is, the rules that a change turns.
 */
export function checkJson(result: PolicyResult, asIs?: PolicyResult): CheckJson {
  const { machine, rulesChoice: rules } = result;
  const { file, name } = result.policy;
  return {
    schema: "peerlane.check/1",
    machine: machineJson({ machine, rules }),
    policy: { file, name },
    outcome: result.outcome,
    counts: result.counts,
    rules: result.results.map((rule) => ruleJson(result, rule)),
    ...(asIs === undefined
      ? {}
      : { turned: turnedRules(result, asIs).map(({ rule, before, after }) => ({ rule: rule.id, before, after })) }),
    assumed: result.assumed,
    asking: askingWaysJson(
      machine,
      result.results.flatMap(({ findings }) => findings.flatMap((finding) => judgedOf(finding)?.verdict ?? [])),
    ),
    notes: notesJson(machine),
  };
}

function ruleJson(result: PolicyResult, rule: RuleResult): JudgedRuleJson {
  const { id, kind, name, place } = rule.rule;
  const explained = explanationJson(result, rule);
  return {
    id,
    kind,
    name,
    place: { file: place.file, line: place.line ?? 1, column: place.column ?? 1 },
    outcome: rule.outcome,
    counts: rule.counts,
    unmatched: rule.unmatched,
    findings: rule.findings.map((finding) => findingJson(result, rule, finding)),
    remarks: rule.remarks.map((finding) => findingJson(result, rule, finding)),
    ...(explained === undefined ? {} : { explained }),
  };
}

function findingJson(result: PolicyResult, rule: RuleResult, finding: Finding): FindingJson {
  const judged = judgedOf(finding);
  const { subject, why } = findingText(result, rule, finding);
  return {
    kind: finding.kind,
    devices: devicesOf(finding).map(formatBdf),
    pair: judged === null ? null : pairJson(judged.verdict, result.topology),
    problems: (judged?.problems ?? []).map((problem) => ({
      kind: problem.kind,
      message: judged === null ? "" : problemText(result, judged, problem),
    })),
    group: finding.kind === "group" ? { number: finding.group, predicted: finding.isPredicted } : null,
    message: `${subject}: ${why}`,
  };
}

function judgedOf(finding: Finding): JudgedVerdict | null {
  if (finding.kind === "pair") return finding;
  return finding.kind === "alone" ? finding.nearest : null;
}

function devicesOf(finding: Finding): readonly Bdf[] {
  switch (finding.kind) {
    case "pair":
      return [finding.verdict.provider, finding.verdict.client];
    case "group":
      return finding.devices;
    case "alone":
    case "no-group":
    case "hidden-group":
    case "apart":
    case "link":
    case "bar":
      return [finding.device];
    default:
      return [];
  }
}
