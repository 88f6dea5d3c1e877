import { Argument, type Command } from "commander";
import { SCHEMA_NAMES, type SchemaName } from "../schema-names.ts";
import { SHELLS, type Shell } from "../shells.ts";
import type { Finish } from "./finish.ts";
import { addVm } from "./vm.ts";

/** The verbs around the others: `vm`, `completion`, `schema`. */
export function addTools(program: Command, finish: Finish): void {
  addVm(program, finish);
  program
    .command("completion")
    .description("print a completion script for a shell")
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
      const { runCompletion } = await import("../verbs/completion.ts");
      finish(runCompletion(shell, program));
    });
  program
    .command("schema")
    .description("print the JSON Schema of an output, or of scenario, policy and snapshot files")
    .addArgument(new Argument("<name>").choices(SCHEMA_NAMES))
    .addHelpText(
      "after",
      "\nExits with 0.\n\nExamples:\n  peerlane schema matrix\n  peerlane schema scenario > scenario.schema.json",
    )
    .action(async (name: SchemaName) => {
      const { runSchema } = await import("../verbs/schema.ts");
      finish(runSchema(name));
    });
}
