import { PeerlaneError } from "../pci/error.ts";
import { startKept } from "./kept-process.ts";
import type { TemporaryFolder } from "./temporary-folder.ts";

/** How a command is run. */
export interface CommandOptions {
  readonly cwd?: string;
  /** The folder that it works in, which stays while it runs. */
  readonly folder?: TemporaryFolder;
  readonly signal?: AbortSignal;
  /** What to do when the program is not there. */
  readonly remedy: string;
  /** What to do when it fails. */
  readonly failureRemedy?: string;
}

const KEPT_OUTPUT = 1024 * 1024;

/**
 * Runs a program to its end and returns its standard output. Throws `environment` where the program is missing and
 * `operation-failed`, with the end of what it said, where it fails; where the signal ends it, the signal's own error.
 */
export async function runCommand(program: string, args: readonly string[], options: CommandOptions): Promise<string> {
  const { signal, remedy, failureRemedy } = options;
  signal?.throwIfAborted();
  const child = startKept(program, args, {
    cwd: options.cwd,
    env: { ...process.env, LC_ALL: "C", DEBIAN_FRONTEND: "noninteractive" },
    holds: options.folder?.line,
    remedy,
  });
  signal?.addEventListener("abort", child.kill);
  let output = "";
  let complaints = "";
  child.stdout.on("data", (chunk: Buffer) => {
    if (output.length < KEPT_OUTPUT) output += chunk.toString("utf8");
  });
  child.stderr.on("data", (chunk: Buffer) => {
    complaints = (complaints + chunk.toString("utf8")).slice(-2000);
  });
  const status = await child.ended;
  signal?.removeEventListener("abort", child.kill);
  signal?.throwIfAborted();
  if (status === 0) return output;
  throw new PeerlaneError("operation-failed", `${program} failed with exit code ${status}`, {
    ...(complaints.trim() === "" ? {} : { excerpt: { title: "it said", lines: complaints.trim().split("\n") } }),
    ...(failureRemedy === undefined ? {} : { remedy: failureRemedy }),
  });
}
