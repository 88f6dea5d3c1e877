import type { Printable } from "../../pci/visible.ts";
import type { PolicyResult, RuleResult } from "../../policy/result.ts";
import {
  findingLines,
  isVacuous,
  noteLines,
  policyTitle,
  remarkLines,
  summaryText,
  unmatchedText,
} from "./rule-lines.ts";
import { xmlAttribute, xmlText } from "./xml.ts";

/**
 * A policy's result as JUnit XML, as GitLab and Jenkins read it: one test case for each rule. A rule that fails is a
 * failure, one that is unknown an error, one without anything to check is skipped.
 */
export function checkJunit(result: PolicyResult): Printable {
  const { counts, results, machine } = result;
  const skipped = results.filter(isVacuous).length;
  const totals = { tests: results.length, failures: counts.fail, errors: counts.unknown, skipped };
  const name = `${policyTitle(result)} on ${machine.source.name}`;
  const lines = [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites${attributes({ name: "peerlane check", ...totals })}>`,
    `  <testsuite${attributes({ name, ...totals })}>`,
    ...results.flatMap((rule) => testCase(result, rule)),
    ...(besideText(result) === "" ? [] : [`    <system-out>${xmlText(besideText(result))}</system-out>`]),
    "  </testsuite>",
    "</testsuites>",
  ];
  return `${lines.join("\n")}\n` as Printable;
}

/** What is taken for granted, and the notes of the machine. */
function besideText(result: PolicyResult): string {
  const assumed = result.assumed.map((sentence) => `assumed: ${sentence}`);
  const notes = noteLines(result).map((line) => `note: ${line.replaceAll("\n", "\\n")}`);
  return [...assumed, ...notes].join("\n");
}

function attributes(values: Readonly<Record<string, string | number>>): string {
  return Object.entries(values)
    .map(([key, value]) => ` ${key}="${xmlAttribute(String(value))}"`)
    .join("");
}

const ELEMENTS = { fail: "failure", unknown: "error" } as const;

function testCase(result: PolicyResult, rule: RuleResult): string[] {
  const { kind, name, place } = rule.rule;
  const head = `testcase${attributes({ classname: `peerlane.${kind}`, name, file: place.file, line: place.line ?? 1 })}`;
  if (rule.outcome === "pass") {
    const said = [unmatchedText(rule), ...remarkLines(result, rule)].filter((line) => line !== "").join("\n");
    if (said === "") return [`    <${head}/>`];
    if (!isVacuous(rule))
      return [`    <${head}>`, `      <system-out>${xmlText(said)}</system-out>`, "    </testcase>"];
    return [`    <${head}>`, `      <skipped${attributes({ message: unmatchedText(rule) })}/>`, "    </testcase>"];
  }
  const lines = findingLines(result, rule).map((line) => line.replaceAll("\n", "\\n"));
  const element = ELEMENTS[rule.outcome];
  const message = lines[0] ?? summaryText(result);
  return [
    `    <${head}>`,
    `      <${element}${attributes({ type: rule.outcome, message })}>${xmlText(lines.join("\n"))}</${element}>`,
    "    </testcase>",
  ];
}
