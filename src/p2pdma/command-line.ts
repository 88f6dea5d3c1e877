import { isUnknown, type Known } from "../pci/known.ts";

/** A command line with more parameters behind it; one that the source hides is taken to be empty. */
export function appendParameters(commandLine: Known<string>, parameters: string): string {
  return isUnknown(commandLine) || commandLine.trim() === "" ? parameters : `${commandLine.trim()} ${parameters}`;
}
