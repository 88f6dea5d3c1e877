import type { Command, Option } from "commander";
import { KINDS_OF_INTEREST } from "../../pci/device-kind.ts";

/** What stands behind an option: nothing, one of some words, a file, a folder, devices, or a word of the user's own. */
export type Value =
  | { readonly kind: "none" | "file" | "folder" | "devices" | "word" }
  | { readonly kind: "choice"; readonly choices: readonly string[] };

/** An option as a completion script offers it. */
export interface OptionWords {
  /** `--output` and, where there is one, `-o`. */
  readonly flags: readonly string[];
  readonly description: string;
  readonly value: Value;
  readonly isRepeatable: boolean;
}

/** A verb with what can follow it. */
export interface VerbWords {
  readonly name: string;
  readonly description: string;
  readonly options: readonly OptionWords[];
  /** Words that its argument can be; none where it takes devices or files. */
  readonly choices: readonly string[];
  /** Whether devices are named behind it. */
  readonly takesDevices: boolean;
}

/** Classes of devices, which every machine has a word for. */
export const DEVICE_CLASSES: string = KINDS_OF_INTEREST.join(" ");

/** Where the kernel of this host lists devices by the names that people use. */
export const DEVICE_FOLDERS = ["nvme", "infiniband", "accel"] as const;

/** What arguments that are devices are called. */
const DEVICE_ARGUMENTS = ["provider", "clients", "names", "device", "devices"];

/** The verbs of the program, read off the program itself; `releases` are what `<release>` can be. */
export function readVerbs(program: Command, releases: readonly string[]): readonly VerbWords[] {
  const help = program.createHelp();
  const commands = help.visibleCommands(program);
  return commands.map((command) => ({
    name: command.name(),
    description: command.description(),
    options: help.visibleOptions(command).map((option) => readOption(option, readsSource(command), releases)),
    choices:
      command.name() === "help"
        ? commands.map((each) => each.name())
        : (command.registeredArguments[0]?.argChoices ?? []),
    takesDevices: DEVICE_ARGUMENTS.includes(command.registeredArguments[0]?.name() ?? ""),
  }));
}

/** Whether a verb is about a machine that a source may show. */
function readsSource(command: Command): boolean {
  return command.options.some(({ long }) => long === "--root");
}

function readOption(option: Option, isOfMachine: boolean, releases: readonly string[]): OptionWords {
  return {
    flags: [option.long, option.short].filter((flag) => flag !== undefined && flag !== null),
    description: option.description,
    value: isOfMachine && option.flags.endsWith("<names>") ? { kind: "devices" } : readValue(option, releases),
    isRepeatable: option.parseArg !== undefined,
  };
}

function readValue({ argChoices, flags, required }: Option, releases: readonly string[]): Value {
  if (argChoices !== undefined) return { kind: "choice", choices: argChoices };
  if (flags.endsWith("<release>")) return { kind: "choice", choices: releases };
  if (flags.endsWith("<file>")) return { kind: "file" };
  if (flags.endsWith("<dir>")) return { kind: "folder" };
  return { kind: required ? "word" : "none" };
}
