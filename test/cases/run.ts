import { join } from "node:path";
import { CommanderError } from "commander";
import { reportError } from "../../src/cli/errors.ts";
import { EXIT } from "../../src/cli/exit-codes.ts";
import { makeProgram } from "../../src/cli/program.ts";

/** What a command line of Peerlane printed, and its exit status. */
export interface Outcome {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

/** Runs a command line in this process. Words that name a file of `test/cases` stand for that file. */
export async function peerlane(line: string): Promise<Outcome> {
  const words = line
    .split(" ")
    .map((word) => (/^(?:texts|machines|attack|model)\//.test(word) ? join(import.meta.dirname, word) : word));
  const printed = { stdout: "", stderr: "" };
  const originals = { stdout: process.stdout.write, stderr: process.stderr.write };
  const { exitCode } = process;
  let status: number = EXIT.yes;
  for (const stream of ["stdout", "stderr"] as const) {
    process[stream].write = (chunk: string | Uint8Array): boolean => {
      printed[stream] += typeof chunk === "string" ? chunk : new TextDecoder().decode(chunk);
      return true;
    };
  }
  try {
    const program = await makeProgram(
      "0",
      (code) => {
        status = code;
      },
      words,
    );
    for (const command of [program, ...program.commands]) command.exitOverride();
    await program.parseAsync(words, { from: "user" });
  } catch (error) {
    status = error instanceof CommanderError ? EXIT.usage : reportError(error, false);
  } finally {
    Object.assign(process.stdout, { write: originals.stdout });
    Object.assign(process.stderr, { write: originals.stderr });
    process.exitCode = exitCode;
  }
  return { status, out: printed.stdout, err: printed.stderr };
}

/** Map types of all pairs of two functions, as `03:00.0 → 04:00.0`. */
export async function mapTypes(line: string): Promise<Readonly<Record<string, string>>> {
  const { out, err } = await peerlane(`matrix --json ${line}`);
  if (out === "") throw new Error(err);
  const { pairs } = JSON.parse(out) as { pairs: { provider: string; client: string; mapType: string }[] };
  return Object.fromEntries(
    pairs
      .filter(({ provider, client }) => provider !== client)
      .map(({ provider, client, mapType }) => [
        `${provider.replace(/^0000:/, "")} → ${client.replace(/^0000:/, "")}`,
        mapType,
      ]),
  );
}

/** The functions of a machine, as `tree --json` prints them, by address. */
export async function functionsOf(line: string): Promise<Readonly<Record<string, Record<string, unknown>>>> {
  const { out, err } = await peerlane(`tree --json ${line}`);
  if (out === "") throw new Error(err);
  const { functions } = JSON.parse(out) as { functions: { bdf: string }[] };
  return Object.fromEntries(functions.map((fn) => [fn.bdf.replace(/^0000:/, ""), fn]));
}
