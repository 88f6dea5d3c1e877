import { closeSync, openSync, readSync } from "node:fs";
import { PeerlaneError } from "../pci/error.ts";
import { type FileKind, refuseOtherKind } from "./file-kind.ts";

/** A file that somebody wrote by hand is far below it. */
const MAX_BYTES = 4 * 2 ** 20;

/**
 * The text of a file that the user wrote: a scenario, policy or workload. `examples` is the folder that has some. Throws
 * `not-found`, `usage` for what is another kind of file, and `too-large` beyond 4 MiB, of a file or pipe without an end too.
 */
export function readInputFile(file: string, what: FileKind, examples: string): string {
  const remedy = `name a ${what} file; ${examples} has some`;
  const bytes = Buffer.alloc(MAX_BYTES + 1);
  let length = 0;
  try {
    const descriptor = openSync(file, "r");
    try {
      for (let count = -1; count !== 0 && length < bytes.length; length += count) {
        count = readSync(descriptor, bytes, length, bytes.length - length, null);
      }
    } finally {
      closeSync(descriptor);
    }
  } catch (cause) {
    const isFolder = (cause as NodeJS.ErrnoException).code === "EISDIR";
    throw new PeerlaneError("not-found", `cannot read ${file}${isFolder ? ": it is a folder" : ""}`, { remedy, cause });
  }
  if (length > MAX_BYTES) {
    throw new PeerlaneError("too-large", `the ${what} has more than ${MAX_BYTES / 2 ** 20} MiB`, {
      place: { file },
      remedy,
    });
  }
  const text = bytes.toString("utf8", 0, length);
  refuseOtherKind(file, text, what);
  return text;
}
