import type { Command } from "commander";
import { RELEASES } from "../../advice/history.ts";
import type { Printable } from "../../pci/visible.ts";
import { bashScript } from "../completion/bash.ts";
import { fishScript } from "../completion/fish.ts";
import { readVerbs } from "../completion/words.ts";
import { zshScript } from "../completion/zsh.ts";
import { EXIT } from "../exit-codes.ts";
import { print } from "../print.ts";
import type { Shell } from "../shells.ts";

const SCRIPTS = { bash: bashScript, zsh: zshScript, fish: fishScript } as const;

/** `peerlane completion SHELL`: a script made from the program's own verbs, options and choices. */
export function runCompletion(shell: Shell, program: Command): number {
  // Made of our own words only; their tabs and line ends are the script's.
  print(SCRIPTS[shell](readVerbs(program, RELEASES)) as Printable);
  return EXIT.yes;
}
