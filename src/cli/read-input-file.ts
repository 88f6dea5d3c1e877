import { closeSync, openSync, readSync } from "node:fs";
import { PeerlaneError } from "../pci/error.ts";
import { type FileKind, refuseOtherKind } from "./file-kind.ts";

/** A file that somebody wrote by hand is far below it. */
const MAX_BYTES = 4 * 2 ** 20;

const CHUNK = 2 ** 20;

/** As much as any output of a tool that is read (`readResults` refuses more characters than that). */
const MAX_RESULTS_BYTES = 32 * 2 ** 20;

/**
 * The text of a file that the user wrote: a scenario, policy or workload. `examples` is the folder that has some. Throws
 * `not-found`, `usage` for what is another kind of file, and `too-large` beyond 4 MiB, of a file or pipe without an end too.
 */
export function readInputFile(file: string, what: FileKind, examples: string): string {
  const remedy = `name a ${what} file; ${examples} has some`;
  const text = readText(file, { what: `the ${what}`, mostBytes: MAX_BYTES, remedy });
  refuseOtherKind(file, text, what);
  return text;
}

/** What a measuring tool printed, in a file or, as `-`, on standard input. Throws `not-found`, and `too-large` beyond 32 MiB. */
export function readResultsFile(file: string): string {
  const remedy = "name a file with what a measuring tool printed, or - for standard input";
  return readText(file, { what: "the text with results", mostBytes: MAX_RESULTS_BYTES, remedy });
}

interface Wanted {
  readonly what: string;
  readonly mostBytes: number;
  readonly remedy: string;
}

function readText(file: string, { what, mostBytes, remedy }: Wanted): string {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    const descriptor = file === "-" ? 0 : openSync(file, "r");
    try {
      while (length <= mostBytes) {
        const chunk = Buffer.alloc(CHUNK);
        const count = readSome(descriptor, chunk);
        if (count === 0) break;
        chunks.push(chunk.subarray(0, count));
        length += count;
      }
    } finally {
      if (file !== "-") closeSync(descriptor);
    }
  } catch (cause) {
    const isFolder = (cause as NodeJS.ErrnoException).code === "EISDIR";
    throw new PeerlaneError("not-found", `cannot read ${file}${isFolder ? ": it is a folder" : ""}`, { remedy, cause });
  }
  if (length > mostBytes) {
    throw new PeerlaneError("too-large", `${what} has more than ${mostBytes / 2 ** 20} MiB`, {
      place: { file },
      remedy,
    });
  }
  return Buffer.concat(chunks).toString("utf8");
}

function readSome(descriptor: number, chunk: Buffer): number {
  for (;;) {
    try {
      return readSync(descriptor, chunk, 0, chunk.length, null);
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      if (code === "EOF") return 0;
      // A terminal or pipe in non-blocking mode has nothing yet.
      if (code !== "EAGAIN") throw cause;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
    }
  }
}
