import { Command } from "commander";
import type { Printable } from "../pci/visible.ts";
import { addAdvisingVerbs } from "./commands/advise.ts";
import { addBench } from "./commands/bench.ts";
import { addCopy } from "./commands/copy.ts";
import { addExchangeVerbs } from "./commands/exchange.ts";
import type { Finish } from "./commands/finish.ts";
import { addLab } from "./commands/lab.ts";
import { addLookingVerbs } from "./commands/look.ts";
import { addP2pmem } from "./commands/p2pmem.ts";
import { addProbe } from "./commands/probe.ts";
import { addSimulate } from "./commands/simulate.ts";
import { addTools } from "./commands/tools.ts";
import { print, say } from "./print.ts";

/** The command line: verbs, options, help. Verbs load what they need when they run; `finish` takes the exit code. */
export function makeProgram(version: string, finish: Finish): Command {
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
    })
    .addHelpText("after", PROGRAM_EXAMPLES);
  addLookingVerbs(program, finish);
  addAdvisingVerbs(program, finish);
  addExchangeVerbs(program, finish);
  addLab(program, finish);
  addSimulate(program, finish);
  addP2pmem(program, finish);
  addCopy(program, finish);
  addProbe(program, finish);
  addBench(program, finish);
  addTools(program, finish);
  return program;
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
