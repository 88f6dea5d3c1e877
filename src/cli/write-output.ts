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
    throw new PeerlaneError("operation-failed", `cannot write ${file}: ${(cause as Error).message}`, { cause });
  }
}
