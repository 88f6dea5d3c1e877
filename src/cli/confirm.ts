import { createInterface } from "node:readline/promises";
import { PeerlaneError } from "../pci/error.ts";
import { visible } from "../pci/visible.ts";
import { say } from "./print.ts";

/**
 * Asks before something that cannot be undone, on the terminal; anything but `yes` is a no, and so are Ctrl-C, the end of
 * the input and `signal`. Throws `usage` with `remedy` where there is no terminal to ask on.
 */
export async function confirm(question: string, remedy: string, signal: AbortSignal): Promise<boolean> {
  if (process.stdin.isTTY !== true || process.stderr.isTTY !== true) {
    throw new PeerlaneError("usage", `${question} There is no terminal to ask on`, { remedy });
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  // The terminal is raw while it asks: Ctrl-C comes as a key, and the end of the input as no answer at all.
  const none = new AbortController();
  terminal.once("SIGINT", () => none.abort());
  terminal.once("close", () => none.abort());
  try {
    const signals = AbortSignal.any([signal, none.signal]);
    const answer = await terminal.question(`${visible(question)} Type yes to go on: `, { signal: signals });
    return answer.trim().toLowerCase() === "yes";
  } catch (error) {
    if ((error as Error).name !== "AbortError") throw error;
    say([""]);
    return false;
  } finally {
    terminal.close();
  }
}
