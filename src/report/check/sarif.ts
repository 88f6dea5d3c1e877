import type { PolicyRule } from "../../policy/policy.ts";
import type { PolicyResult, RuleResult } from "../../policy/result.ts";
import { findingLines, remarkLines } from "./rule-lines.ts";

/** An object for JSON. */
type JsonObject = Readonly<Record<string, unknown>>;

/**
 * A policy's result as SARIF 2.1.0 (OASIS, 2020): one result for each rule that fails (`error`) or is unknown
 * (`warning`), at the rule's place in the policy file. Rules that pass are listed with the tool only.
 */
export function checkSarif(result: PolicyResult): JsonObject {
  const { policy, results } = result;
  const driver = { name: "peerlane", rules: policy.rules.map(ruleJson) };
  return {
    $schema: "https://json.schemastore.org/sarif-2.1.0.json",
    version: "2.1.0",
    runs: [
      {
        tool: { driver },
        columnKind: "utf16CodeUnits",
        ...(result.machine.notes.length === 0 ? {} : { invocations: [invocationJson(result)] }),
        properties: { machine: result.machine.source.name, outcome: result.outcome, assumed: result.assumed },
        results: results.flatMap((rule, ruleIndex) =>
          rule.outcome === "pass" ? [] : [resultJson(result, rule, ruleIndex)],
        ),
      },
    ],
  };
}

/** The notes of the machine are notifications of the run (SARIF 2.1.0 sec 3.20.21). */
function invocationJson({ machine }: PolicyResult): JsonObject {
  const toolExecutionNotifications = machine.notes.map(({ severity, message, remedy }) => ({
    level: severity === "warning" ? "warning" : "note",
    message: { text: remedy === undefined ? message : `${message}\n${remedy}` },
  }));
  return { executionSuccessful: true, toolExecutionNotifications };
}

function ruleJson({ id, name }: PolicyRule): JsonObject {
  return { id, shortDescription: { text: name } };
}

function resultJson(result: PolicyResult, rule: RuleResult, ruleIndex: number): JsonObject {
  const { id, name, place } = rule.rule;
  const verb = rule.outcome === "fail" ? "fails" : "is unknown";
  const lines = [
    `${name}: ${verb} on ${result.machine.source.name}`,
    ...findingLines(result, rule),
    ...remarkLines(result, rule),
  ];
  const region = { startLine: place.line ?? 1, startColumn: place.column ?? 1 };
  return {
    ruleId: id,
    ruleIndex,
    level: rule.outcome === "fail" ? "error" : "warning",
    message: { text: lines.join("\n") },
    locations: [{ physicalLocation: { artifactLocation: { uri: uriOf(place.file) }, region } }],
    properties: { outcome: rule.outcome },
  };
}

/** The policy file as a URI: relative to where the check ran, unless its path is absolute. */
function uriOf(file: string): string {
  if (file === "-") return "stdin";
  // A lone surrogate has no UTF-8 form that a URI could hold.
  const path = file
    .replaceAll(/\p{Surrogate}/gu, "\ufffd")
    .split("/")
    .map(encodeURIComponent)
    .join("/");
  return path.startsWith("/") ? `file://${path}` : path;
}
