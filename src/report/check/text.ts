import { formatPlace } from "../../pci/error.ts";
import type { Printable } from "../../pci/visible.ts";
import type { PolicyResult, RuleOutcome, RuleResult } from "../../policy/result.ts";
import { machineLines } from "../facts.ts";
import { screenText } from "../printable.ts";
import { joinRich, painted, type Rich, rich } from "../rich.ts";
import type { Paint, ScreenOptions } from "../style.ts";
import { truncate, wrap } from "../width.ts";
import { explanationLines } from "./explanation.ts";
import {
  asIsText,
  findingGroups,
  isVacuous,
  MARKS,
  outcomeAsIs,
  policyTitle,
  remarkLines,
  summaryText,
  turnedText,
  unmatchedText,
  untold,
} from "./rule-lines.ts";

const PAINTS: Readonly<Record<RuleOutcome, Paint>> = { pass: "direct", fail: "no", unknown: "unknown" };

/**
 * A policy's result as a screen: each rule with its mark, what decided those that do not pass, and a summary. With the result
 * on the machine as it is, rules that come to something else there are marked.
 */
export function checkText(result: PolicyResult, options: ScreenOptions, asIs?: PolicyResult): Printable {
  const { width } = options;
  const assumed = result.assumed.flatMap((sentence) => indented([painted("faint", `assumed: ${sentence}`)], 0, width));
  const lines: readonly Rich[] = [
    ...machineLines(result.machine, result.rulesChoice, width).map((line) => [painted("strong", line)]),
    truncate(`policy: ${policyTitle(result)}`, width),
    "",
    ...result.results.flatMap((rule, index) => ruleLines(result, rule, width, outcomeAsIs(rule, asIs?.results[index]))),
    ...(assumed.length === 0 ? [] : ["", ...assumed]),
    "",
    [painted(PAINTS[result.outcome], summaryText(result))],
    ...(asIs === undefined ? [] : indented([painted("warn", turnedText(result, asIs))], 0, width)),
  ];
  return screenText(lines, options);
}

function ruleLines(result: PolicyResult, rule: RuleResult, width: number, asIs: RuleOutcome | null): readonly Rich[] {
  const { outcome } = rule;
  const { name, place } = rule.rule;
  const mark = painted(PAINTS[outcome], MARKS[outcome]);
  const details = [
    painted(
      "faint",
      outcome === "pass" ? "" : formatPlace({ file: place.file, ...(place.line && { line: place.line }) }),
    ),
    painted("warn", asIsText(asIs, rule)),
    painted("warn", isVacuous(rule) ? `nothing to check: ${unmatchedText(rule)}` : unmatchedText(rule)),
  ].filter(({ text }) => text !== "");
  const head = joinRich([rich`${mark} ${outcome === "pass" ? name : painted("strong", name)}`, ...details], "  ");
  if (result.isExplained) {
    const lines = explanationLines(result, rule).flatMap((line) => indented(line, 4, width));
    return [...indented(head, 0, width), ...lines];
  }
  const remarks = remarkLines(result, rule).flatMap((line) => indented([painted("faint", line)], 4, width));
  return [...indented(head, 0, width), ...(outcome === "pass" ? [] : whyLines(result, rule, width)), ...remarks];
}

function whyLines(result: PolicyResult, rule: RuleResult, width: number): readonly Rich[] {
  const lines = findingGroups(result, rule).flatMap(({ subjects, why }) => indented(`${subjects}: ${why}`, 4, width));
  const more = untold(rule);
  return more > 0 ? [...lines, ["    ", painted("faint", `and ${more} more`)]] : lines;
}

/** Lines that hang two columns behind the first, none wider than the screen. */
function indented(text: Rich, indent: number, width: number): readonly Rich[] {
  return wrap(text, Math.max(width - indent - 2, 20)).map((line, index) =>
    truncate([" ".repeat(index === 0 ? indent : indent + 2), ...line], width),
  );
}
