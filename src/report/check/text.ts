import type { Outcome, PolicyResult, RuleResult } from "../../p2pdma/policy/index.ts";
import { formatPlace } from "../../pci/error.ts";
import { machineLines } from "../facts.ts";
import { makeStyle, type ScreenOptions, type Style } from "../style.ts";
import { truncate, wrap } from "../width.ts";
import { findingGroups, isVacuous, MARKS, policyTitle, summaryText, unmatchedText, untold } from "./rule-lines.ts";

const PAINTS = { pass: "direct", fail: "no", unknown: "unknown" } as const satisfies Record<Outcome, keyof Style>;

/** A policy's result as a screen: each rule with its mark, what decided those that do not pass, and a summary. */
export function checkText(result: PolicyResult, options: ScreenOptions): string {
  const style = makeStyle(options);
  const { width } = options;
  const lines = [
    ...machineLines(result.machine, result.rulesChoice, width).map(style.strong),
    truncate(`policy: ${policyTitle(result)}`, width),
    "",
    ...result.results.flatMap((rule) => ruleLines(result, rule, style, width)),
  ];
  if (result.assumed.length > 0) lines.push("");
  for (const sentence of result.assumed)
    lines.push(...indented(style.faint(`taken for granted: ${sentence}`), 0, width));
  lines.push("", style[PAINTS[result.outcome]](summaryText(result)));
  return `${lines.join("\n")}\n`;
}

function ruleLines(result: PolicyResult, rule: RuleResult, style: Style, width: number): string[] {
  const { outcome } = rule;
  const paint = style[PAINTS[outcome]];
  const { name, place } = rule.rule;
  const details = [
    outcome === "pass" ? "" : style.faint(formatPlace({ file: place.file, ...(place.line && { line: place.line }) })),
    style.warn(isVacuous(rule) ? `nothing to check: ${unmatchedText(rule)}` : unmatchedText(rule)),
  ].filter((text) => text !== "");
  const head = [`${paint(MARKS[outcome])} ${outcome === "pass" ? name : style.strong(name)}`, ...details].join("  ");
  return [...indented(head, 0, width), ...(outcome === "pass" ? [] : whyLines(result, rule, style, width))];
}

function whyLines(result: PolicyResult, rule: RuleResult, style: Style, width: number): string[] {
  const lines = findingGroups(result, rule).flatMap(({ subjects, why }) => indented(`${subjects}: ${why}`, 4, width));
  const more = untold(rule);
  return more > 0 ? [...lines, `    ${style.faint(`and ${more} more`)}`] : lines;
}

/** Lines that hang two columns behind the first, none wider than the screen. */
function indented(text: string, indent: number, width: number): string[] {
  return wrap(text, Math.max(width - indent - 2, 20)).map((line, index) =>
    truncate(`${" ".repeat(index === 0 ? indent : indent + 2)}${line}`, width),
  );
}
