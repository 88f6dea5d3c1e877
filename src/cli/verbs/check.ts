import { existsSync } from "node:fs";
import { type Command, Option } from "commander";
import type { Change } from "../../advice/what-if/change.ts";
import type { Machine } from "../../host/machine.ts";
import { topologyOf } from "../../host/machine.ts";
import { formatBdf } from "../../pci/bdf.ts";
import { PeerlaneError } from "../../pci/error.ts";
import { isUnknown } from "../../pci/known.ts";
import { shownShellWord } from "../../pci/shell-word.ts";
import type { Printable } from "../../pci/visible.ts";
import { checkPolicy } from "../../policy/check-policy.ts";
import { parsePolicy } from "../../policy/parse-policy.ts";
import type { Finding, PolicyResult } from "../../policy/result.ts";
import { changeText } from "../../report/change-text.ts";
import { checkJson } from "../../report/check/json.ts";
import { checkJunit } from "../../report/check/junit.ts";
import { checkMarkdown } from "../../report/check/markdown.ts";
import { checkSarif } from "../../report/check/sarif.ts";
import { checkText } from "../../report/check/text.ts";
import { documentMarkdown } from "../../report/document-markdown.ts";
import { machineLines } from "../../report/facts.ts";
import { joinPrintable, printableJson } from "../../report/printable.ts";
import { askedBlocks, askedJson } from "../../report/what-if.ts";
import { misreadParameters, uselessParameters } from "../../rules/kernel-parameters.ts";
import { chooseRules } from "../../rules/kernels/choose-rules.ts";
import { EXIT } from "../exit-codes.ts";
import { addMachineOptions, type MachineOptions, rulesOf, SOURCE_HELP } from "../options.ts";
import { print, sayNote } from "../print.ts";
import { readInputFile } from "../read-input-file.ts";
import { readSource } from "../read-source.ts";
import { askedMachine, isSentOn, shownMachine, shownPath } from "../sent-on.ts";
import { belowAsked, screenOf, showNotes } from "../show.ts";
import type { Finish } from "../verb.ts";
import { writeOutput } from "../write-output.ts";

/** Options of `check`. */
export interface CheckOptions extends MachineOptions {
  readonly junit?: boolean;
  readonly sarif?: boolean;
  readonly explain?: boolean;
  readonly write?: boolean;
}

/** Its arguments, options and help. */
export function declareCheck(command: Command, finish: Finish): void {
  command
    .argument("<policy>", "a policy file (YAML); examples/policies has some")
    .argument("[source]", SOURCE_HELP)
    .addOption(new Option("--junit", "print JUnit XML, for a CI server").conflicts(["json", "markdown", "sarif"]))
    .addOption(new Option("--sarif", "print SARIF 2.1.0, for code scanning").conflicts(["json", "markdown"]))
    .addOption(
      new Option("--explain", "tell of each rule what it matched, and what came of each pair").conflicts([
        "junit",
        "sarif",
      ]),
    )
    .addOption(
      new Option("--write", "make the policy of what the machine has, as a new file; - prints it").conflicts([
        ...["junit", "sarif", "explain", "json", "markdown"],
      ]),
    );
  addMachineOptions(command)
    .addHelpText(
      "after",
      `
Exits with 0 where all rules hold, 1 where one fails, 3 where the source hides what decides.

Examples:
  sudo peerlane check fleet.yaml
  peerlane check fleet.yaml server.tar.gz --junit > peerlane.xml
  peerlane check fleet.yaml server.tar.gz --explain
  peerlane check --write fleet.yaml good-server.tar.gz`,
    )
    .action(async (policy: string, source: string | undefined, options: CheckOptions) => {
      finish(await runCheck(policy, source, options));
    });
}

