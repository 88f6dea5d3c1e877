import { Argument, type Command } from "commander";
import { addOutputOptions } from "../options.ts";
import { SCHEMA_NAMES, type SchemaName } from "../schema-names.ts";
import { SHELLS, type Shell } from "../shells.ts";
import type { VmOptions } from "../verbs/vm.ts";
import type { Finish } from "./finish.ts";

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

function addVm(program: Command, finish: Finish): void {
  const command = program
    .command("vm")
    .description("boot a scenario in QEMU and show what a real kernel decides there")
    .argument("<scenario>", "a scenario file (YAML); examples/ has some")
    .option("--kernel-image <file>", "boot this kernel instead of Debian's")
    .option("--busybox <file>", "use this static busybox instead of Debian's")
    .option("--refresh", "fetch the kernel again even where the cache holds one")
    .option(
      "--save <file>",
      "keep the guest's sysfs and procfs as a .tar.gz, which every verb reads (replaces what is there)",
    );
  addOutputOptions(command)
    .addHelpText(
      "after",
      `
Needs QEMU (apt-get install qemu-system-x86); fetches Debian's kernel and busybox once, into the cache.
Nothing on this machine is changed: the guest has disks of its own and no network.
Exits with 0 where the kernel decides each pair as the rules do, 1 where not, 4 where the machine did not run.

Examples:
  peerlane vm examples/one-switch.yaml
  peerlane vm my-server.yaml --save my-server.tar.gz && peerlane tree my-server.tar.gz`,
    )
    .action(async (file: string, options: VmOptions) => {
      const { runVm } = await import("../verbs/vm.ts");
      finish(await runVm(file, options));
    });
}
