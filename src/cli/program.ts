import { Command } from "commander";
import { PeerlaneError } from "../pci/error.ts";
import type { Printable } from "../pci/visible.ts";
import type { Rich } from "../report/rich.ts";
import { errorLines } from "./errors.ts";
import { fileBehindForm } from "./file-behind-form.ts";
import { print, say } from "./print.ts";
import { DEFAULT_VERB, type Finish, type VerbGroup } from "./verb.ts";
import { VERBS } from "./verbs.ts";

/**
 * The command line: verbs, options, help; `finish` takes the exit code. Of the verbs only those are loaded that the words
 * behind the program's name can mean; of the others the help has their line. Without words all are.
 */
export async function makeProgram(version: string, finish: Finish, words?: readonly string[]): Promise<Command> {
  const program = new Command("peerlane")
    .description(
      "Which PCI device can reach which other directly, how, and why not: the Linux kernel's P2PDMA rules for any machine.",
    )
    .version(version)
    .showSuggestionAfterError()
    .configureOutput({
      // Help and version are our own words; an error holds the user's.
      writeOut: (text) => print(text as Printable),
      writeErr: (text) => say(text.trimEnd().split("\n")),
      outputError: (text) => say(usageLines(text)),
    });
  program.helpInformation = programHelp;
  const meant = words === undefined ? null : verbsMeant(words);
  for (const { name, summary, load } of VERBS) {
    const command = program.command(name, { isDefault: name === DEFAULT_VERB }).description(summary);
    command.configureOutput({ outputError: (text) => say(usageLines(text, name, words)) });
    if (meant === null || meant.has(name)) (await load())(command, finish, program);
  }
  return program;
}

/** What somebody wants who uses a verb, with its heading, in the order of the help. */
export const VERB_GROUPS: readonly (readonly [group: VerbGroup, heading: string])[] = [
  ["look", "Look"],
  ["decide", "Decide"],
  ["change", "Change"],
  ["data", "Move data, on this host"],
  ["model", "Model"],
  ["files", "Files, scripts, schemas"],
];

/** The help of the program: verbs by what one wants. It fits a terminal of 40 lines of 80 columns. */
function programHelp(): string {
  const lines = VERB_GROUPS.flatMap(([group, heading]) => [
    `${heading}:`,
    ...VERBS.filter((verb) => verb.group === group).map(({ name, summary }) => `  ${name.padEnd(11)} ${summary}`),
  ]);
  return `${[PROGRAM_HEAD, ...lines, PROGRAM_FOOT].join("\n")}\n`;
}

/** The verbs that a command line can mean: any of its words, or the one for lines without; `null` for all of them. */
function verbsMeant(words: readonly string[]): ReadonlySet<string> | null {
  if (words.includes("completion")) return null;
  const named = words.filter((word) => VERBS.some(({ name }) => name === word));
  const isOfProgram = /^(?:-h|--help|-V|--version|help)$/.test(words[0] ?? "");
  return new Set(isOfProgram || (words[0] === named[0] && named.length > 0) ? named : [...named, DEFAULT_VERB]);
}

/**
 * What the parser says of wrong words, and the way out. A line end in it belongs to what was given, but for the one before
 * what was perhaps meant.
 */
function usageLines(text: string, verb = "", words: readonly string[] = []): readonly Rich[] {
  const [, error = "", hint] = /^(?:error: )?(.*?)(?:\n\((Did you mean [^\n]*)\))?\n*$/s.exec(text) ?? [];
  const [, wrong = error, remark] = /^(.*? is invalid(?: for argument '\w+')?)\. (.*?)\.?$/s.exec(error) ?? [];
  const help = `peerlane ${verb}${verb === "" ? "" : " "}--help shows what it takes`;
  const remedy =
    (hint ?? remark)?.replace(/^[A-Z](?=[a-z])/, (letter) => letter.toLowerCase()) ??
    (error.includes("cannot be used with") ? "leave one of them out" : null) ??
    (error.startsWith("too many arguments") ? fileBehindForm(words) : null) ??
    help;
  return errorLines(new PeerlaneError("usage", wrong.replace(/\. E(xpected .*?)\.$/s, ": e$1"), { remedy }));
}

const PROGRAM_HEAD = `Usage: peerlane [verb] [options] [words]          (-h, --help; -V, --version)

Which PCI device can reach which other directly, how, and why not: the Linux
kernel's P2PDMA rules for any machine.
`;

const PROGRAM_FOOT = `Examples:
  sudo peerlane                         the matrix of this host
  peerlane dump.txt --iommu pt          of another's lspci -vvv (root): what if
  peerlane gpu:0 mlx5_0 dump.txt        one pair, hop by hop
  peerlane fix gpu:0 mlx5_0 dump.txt    the smallest change that makes it work
Exit codes: 0 yes, 1 no, 2 usage or bad input, 3 the source hides what decides,
4 it failed. Each verb's --help says what they are there, and has examples.`;