/** `peerlane check --write POLICY [SRC]`: writes what the machine has, without names that people gave, and checks it. */
async function writeNew(file: string, source: string | undefined, options: CheckOptions): Promise<number> {
  if (file !== "-" && existsSync(file)) {
    throw new PeerlaneError("usage", `${file} is there already, and would be written anew`, {
      remedy: "name another file, or take that one away",
    });
  }
  const { after, changes } = await readSource(source, options);
  const machine = shownMachine(after, { ...options, json: true });
  const { writePolicy } = await import("../../policy/write-policy.ts");
  const rules = chooseRules(machine, options.rules);
  const asked = changes.length === 0 ? [] : [`what if: ${changes.map(changeText).join(", ")}`];
  const written = writePolicy(machine, {
    name: "what the good machine has",
    head: [
      "Made by peerlane check --write of a machine that passes it. Take away what others may have otherwise.",
      ...machineLines(machine, rules, Number.MAX_SAFE_INTEGER),
      ...asked,
    ],
    ...rulesOf(options),
  });
  if (written === null) {
    throw new PeerlaneError("bad-input", `${machine.source.name} shows nothing that a policy could demand`);
  }
  writeOutput(file, written.text);
  if (file === "-") return EXIT.yes;
  const count = written.policy.rules.length;
  sayNote(
    `${file}: ${count} rules`,
    `peerlane check ${shownShellWord(file)} SOURCE holds another machine against them`,
  );
  return EXIT.yes;
}

/** `peerlane check POLICY [SRC]`. */
export async function runCheck(file: string, source: string | undefined, options: CheckOptions): Promise<number> {
  if (options.write === true) return writeNew(file, source, options);
  const policy = parsePolicy(readInputFile(file, "policy", "examples/policies"), shownPath(file, options));
  const { before, after, changes } = await readSource(source, options);
  const machine = withMisread(shownMachine(after, options));
  const asked = { ...rulesOf(options), explain: options.explain === true };
  // Rules may be about parameters that answers do not show.
  const wholeOf = (read: Machine): Machine => {
    const judged = askedMachine(read, options);
    return { ...judged, kernel: { ...judged.kernel, commandLine: read.kernel.commandLine } };
  };
  const result = shownResult(checkPolicy(wholeOf(after), policy, asked), machine);
  const asIs = changes.length === 0 ? undefined : checkPolicy(wholeOf(before), policy, rulesOf(options));
  print(formOf(options, result, changes, asIs));
  if (!isSentOn(options)) showNotes(machine.notes);
  return { pass: EXIT.yes, fail: EXIT.no, unknown: EXIT.unknown }[result.outcome];
}

/** The machine with a note of each kernel parameter that does not mean what was meant, as gates say it of a pair. */
function withMisread(machine: Machine): Machine {
  const { commandLine } = machine.kernel;
  if (isUnknown(commandLine)) return machine;
  const sentences = [...misreadParameters(commandLine), ...uselessParameters(commandLine)];
  const isTold = (sentence: string): boolean =>
    machine.notes.some(({ message }) => message === `--append: ${sentence}`);
  const notes = sentences
    .filter((sentence) => !isTold(sentence))
    .map((message) => ({ severity: "warning", message }) as const);
  return { ...machine, notes: [...machine.notes, ...notes] };
}

/** A policy names devices as people do; the answer names them as `machine` does. */
function shownResult(result: PolicyResult, machine: Machine): PolicyResult {
  const names = new Set(machine.functions.flatMap((fn) => [formatBdf(fn.bdf), ...fn.names]));
  const findings = (list: readonly Finding[]): readonly Finding[] =>
    list.map((one) =>
      one.kind === "missing" ? { ...one, near: one.near.filter((name) => names.has(name) || isPlace(name)) } : one,
    );
  return {
    ...result,
    machine,
    topology: topologyOf(machine),
    results: result.results.map((rule) => ({ ...rule, findings: findings(rule.findings) })),
  };
}

/** A slot or a path names nobody. */
function isPlace(name: string): boolean {
  return name.startsWith("slot:") || name.includes("/");
}

function formOf(
  options: CheckOptions,
  result: PolicyResult,
  changes: readonly Change[],
  asIs: PolicyResult | undefined,
): Printable {
  if (options.junit === true) return checkJunit(result);
  if (options.sarif === true) return printableJson(checkSarif(result), 1);
  if (options.json === true) return printableJson({ ...checkJson(result, asIs), ...askedJson(changes) }, 1);
  if (options.markdown === true) {
    const asked = askedBlocks(changes);
    return joinPrintable([...(asked.length === 0 ? [] : [documentMarkdown(asked)]), checkMarkdown(result, asIs)], "\n");
  }
  const screen = screenOf(options);
  return belowAsked(changes, checkText(result, screen, asIs), screen);
}
