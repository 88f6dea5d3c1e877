import { PeerlaneError } from "../../pci/error.ts";
import type { Machine } from "../machine.ts";
import { DumpReader } from "./dump-reader.ts";
import { LineScanner } from "./line-scanner.ts";
import { TextCleaner } from "./text-cleaner.ts";
import { LineJoiner } from "./wrapped-lines.ts";

export { looksLikeLspci } from "./detect.ts";

/** Takes a text in chunks of any size and yields the machine that it shows. */
export interface LspciReader {
  /** Takes the next bytes. Throws `PeerlaneError` (`bad-input`, `too-large`) with file and line. */
  push(chunk: Uint8Array): void;
  /** Ends the text. Throws `bad-input` where it showed no device. */
  finish(): Machine;
}

/**
 * Reads the output of `lspci` as people paste it, one dump or several of one machine: lists with or without `-v` to
 * `-vvv`, `-n`, `-nn`, `-D`, `-k`; hex of `-x` to `-xxxx`; trees of `-t`; `-mm` and `-vmm`. Memory is bounded by the
 * number of functions, not by the length of the text; 8 MiB that tell of none are refused (`bad-input`). `fileName` goes
 * into errors and notes.
 */
export function createLspciReader(fileName: string): LspciReader {
  const dump = new DumpReader(fileName);
  const cleaner = new TextCleaner();
  const joiner = new LineJoiner((line) => dump.readLine(line));
  const scanner = new LineScanner((line) => joiner.take(line));
  let quietBytes = 0;
  const take = (piece: Uint8Array): void => {
    const before = dump.functionsBegun;
    scanner.push(cleaner.clean(piece, false));
    quietBytes = dump.functionsBegun > before ? 0 : quietBytes + piece.length;
    if (quietBytes > MAX_QUIET) throw tooQuiet(fileName);
    if (dump.functionsBegun > MAX_BEGUN) throw tooOften(fileName);
  };
  return {
    push: (chunk) => {
      for (let at = 0; at < chunk.length; at += PIECE) take(chunk.subarray(at, at + PIECE));
    },
    finish: () => {
      scanner.push(cleaner.clean(new Uint8Array(0), true));
      scanner.finish();
      joiner.flush();
      return dump.finish();
    },
  };
}

const PIECE = 2 ** 20;
/** Text between two functions: `lspci` says 30 kB of one, and a log that it is pasted into may go on for longer. */
export const MAX_QUIET: number = 8 * PIECE;

/** Functions, each as often as it comes: several dumps of the largest machine. */
export const MAX_BEGUN: number = 2 ** 20;

function tooOften(file: string): PeerlaneError {
  return new PeerlaneError("too-large", `more than ${MAX_BEGUN} devices, counting repeated ones`, {
    place: { file },
    remedy: "give each dump once",
  });
}

function tooQuiet(file: string): PeerlaneError {
  return new PeerlaneError(
    "bad-input",
    `${MAX_QUIET / PIECE} MiB of text without a device: this is no output of lspci`,
    {
      place: { file },
      remedy: "give the output of lspci alone: run sudo lspci -vvvnn",
    },
  );
}

/** Reads a whole text at once; see {@link createLspciReader}. */
export function readLspci(bytes: Uint8Array, fileName: string): Machine {
  const reader = createLspciReader(fileName);
  reader.push(bytes);
  return reader.finish();
}
