import { formatPlace } from "../../pci/error.ts";
import type { Printable } from "../../pci/visible.ts";
import type { PolicyResult, RuleResult } from "../../policy/result.ts";
import { type Block, heading, list, paragraph, table } from "../document.ts";
import { documentMarkdown } from "../document-markdown.ts";
import { machineLines } from "../facts.ts";
import { explanationLines } from "./explanation.ts";
import {
  asIsText,
  findingLines,
  MARKS,
  noteLines,
  outcomeAsIs,
  policyTitle,
  remarkLines,
  summaryText,
  turnedText,
  unmatchedText,
} from "./rule-lines.ts";

/** A policy's result as Markdown (GitHub's kind): a table of the rules, then what decided those that do not pass. */
export function checkMarkdown(result: PolicyResult, asIs?: PolicyResult): Printable {
  return documentMarkdown(checkBlocks(result, asIs));
}

function checkBlocks(result: PolicyResult, asIs: PolicyResult | undefined): readonly Block[] {
  const { results, outcome, assumed, machine, rulesChoice } = result;
  const rows = results.map((whole, index) => {
    const { rule, outcome } = whole;
    const marked = asIsText(outcomeAsIs(whole, asIs?.results[index]), whole);
    return [
      `${MARKS[outcome]} ${outcome}`,
      marked === "" ? rule.name : `${rule.name} (${marked})`,
      formatPlace({ file: rule.place.file, line: rule.place.line ?? 1 }),
    ];
  });
  return [
    heading(`${MARKS[outcome]} ${policyTitle(result)}`),
    ...machineLines(machine, rulesChoice, Number.MAX_SAFE_INTEGER).map((text) => paragraph(text)),
    paragraph([{ text: summaryText(result), paint: "strong" }]),
    ...(asIs === undefined ? [] : [paragraph(turnedText(result, asIs))]),
    table(["", "rule", "place"], rows),
    ...results.flatMap((rule) => ruleBlocks(result, rule)),
    ...(assumed.length === 0 ? [] : [paragraph("Assumed:"), list(assumed)]),
    ...(machine.notes.length === 0 ? [] : [paragraph("Notes:"), list(noteLines(result))]),
  ];
}

function ruleBlocks(result: PolicyResult, rule: RuleResult): readonly Block[] {
  const decided = rule.outcome === "pass" ? [] : findingLines(result, rule);
  const lines = [
    ...(result.isExplained ? explanationLines(result, rule) : [...decided, ...remarkLines(result, rule)]),
    unmatchedText(rule),
  ];
  const told = lines.filter((text) => text !== "");
  if (told.length === 0) return [];
  return [paragraph([`${MARKS[rule.outcome]} `, { text: rule.rule.name, paint: "strong" }]), list(told)];
}
