#!/usr/bin/env node
import { existsSync } from "node:fs";
import { type Command, CommanderError } from "commander";
import packageFile from "../../package.json" with { type: "json" };
import { PeerlaneError } from "../pci/error.ts";
import { reportError } from "./errors.ts";
import { EXIT } from "./exit-codes.ts";
import { makeProgram } from "./program.ts";
import { writeError } from "./write-output.ts";

/** More letters amiss than this are another word. */
const MAX_STEPS = 2;

/** Refuses a first word that is nearly a verb and no file: the default verb would take it for a source. */
async function refuseNearVerb(word: string | undefined, program: Command): Promise<void> {
  const verbs = program.commands.map((command) => command.name());
  if (word === undefined || !/^[a-z]{2,}$/i.test(word) || [...verbs, "help"].includes(word) || existsSync(word)) return;
  const { distance } = await import("fastest-levenshtein");
  const near = verbs.filter((verb) => distance(word.toLowerCase(), verb) <= Math.min(MAX_STEPS, word.length / 2));
  if (near.length === 0) return;
  throw new PeerlaneError("usage", `no verb '${word}', and no such file`, {
    remedy: `did you mean ${near.join(" or ")}?`,
  });
}

// `| head` closes the pipe early: that is no error. A full disk is one.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(process.exitCode ?? EXIT.yes);
  process.exit(reportError(writeError("standard output", error), process.argv.includes("--debug")));
});
// What cannot be said there cannot be said elsewhere either; the exit code stays.
process.stderr.on("error", () => {});

const program = await makeProgram(
  packageFile.version,
  (code) => {
    process.exitCode = code;
  },
  process.argv.slice(2),
);
for (const command of [program, ...program.commands]) command.exitOverride();

try {
  await refuseNearVerb(process.argv[2], program);
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? EXIT.yes : EXIT.usage;
  else process.exitCode = reportError(error, process.argv.includes("--debug"));
}
