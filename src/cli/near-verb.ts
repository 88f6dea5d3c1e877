import { existsSync } from "node:fs";
import type { Command } from "commander";
import { PeerlaneError } from "../pci/error.ts";

/** More letters amiss than this are another word. */
const MAX_STEPS = 2;

/** Refuses a first word that is nearly a verb and no file: the default verb would take it for a source. */
export async function refuseNearVerb(word: string | undefined, program: Command): Promise<void> {
  const verbs = program.commands.map((command) => command.name());
  if (word === undefined || !/^[a-z]{2,}$/i.test(word) || [...verbs, "help"].includes(word) || existsSync(word)) return;
  const { distance } = await import("fastest-levenshtein");
  const near = verbs.filter((verb) => distance(word.toLowerCase(), verb) <= Math.min(MAX_STEPS, word.length / 2));
  if (near.length === 0) return;
  throw new PeerlaneError("usage", `no verb '${word}', and no such file`, {
    remedy: `did you mean ${near.join(" or ")}?`,
  });
}
