import { CommanderError } from "commander";
import packageFile from "../../package.json" with { type: "json" };
import { reportError } from "./errors.ts";
import { EXIT } from "./exit-codes.ts";
import { takeStreams } from "./print.ts";
import { makeProgram } from "./program.ts";
import { meantWords } from "./words.ts";
import { writeError } from "./write-error.ts";

/** Does what a command line says, and sets the process's exit code; `given` are the words behind the program's name. */
export async function run(given: readonly string[]): Promise<void> {
  // `| head` closes the pipe early: that is no error. A full disk is one.
  takeStreams((error) => {
    // Not before the verb has said what its exit code is, which it does right behind its answer.
    if (error.code === "EPIPE") setImmediate(() => process.exit(process.exitCode ?? EXIT.yes));
    else process.exit(reportError(writeError("standard output", error), given.includes("--debug")));
  });
  try {
    const words = await meantWords(given);
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
    else process.exitCode = reportError(error, given.includes("--debug"));
  }
}
