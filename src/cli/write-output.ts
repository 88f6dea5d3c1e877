import { writeFileSync } from "node:fs";
import { PeerlaneError } from "../pci/error.ts";

/** Writes to a file, or to standard output where `file` is not given. Throws `operation-failed` with the reason. */
export function writeOutput(file: string | undefined, content: string | Uint8Array): void {
  if (file === undefined || file === "-") {
    process.stdout.write(content);
    return;
  }
  try {
    writeFileSync(file, content);
  } catch (cause) {
    throw writeError(file, cause);
  }
}

/** What a failed write is to the user. */
export function writeError(name: string, cause: unknown): PeerlaneError {
  return new PeerlaneError("operation-failed", `cannot write ${name}: ${(cause as Error).message}`, { cause });
}
