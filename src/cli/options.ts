import { type Command, InvalidArgumentError, Option } from "commander";
import { CPU_NAMES, IOMMU_MODES } from "../host/override.ts";

/** What every verb that reads a machine takes. */
export interface MachineOptions {
  readonly root?: string;
  readonly json?: boolean;
  readonly kernel?: string;
  readonly cpu?: string;
  readonly iommu?: string;
  readonly rules?: string;
  readonly color: "auto" | "always" | "never";
  readonly width?: number;
  readonly debug?: boolean;
}

function parseWidth(text: string): number {
  const width = Number(text);
  if (!Number.isInteger(width) || width < 40 || width > 500)
    throw new InvalidArgumentError("a width is 40 to 500 columns");
  return width;
}

/** The argument that names a machine. */
export const SOURCE_HELP =
  "a dump of lspci, an archive or folder of sysfs, a scenario, - for standard input; without it, this host";

/** Adds the options of {@link MachineOptions} to a verb. */
export function addMachineOptions(command: Command): Command {
  return command
    .option("--root <dir>", "read a folder that holds sys/ and proc/ instead of this host")
    .option("--kernel <release>", "the kernel to decide for, as 6.12, where the source does not say or to ask what if")
    .addOption(new Option("--cpu <name>", "the CPU, likewise").choices([...CPU_NAMES]))
    .addOption(new Option("--iommu <mode>", "how the IOMMU is used, likewise").choices([...IOMMU_MODES]))
    .option("--rules <release>", "the kernel release whose rules decide, without changing the machine")
    .option("--json", "print JSON (peerlane schema shows its form)")
    .addOption(new Option("--color <when>", "colour the output").choices(["auto", "always", "never"]).default("auto"))
    .option("--width <columns>", "draw for this many columns", parseWidth)
    .option("--debug", "show stack traces of errors");
}
