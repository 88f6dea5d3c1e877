import { basename, isAbsolute, relative } from "node:path";
import type { Machine } from "../host/machine.ts";
import { keptParameters } from "../host/redaction/command-line.ts";
import { isKernelName } from "../host/redaction/kernel-names.ts";
import { keptRelease } from "../host/redaction/kernel-release.ts";
import { sourceLabel } from "../host/redaction/names-of-source.ts";
import { redact } from "../host/redaction/redact.ts";
import { formatBdf } from "../pci/bdf.ts";
import { isUnknown } from "../pci/known.ts";

/** What of the names that people gave an output shows. */
export interface NamingOptions {
  readonly fullNames?: boolean;
  readonly fullCommandLine?: boolean;
}

/** Forms of an answer that some verbs have beside those of all. */
export interface MoreForms {
  readonly csv?: boolean;
  readonly svg?: boolean;
  readonly dot?: boolean;
}

/** The forms of an answer that programs and colleagues read. */
interface Forms extends Omit<MoreForms, "svg"> {
  /** The name of a file of `bench`, which draws beside its answer. */
  readonly svg?: boolean | string;
  readonly json?: boolean;
  readonly markdown?: boolean;
  readonly junit?: boolean;
  readonly sarif?: boolean;
}

/** True for the forms that are made to be sent on; a screen is for whoever sits at the machine. */
export function isSentOn({ json, markdown, csv, svg, dot, junit, sarif }: Forms): boolean {
  return [json, markdown, csv, svg, dot, junit, sarif].includes(true);
}

/**
 * The machine as an answer shows it: on a screen with the names of its devices and of its source, in what is sent on
 * without what names it or its people, unless asked. Of the command line only parameters that matter are shown, of the
 * kernel's release no names, unless asked. Verdicts are the same.
 *
 * Scenarios are written for others to read: their devices keep their names.
 */
export function shownMachine(machine: Machine, options: Forms & NamingOptions): Machine {
  const clean = isSentOn(options) && options.fullNames !== true ? withoutNames(machine) : machine;
  const { release, commandLine } = machine.kernel;
  const kernel = {
    ...clean.kernel,
    release: options.fullNames === true || isUnknown(release) ? release : keptRelease(release),
    commandLine: options.fullCommandLine === true || isUnknown(commandLine) ? commandLine : keptParameters(commandLine),
  };
  return { ...clean, kernel };
}

function withoutNames(machine: Machine): Machine {
  const label = sourceLabel(machine.source);
  const clean = redact(machine, label);
  return machine.source.format === "scenario"
    ? { ...clean, functions: machine.functions, notes: machine.notes }
    : clean;
}

/** {@link shownMachine} with the names of its devices, to be asked for by them. */
export function askedMachine(machine: Machine, options: Forms & NamingOptions): Machine {
  const shown = shownMachine(machine, options);
  const functions = shown.functions.map((fn, index) => ({ ...fn, names: machine.functions[index]?.names ?? fn.names }));
  return { ...shown, functions };
}

/** This host with its machine as an answer shows it; devices that people named are asked for by {@link addressOf}. */
export function shownHost<T extends { readonly machine: Machine }>(host: T, options: Forms & NamingOptions): T {
  return { ...host, machine: shownMachine(host.machine, options) };
}

/** The address of the device that people named so; other names stay as they are. */
export function addressOf(machine: Machine, name: string): string {
  const fn = isKernelName(name) ? undefined : machine.functions.find(({ names }) => names.includes(name));
  return fn === undefined ? name : formatBdf(fn.bdf);
}

/** How an answer names a file that the user named: as the user did on a screen; else from here, or by its last part. */
export function shownPath(path: string, options: Forms & NamingOptions): string {
  if (!isSentOn(options) || options.fullNames === true) return path;
  const fromHere = relative(process.cwd(), path);
  return fromHere === "" || fromHere.startsWith("..") || isAbsolute(fromHere) ? basename(path) : fromHere;
}
