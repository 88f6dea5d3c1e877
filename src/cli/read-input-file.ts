import { readFileSync } from "node:fs";
import { PeerlaneError } from "../pci/error.ts";

/** The text of a file that the user wrote: a scenario, policy or workload. `examples` is the folder that has some. */
export function readInputFile(file: string, what: string, examples: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new PeerlaneError("not-found", `cannot read ${file}`, {
      remedy: `name a ${what} file; ${examples} has some`,
      cause,
    });
  }
}
