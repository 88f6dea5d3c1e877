import { createInterface } from "node:readline/promises";
import { PeerlaneError } from "../pci/error.ts";

/**
 * Asks before something that cannot be undone, on the terminal; anything but `yes` is a no. Throws `usage` where there
 * is no terminal to ask on, and `operation-failed` where the signal ends the question.
 */
export async function confirm(what: string, signal: AbortSignal): Promise<boolean> {
  if (process.stdin.isTTY !== true || process.stderr.isTTY !== true)
    throw new PeerlaneError("usage", `${what}; that has to be agreed to, and there is no terminal to ask on`, {
      remedy: "say --yes where that is what you want",
    });
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return (await terminal.question(`${what}.\nType yes to go on: `, { signal })).trim().toLowerCase() === "yes";
  } catch (cause) {
    if (!signal.aborted) throw cause;
    throw new PeerlaneError("operation-failed", "interrupted before anything was done", { cause });
  } finally {
    terminal.close();
  }
}
