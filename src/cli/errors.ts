import picocolors from "picocolors";
import { formatPlace, PeerlaneError } from "../pci/error.ts";
import { EXIT, exitCodeOf } from "./exit-codes.ts";
import { wantsColor } from "./terminal.ts";

/** Says what went wrong, where, and what to do, on standard error; returns the exit code. */
export function reportError(error: unknown, isDebug: boolean): number {
  const colors = picocolors.createColors(wantsColor("auto", process.stderr));
  if (error instanceof PeerlaneError) {
    const where = error.place === undefined ? "" : `${formatPlace(error.place)}: `;
    const lines = [`${colors.red("peerlane:")} ${where}${error.message}`];
    for (const [name, value] of Object.entries(error.facts)) lines.push(`  ${name}: ${value}`);
    if (error.remedy !== undefined) lines.push(`  ${colors.bold("→")} ${error.remedy}`);
    if (isDebug) lines.push(error.stack ?? "", String(error.cause ?? ""));
    process.stderr.write(`${lines.join("\n")}\n`);
    return exitCodeOf(error.code);
  }
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(
    `${colors.red("peerlane:")} unexpected: ${message}\n  → this is a bug; please report it with the output of --debug\n`,
  );
  if (isDebug && error instanceof Error) process.stderr.write(`${error.stack}\n`);
  return EXIT.failed;
}
