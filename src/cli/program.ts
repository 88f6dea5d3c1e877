import { Argument, Command } from "commander";
import { completionScript, SHELLS } from "./completion.ts";
import { addMachineOptions, type MachineOptions, SOURCE_HELP } from "./options.ts";
import { SCHEMA_NAMES, type SchemaName } from "./schema-names.ts";
import type { MatrixOptions } from "./verbs/matrix.ts";
import type { VmOptions } from "./verbs/vm.ts";

/** Splits `gpu,nic` and repeated options into one list. */
function collect(value: string, previous: readonly string[] = []): readonly string[] {
  return [...previous, ...value.split(",").filter((name) => name !== "")];
}

/** The command line: verbs, options, help. Verbs load what they need when they run; `finish` takes the exit code. */
export function makeProgram(version: string, finish: (code: number) => void): Command {
  const program = new Command("peerlane")
    .description(
      "Which PCI device can reach which other directly, how, and why not: the Linux kernel's P2PDMA rules for any machine.",
    )
    .version(version)
    .showSuggestionAfterError()
    .addHelpText("after", PROGRAM_EXAMPLES);
  addMatrix(program, finish);
  addTree(program, finish);
  addExplain(program, finish);
  addVm(program, finish);
  program
    .command("completion")
    .description("print a completion script for a shell")
    .addArgument(new Argument("<shell>").choices(SHELLS))
    .addHelpText("after", "\nExamples:\n  source <(peerlane completion bash)\n  peerlane completion fish | source")
    .action((shell: (typeof SHELLS)[number]) => {
      process.stdout.write(completionScript(shell, program));
      finish(0);
    });
  program
    .command("schema")
    .description("print the JSON Schema of an output, or of scenario files")
    .addArgument(new Argument("<name>").choices(SCHEMA_NAMES))
    .addHelpText("after", "\nExamples:\n  peerlane schema matrix\n  peerlane schema scenario > scenario.schema.json")
    .action(async (name: SchemaName) => {
      const { runSchema } = await import("./verbs/schema.ts");
      finish(runSchema(name));
    });
  return program;
}

const PROGRAM_EXAMPLES = `
Examples:
  sudo peerlane                      the matrix of this host
  peerlane dump.txt                  of a dump that a colleague sent (lspci -vvv, made as root)
  peerlane tree dump.txt             its topology, with links, ACS and IOMMU groups
  peerlane explain nvme0 mlx5_0      one pair, both ways, hop by hop
  peerlane vm examples/one-switch.yaml    the same, decided by a real kernel in QEMU

Exit codes: 0 yes, 1 no, 2 usage or bad input, 3 the source hides what is needed, 4 the operation failed`;

function addMatrix(program: Command, finish: (code: number) => void): void {
  const command = program
    .command("matrix", { isDefault: true })
    .description("which device can reach which other directly (the default verb)")
    .argument("[source]", SOURCE_HELP)
    .option("--all", "every function with a memory BAR as provider, every one but bridges as client")
    .option("--providers <names>", "only these providers: addresses, nvme0, 10de:2330, gpu, nic, nvme, accel", collect)
    .option("--clients <names>", "only these clients, likewise", collect);
  addMachineOptions(command)
    .addHelpText(
      "after",
      `
Examples:
  sudo peerlane matrix
  peerlane matrix dump.txt --cpu amd-zen --kernel 7.2
  ssh server sudo lspci -vvv | peerlane -
  peerlane matrix server.tar.gz --providers nvme --clients nic --json`,
    )
    .action(async (source: string | undefined, options: MatrixOptions) => {
      const { runMatrix } = await import("./verbs/matrix.ts");
      finish(await runMatrix(source, options));
    });
}

function addTree(program: Command, finish: (code: number) => void): void {
  const command = program
    .command("tree")
    .description("the topology: links as negotiated and as possible, ACS, IOMMU groups, peer memory")
    .argument("[source]", SOURCE_HELP);
  addMachineOptions(command)
    .addHelpText("after", "\nExamples:\n  sudo peerlane tree\n  peerlane tree dump.txt --width 120 | less")
    .action(async (source: string | undefined, options: MachineOptions) => {
      const { runTree } = await import("./verbs/tree.ts");
      finish(await runTree(source, options));
    });
}

function addExplain(program: Command, finish: (code: number) => void): void {
  const command = program
    .command("explain")
    .description("one pair, both ways: the path, the verdict, each reason, the address, the kernel's own hint")
    .argument("<provider>", "the device whose memory is used: 0000:03:00.0, 03:00.0, nvme0, 10de:2330")
    .argument("<client>", "the device that reads and writes it")
    .argument("[source]", SOURCE_HELP);
  addMachineOptions(command)
    .addHelpText(
      "after",
      "\nExamples:\n  sudo peerlane explain nvme0 mlx5_0\n  peerlane explain 03:00.0 05:00.0 dump.txt --kernel 6.12 --cpu intel",
    )
    .action(async (provider: string, client: string, source: string | undefined, options: MachineOptions) => {
      const { runExplain } = await import("./verbs/explain.ts");
      finish(await runExplain(provider, client, source, options));
    });
}

function addVm(program: Command, finish: (code: number) => void): void {
  program
    .command("vm")
    .description("boot a scenario in QEMU and show what a real kernel decides there")
    .argument("<scenario>", "a scenario file (YAML); examples/ has some")
    .option("--kernel-image <file>", "boot this kernel instead of Debian's")
    .option("--busybox <file>", "use this static busybox instead of Debian's")
    .option("--refresh", "fetch the kernel again even where the cache holds one")
    .option("--save <file>", "keep the guest's sysfs and procfs as a .tar.gz, which every verb reads")
    .option("--json", "print JSON")
    .option("--color <when>", "colour the output", "auto")
    .option("--width <columns>", "draw for this many columns", Number)
    .option("--debug", "show stack traces of errors")
    .addHelpText(
      "after",
      `
Needs QEMU (apt-get install qemu-system-x86); fetches Debian's kernel and busybox once, into the cache.
Nothing on this machine is changed: the guest has disks of its own and no network.

Examples:
  peerlane vm examples/one-switch.yaml
  peerlane vm my-server.yaml --save my-server.tar.gz && peerlane tree my-server.tar.gz`,
    )
    .action(async (file: string, options: VmOptions) => {
      const { runVm } = await import("./verbs/vm.ts");
      finish(await runVm(file, options));
    });
}
