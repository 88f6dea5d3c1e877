import type { Command } from "commander";
import { addChangeOptions, addNamingOptions, addOutputOptions } from "../options.ts";
import type { SimulateOptions } from "../verbs/simulate.ts";
import type { Finish } from "./finish.ts";

/** The verb `simulate`. */
export function addSimulate(program: Command, finish: Finish): void {
  const command = program
    .command("simulate")
    .description("run transfers on a model of a machine: bytes per link and in DRAM, what arrived, what was lost")
    .argument("<scenario>", "a workload file (YAML); examples/workloads has some")
    .option("--trace", "show the way of every request, hop by hop")
    .option("--trace-file <file>", "write the same for Perfetto and chrome://tracing (replaces what is there)");
  addOutputOptions(addNamingOptions(addChangeOptions(command)))
    .addHelpText(
      "after",
      `
Exits with 0 where all is delivered and every byte is right at its owner, 1 where something is refused, lost, faulted or
wrong, 3 where the source of the machine hides what decides, 4 where a file cannot be written.

Examples:
  peerlane simulate examples/workloads/nvmeof-one-switch.yaml
  peerlane simulate examples/workloads/silent-loss.yaml --trace
  peerlane simulate examples/workloads/silent-loss.yaml --iommu passthrough
  peerlane simulate my-target.yaml --trace-file trace.json      then open it in https://ui.perfetto.dev`,
    )
    .action(async (file: string, options: SimulateOptions) => {
      const { runSimulate } = await import("../verbs/simulate.ts");
      finish(await runSimulate(file, options));
    });
}
