import { Argument, type Command } from "commander";
import type { Printable } from "../../pci/visible.ts";
import { RELEASES } from "../../rules/kernels/choose-rules.ts";
import { bashScript } from "../completion/bash.ts";
import { fishScript } from "../completion/fish.ts";
import { readVerbs } from "../completion/words.ts";
import { zshScript } from "../completion/zsh.ts";
import { EXIT } from "../exit-codes.ts";
import { print } from "../print.ts";
import type { Finish } from "../verb.ts";

/** Shells that have one. */
const SHELLS = ["bash", "zsh", "fish"] as const;
type Shell = (typeof SHELLS)[number];

const SCRIPTS = { bash: bashScript, zsh: zshScript, fish: fishScript } as const;

/** Its arguments, options and help. */
export function declareCompletion(command: Command, finish: Finish, program: Command): void {
  command
    .addArgument(new Argument("<shell>").choices(SHELLS))
    .addHelpText(
      "after",
      `
Exits with 0.

Examples:
  source <(peerlane completion bash)                              in ~/.bashrc
  source <(peerlane completion zsh)                               in ~/.zshrc, behind compinit
  peerlane completion fish > ~/.config/fish/completions/peerlane.fish`,
    )
    .action(async (shell: Shell) => {
      finish(runCompletion(shell, program));
    });
}

/** `peerlane completion SHELL`: a script made from the program's own verbs, options and choices. */
export function runCompletion(shell: Shell, program: Command): number {
  // Made of our own words only; their tabs and line ends are the script's.
  print(SCRIPTS[shell](readVerbs(program, RELEASES)) as Printable);
  return EXIT.yes;
}
