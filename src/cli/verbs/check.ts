import { checkPolicy, type PolicyResult, parsePolicy } from "../../p2pdma/policy/index.ts";
import type { Change } from "../../p2pdma/what-if/index.ts";
import type { Printable } from "../../pci/visible.ts";
import { checkJson, checkJunit, checkMarkdown, checkSarif, checkText } from "../../report/check/index.ts";
import {
  askedBlocks,
  askedJson,
  documentMarkdown,
  documentText,
  joinPrintable,
  printableJson,
} from "../../report/index.ts";
import { EXIT } from "../exit-codes.ts";
import { type MachineOptions, rulesOf } from "../options.ts";
import { print } from "../print.ts";
import { readInputFile } from "../read-input-file.ts";
import { readSource } from "../read-source.ts";
import { screenOf, showNotes } from "../show.ts";

/** Options of `check`. */
export interface CheckOptions extends MachineOptions {
  readonly junit?: boolean;
  readonly sarif?: boolean;
}

/** `peerlane check POLICY [SRC]`. */
export async function runCheck(file: string, source: string | undefined, options: CheckOptions): Promise<number> {
  const policy = parsePolicy(readInputFile(file, "policy", "examples/policies"), file);
  const { after: machine, changes } = await readSource(source, options);
  const result = checkPolicy(machine, policy, rulesOf(options));
  print(formOf(options, result, changes));
  if (isForPeople(options)) showNotes(machine);
  return { pass: EXIT.yes, fail: EXIT.no, unknown: EXIT.unknown }[result.outcome];
}

function isForPeople({ json, markdown, junit, sarif }: CheckOptions): boolean {
  return [json, markdown, junit, sarif].every((wanted) => wanted !== true);
}

function formOf(options: CheckOptions, result: PolicyResult, changes: readonly Change[]): Printable {
  if (options.junit === true) return checkJunit(result);
  if (options.sarif === true) return printableJson(checkSarif(result), 1);
  if (options.json === true) return printableJson({ ...checkJson(result), ...askedJson(changes) }, 1);
  const asked = askedBlocks(changes);
  if (options.markdown === true) {
    return joinPrintable([...(asked.length === 0 ? [] : [documentMarkdown(asked)]), checkMarkdown(result)], "\n");
  }
  const screen = screenOf(options);
  return joinPrintable([...(asked.length === 0 ? [] : [documentText(asked, screen)]), checkText(result, screen)], "\n");
}
