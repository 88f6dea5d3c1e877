#!/usr/bin/env node
import { CommanderError } from "commander";
import packageFile from "../../package.json" with { type: "json" };
import { reportError } from "./errors.ts";
import { EXIT } from "./exit-codes.ts";
import { makeProgram } from "./program.ts";
import { meantWords } from "./words.ts";
import { writeError } from "./write-output.ts";

// `| head` closes the pipe early: that is no error. A full disk is one.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(process.exitCode ?? EXIT.yes);
  process.exit(reportError(writeError("standard output", error), process.argv.includes("--debug")));
});
// What cannot be said there cannot be said elsewhere either; the exit code stays.
process.stderr.on("error", () => {});

try {
  const words = await meantWords(process.argv.slice(2));
  const program = await makeProgram(
    packageFile.version,
    (code) => {
      process.exitCode = code;
    },
    words,
  );
  for (const command of [program, ...program.commands]) command.exitOverride();
  await program.parseAsync([...words], { from: "user" });
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? EXIT.yes : EXIT.usage;
  else process.exitCode = reportError(error, process.argv.includes("--debug"));
}
