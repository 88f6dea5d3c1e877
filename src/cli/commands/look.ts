import type { Command } from "commander";
import { addMachineOptions, listed, type MachineOptions, SOURCE_HELP } from "../options.ts";
import type { ExplainOptions } from "../verbs/explain.ts";
import type { MatrixOptions } from "../verbs/matrix.ts";
import type { Finish } from "./finish.ts";

/** The verbs that show a machine: `matrix`, `tree`, `explain`. */
export function addLookingVerbs(program: Command, finish: Finish): void {
  addMatrix(program, finish);
  addTree(program, finish);
  addExplain(program, finish);
}

function addMatrix(program: Command, finish: Finish): void {
  const command = program
    .command("matrix", { isDefault: true })
    .description("which device can reach which other directly (the default verb)")
    .argument("[source]", SOURCE_HELP)
    .option("--all", "every function with a memory BAR as provider, every one but bridges as client")
    .option("--providers <names>", "only these providers: addresses, nvme0, 10de:2330, gpu, nic, nvme, accel", listed)
    .option("--clients <names>", "only these clients, likewise", listed);
  addMachineOptions(command)
    .addHelpText(
      "after",
      `
Exits with 0, or with 3 where the source hides what decides each of the pairs.

Examples:
  sudo peerlane matrix
  peerlane matrix dump.txt --cpu amd-zen --kernel 7.2
  ssh server sudo lspci -vvv | peerlane -
  peerlane matrix server.tar.gz --iommu passthrough --append pci=disable_acs_redir=00:04.0
  peerlane matrix server.tar.gz --providers nvme --clients nic --json`,
    )
    .action(async (source: string | undefined, options: MatrixOptions) => {
      const { runMatrix } = await import("../verbs/matrix.ts");
      finish(await runMatrix(source, options));
    });
}

function addTree(program: Command, finish: Finish): void {
  const command = program
    .command("tree")
    .description("the topology: links as negotiated and as possible, ACS, IOMMU groups, peer memory")
    .argument("[source]", SOURCE_HELP);
  addMachineOptions(command)
    .addHelpText(
      "after",
      "\nExits with 0.\n\nExamples:\n  sudo peerlane tree\n  peerlane tree dump.txt --width 120 | less\n  peerlane tree dump.txt --move 05:00.0=under:02:01.0",
    )
    .action(async (source: string | undefined, options: MachineOptions) => {
      const { runTree } = await import("../verbs/tree.ts");
      finish(await runTree(source, options));
    });
}

function addExplain(program: Command, finish: Finish): void {
  const command = program
    .command("explain")
    .description("one pair, both ways: the path, the verdict, each reason, the address, the kernel's own hint")
    .argument("<provider>", "the device whose memory is used: 0000:03:00.0, 03:00.0, nvme0, 10de:2330")
    .argument("<client>", "the device that reads and writes it")
    .argument("[source]", SOURCE_HELP)
    .option("--history", "what each kernel release says of the pair");
  addMachineOptions(command)
    .addHelpText(
      "after",
      `
Exits with 0 where the client reaches the provider's memory, directly or through the host bridge, 1 where the kernel
refuses, 3 where the source hides what decides; --history too, by the machine's own kernel.

Examples:
  sudo peerlane explain nvme0 mlx5_0
  peerlane explain 03:00.0 05:00.0 dump.txt --kernel 6.12 --cpu intel
  peerlane explain gpu nic dump.txt --history`,
    )
    .action(async (provider: string, client: string, source: string | undefined, options: ExplainOptions) => {
      const { runExplain } = await import("../verbs/explain.ts");
      finish(await runExplain(provider, client, source, options));
    });
}
