import { Argument, type Command } from "commander";
import { selectDevices } from "../../host/select.ts";
import { PeerlaneError } from "../../pci/error.ts";
import type { Printable } from "../../pci/visible.ts";
import { displayName } from "../../report/device-names.ts";
import { RELEASES } from "../../rules/kernels/choose-rules.ts";
import { bashScript } from "../completion/bash.ts";
import { fishScript } from "../completion/fish.ts";
import { readVerbs } from "../completion/words.ts";
import { zshScript } from "../completion/zsh.ts";
import { EXIT } from "../exit-codes.ts";
import { print } from "../print.ts";
import { readSource } from "../read-source.ts";
import type { Finish } from "../verb.ts";

/** Shells that have one. */
const SHELLS = ["bash", "zsh", "fish"] as const;
type Shell = (typeof SHELLS)[number];

const SCRIPTS = { bash: bashScript, zsh: zshScript, fish: fishScript } as const;

/** Its arguments, options and help. */
export function declareCompletion(command: Command, finish: Finish, program: Command): void {
  command
    .addArgument(new Argument("[shell]").choices(SHELLS))
    .option("--devices <source>", "print the names of a source's devices instead, as these scripts ask for them")
    .addHelpText(
      "after",
      `
Exits with 0.

Examples:
  source <(peerlane completion bash)                              in ~/.bashrc
  source <(peerlane completion zsh)                               in ~/.zshrc, behind compinit
  peerlane completion fish > ~/.config/fish/completions/peerlane.fish`,
    )
    .action(async (shell: Shell | undefined, { devices }: { readonly devices?: string }) => {
      finish(devices === undefined ? runCompletion(shell, program) : await listNames(devices));
    });
}

/** `peerlane completion SHELL`: a script made from the program's own verbs, options and choices. */
export function runCompletion(shell: Shell | undefined, program: Command): number {
  if (shell === undefined) {
    throw new PeerlaneError("usage", "completion takes a shell", { remedy: `name one of ${SHELLS.join(", ")}` });
  }
  // Made of our own words only; their tabs and line ends are the script's.
  print(SCRIPTS[shell](readVerbs(program, RELEASES)) as Printable);
  return EXIT.yes;
}

/** What a shell makes nothing else of. */
const PLAIN_NAME = /^[\w.:-]+$/;

/** Names of a source's devices, a line each: those that people use, else addresses. */
async function listNames(source: string): Promise<number> {
  const { after } = await readSource(source, {});
  const { providers, clients } = selectDevices(after, { all: false });
  const devices = after.functions.filter(({ bdf }) => providers.includes(bdf) || clients.includes(bdf));
  const names = devices.map(displayName);
  print(names.map((name) => (PLAIN_NAME.test(name) ? `${name}\n` : "")).join("") as Printable);
  return EXIT.yes;
}
