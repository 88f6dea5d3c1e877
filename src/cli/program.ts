import { Command } from "commander";
import type { Printable } from "../pci/visible.ts";
import { print, say } from "./print.ts";
import { DEFAULT_VERB, type Finish } from "./verb.ts";
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
    .configureHelp({ subcommandTerm })
    .configureOutput({
      // Help and version are our own words; an error holds the user's.
      writeOut: (text) => print(text as Printable),
      writeErr: (text) => say(text.trimEnd().split("\n")),
      outputError: (text) => say(usageLines(text)),
    })
    .addHelpText("after", PROGRAM_EXAMPLES);
  const meant = words === undefined ? null : verbsMeant(words);
  for (const { name, summary, load } of VERBS) {
    const command = program.command(name, { isDefault: name === DEFAULT_VERB }).description(summary);
    if (meant === null || meant.has(name)) (await load())(command, finish, program);
  }
  return program;
}

/** A verb's line in the help, loaded or not. */
function subcommandTerm(command: Command): string {
  const { synopsis = "[command]" } = VERBS.find(({ name }) => name === command.name()) ?? {};
  return `${command.name()} ${synopsis}`;
}

/** The verbs that a command line can mean: any of its words, or the one for lines without; `null` for all of them. */
function verbsMeant(words: readonly string[]): ReadonlySet<string> | null {
  if (words.includes("completion")) return null;
  const named = words.filter((word) => VERBS.some(({ name }) => name === word));
  const isOfProgram = /^(?:-h|--help|-V|--version|help)$/.test(words[0] ?? "");
  return new Set(isOfProgram || (words[0] === named[0] && named.length > 0) ? named : [...named, DEFAULT_VERB]);
}

/** An error of a wrong argument; a line end in it belongs to what was given, but for the one before what was perhaps meant. */
function usageLines(text: string): readonly string[] {
  const [, error = "", hint] = /^(?:error: )?(.*?)(?:\n(\(Did you mean [^\n]*))?\n*$/s.exec(text) ?? [];
  return [`peerlane: ${error}`, ...(hint === undefined ? [] : [hint])];
}

const PROGRAM_EXAMPLES = `
Examples:
  sudo peerlane                      the matrix of this host
  peerlane dump.txt                  of a dump that a colleague sent (lspci -vvv, made as root)
  peerlane tree dump.txt             its topology, with links, ACS and IOMMU groups
  peerlane explain nvme0 mlx5_0      one pair, both ways, hop by hop
  peerlane fix nvme0 mlx5_0          the smallest change that makes it work
  peerlane matrix dump.txt --kernel 7.3 --iommu passthrough       what if
  sudo peerlane capture -o server.json.gz                         for a colleague to look at
  peerlane vm examples/one-switch.yaml    the same, decided by a real kernel in QEMU
  sudo peerlane probe                does peer memory work on this host, and is the data right?
  sudo peerlane copy nvme0 nvme1 --verify                         from device to device, past DRAM

Exit codes: 0 yes, 1 no, 2 usage or bad input, 3 the source hides what is needed, 4 the operation failed
(help of a verb says what yes and no are there; a reader that stops early, as head, changes nothing)`;
