#!/usr/bin/env node
import { CommanderError } from "commander";
import packageFile from "../../package.json" with { type: "json" };
import { reportError } from "./errors.ts";
import { EXIT } from "./exit-codes.ts";
import { makeProgram } from "./program.ts";

// `| head` closes the pipe early: that is no error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(process.exitCode ?? 0);
  throw error;
});

const program = makeProgram(packageFile.version, (code) => {
  process.exitCode = code;
});
for (const command of [program, ...program.commands]) command.exitOverride();

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? EXIT.yes : EXIT.usage;
  else process.exitCode = reportError(error, process.argv.includes("--debug"));
}
