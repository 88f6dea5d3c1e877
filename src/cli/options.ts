import { type Command, InvalidArgumentError, Option } from "commander";
import { CPU_NAMES, IOMMU_MODES } from "../host/override.ts";
import type { NamingOptions } from "./sent-on.ts";
import { cpuPresetOf, iommuModeOf } from "./spoken.ts";

/** How a verb prints its answer. */
export interface OutputOptions {
  readonly json?: boolean;
  readonly markdown?: boolean;
  readonly color: "auto" | "always" | "never";
  readonly width?: number;
  readonly debug?: boolean;
}

/** What would be other about a machine. */
export interface ChangeOptions {
  readonly kernel?: string;
  readonly cpu?: string;
  readonly iommu?: string;
  readonly set?: readonly string[];
  readonly move?: readonly string[];
  readonly append?: string;
}

/** What a machine is, and what if it were not. */
export interface WhatIfOptions extends ChangeOptions {
  readonly root?: string;
  readonly rules?: string;
}

/** The host of a guest. */
export interface HostOptions {
  readonly host?: string;
  readonly pair?: readonly string[];
}

/** What every verb that shows a machine takes. */
export interface MachineOptions extends OutputOptions, WhatIfOptions, NamingOptions {}

function parseWidth(text: string): number {
  const width = Number(text);
  if (!Number.isInteger(width) || width < 40 || width > 500)
    throw new InvalidArgumentError("a width is 40 to 500 columns");
  return width;
}

/** Gathers an option that may be given several times. */
export function repeated(value: string, previous: readonly string[] = []): readonly string[] {
  return [...previous, value];
}

/** Gathers kernel parameters, in one word or several, as on a command line. */
function appended(value: string, previous?: string): string {
  return previous === undefined ? value : `${previous} ${value}`;
}

/** Splits `gpu,nic` and repeated options into one list. */
export function listed(value: string, previous: readonly string[] = []): readonly string[] {
  const names = value.split(",").filter((name) => name !== "");
  if (names.length === 0) throw new InvalidArgumentError("it names nothing");
  return [...previous, ...names];
}

/** The argument that names a machine. */
export const SOURCE_HELP =
  "a dump of lspci, an archive or folder of sysfs, a snapshot, a scenario, XML of hwloc or NCCL, a dump of rdma_topo, - for standard input; without it, this host";

/** Adds the options of {@link OutputOptions} to a verb. */
export function addOutputOptions(command: Command): Command {
  return command
    .option("--json", "print JSON (peerlane schema shows its form)")
    .addOption(new Option("--markdown", "print Markdown, for an issue tracker").conflicts("json"))
    .addOption(new Option("--color <when>", "colour the output").choices(["auto", "always", "never"]).default("auto"))
    .option("--width <columns>", "draw for this many columns", parseWidth)
    .option("--debug", "show stack traces of errors");
}

/** Adds the option for CSV to a verb. */
export function addCsvOption(command: Command, rows: string): Command {
  return command.addOption(
    new Option("--csv", `print CSV, ${rows}, for a spreadsheet`).conflicts(["json", "markdown"]),
  );
}

/** Adds the options for pictures to a verb. */
export function addPictureOptions(command: Command): Command {
  return command
    .addOption(new Option("--svg", "print SVG, a picture for a browser").conflicts(["json", "markdown", "csv"]))
    .addOption(new Option("--dot", "print DOT, a graph for Graphviz").conflicts(["json", "markdown", "csv", "svg"]));
}

/** Adds the options of {@link NamingOptions} to a verb. */
export function addNamingOptions(command: Command): Command {
  return command
    .option("--full-names", "names that people or MAC addresses gave, in JSON and Markdown too")
    .option("--full-command-line", "the kernel's whole command line, not only the parameters that matter");
}

/** Adds the options of {@link HostOptions} to a verb. */
export function addHostOptions(command: Command): Command {
  return command
    .option("--host <file>", "of a guest: a dump of the host it runs on, whose hardware the path is")
    .option("--pair <guest=host>", "which device of the host one of the guest is, as 05:00.0=17:00.0", repeated);
}

/** Adds the options of {@link MachineOptions} to a verb. */
export function addMachineOptions(command: Command): Command {
  return addOutputOptions(addNamingOptions(addWhatIfOptions(command)));
}

/** Adds the options of {@link WhatIfOptions} to a verb. */
export function addWhatIfOptions(command: Command): Command {
  return addChangeOptions(
    command.option("--root <dir>", "read a folder that holds sys/ and proc/ instead of this host"),
  ).option("--rules <release>", "the kernel release whose rules decide, without changing the machine");
}

/** Adds the options of {@link ChangeOptions} to a verb. */
export function addChangeOptions(command: Command): Command {
  return command
    .option("--kernel <release>", "what if this kernel ran, as 7.3; or what runs, where the source does not say")
    .addOption(
      new Option("--cpu <name>", "what if it had this CPU, likewise").choices([...CPU_NAMES]).argParser(cpuPresetOf),
    )
    .addOption(
      new Option("--iommu <mode>", "what if the IOMMU were used so, likewise")
        .choices([...IOMMU_MODES])
        .argParser(iommuModeOf),
    )
    .option("--append <parameters>", "what if the kernel had these parameters, as 'iommu=pt pci=noats'", appended)
    .option("--set <device.acs=bits>", "what if ACS bits were written, as 00:04.0.acs=-RR-CR", repeated)
    .option("--move <device=under:port>", "what if a device were elsewhere, as 05:00.0=under:02:01.0", repeated);
}

/** `--rules` as the library takes it. */
export function rulesOf({ rules }: Pick<WhatIfOptions, "rules">): { readonly rules?: string } {
  return rules === undefined ? {} : { rules };
}
