import { spawn } from "node:child_process";
import { PeerlaneError } from "../pci/error.ts";

/** How a command is run. */
export interface CommandOptions {
  readonly cwd?: string;
  readonly signal?: AbortSignal;
  /** What to do when the program is not there. */
  readonly remedy: string;
  /** What to do when it fails. */
  readonly failureRemedy?: string;
}

const KEPT_OUTPUT = 1024 * 1024;

/**
 * Runs a program to its end and returns its standard output. Throws `environment` where the program is missing and
 * `operation-failed`, with the end of what it said, where it fails.
 */
export function runCommand(program: string, args: readonly string[], options: CommandOptions): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: options.cwd,
      signal: options.signal,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, LC_ALL: "C", DEBIAN_FRONTEND: "noninteractive" },
    });
    let output = "";
    let complaints = "";
    child.stdout.on("data", (chunk: Buffer) => {
      if (output.length < KEPT_OUTPUT) output += chunk.toString("utf8");
    });
    child.stderr.on("data", (chunk: Buffer) => {
      complaints = (complaints + chunk.toString("utf8")).slice(-2000);
    });
    child.on("error", (cause: NodeJS.ErrnoException) => {
      const code = cause.code === "ENOENT" ? "environment" : "operation-failed";
      const message =
        cause.code === "ENOENT" ? `the program ${program} is not installed` : `${program}: ${cause.message}`;
      reject(new PeerlaneError(code, message, { remedy: options.remedy, cause }));
    });
    child.on("close", (status) => {
      if (status === 0) resolve(output);
      else
        reject(
          new PeerlaneError("operation-failed", `${program} failed: ${complaints.trim() || `exit ${status}`}`, {
            ...(options.failureRemedy === undefined ? {} : { remedy: options.failureRemedy }),
          }),
        );
    });
  });
}
