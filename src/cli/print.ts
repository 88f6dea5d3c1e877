import { fstatSync, writeSync } from "node:fs";
import { type Printable, visible } from "../pci/visible.ts";
import { screenText } from "../report/printable.ts";
import type { Rich } from "../report/rich.ts";
import { truncate } from "../report/width.ts";
import { mayBeTerminal, wantsColor } from "./terminal.ts";

/*
 * The door: all that Peerlane prints goes through here, and nothing else touches the standard streams. What is not
 * `Printable` is made so on its way; bytes are another program's own, or a compressed file.
 */

/** What is done where standard output takes no more; set once this process's descriptors are ours to write to. */
let onLostOutput: ((error: NodeJS.ErrnoException) => void) | undefined;
let isStreamUsed = false;

/**
 * Takes the standard streams for the program: from here on a file or a pipe is written to directly, since Node's streams
 * take longer to load than to write. `onLost` is told what a write to standard output came to.
 */
export function takeStreams(onLost: (error: NodeJS.ErrnoException) => void): void {
  onLostOutput = onLost;
}

function write(content: string | Uint8Array): void {
  if (onLostOutput === undefined || isStreamUsed || mayBeTerminal(1)) {
    streamedOutput().write(content);
    return;
  }
  const bytes = typeof content === "string" ? Buffer.from(content) : content;
  let done = 0;
  try {
    while (done < bytes.length) done += writeSync(1, bytes, done);
  } catch {
    // The stream waits for a pipe that takes no more for now, and says what is wrong with one that takes nothing.
    streamedOutput().write(bytes.subarray(done));
  }
}

function streamedOutput(): NodeJS.WriteStream {
  if (onLostOutput !== undefined && !isStreamUsed) {
    isStreamUsed = true;
    process.stdout.on("error", onLostOutput);
  }
  return process.stdout;
}

let isErrorHeard = false;

function errorOutput(): NodeJS.WriteStream {
  if (onLostOutput !== undefined && !isErrorHeard) {
    isErrorHeard = true;
    // What cannot be said there cannot be said elsewhere either; the exit code stays.
    process.stderr.on("error", () => {});
  }
  return process.stderr;
}

/** Prints an answer on standard output. */
export function print(text: Printable): void {
  write(text);
}

/** Draws an answer over what the screen shows, with a hint below it. */
export function redraw(text: Printable, hint: string): void {
  write(`\u001b[H\u001b[J${text}\n${visible(hint)}\n`);
}

/** Writes bytes that are no text of ours. */
export function printBytes(bytes: Uint8Array): void {
  write(bytes);
}

/** Says lines on standard error, in colour where that is a terminal. */
export function say(lines: readonly Rich[]): void {
  const stream = errorOutput();
  stream.write(screenText(lines, { color: wantsColor("auto", stream) }));
}

/** Says something beside the answer, and the way out, on standard error. */
export function sayNote(message: string, remedy?: string): void {
  say([`note: ${message}`, ...(remedy === undefined ? [] : [`  → ${remedy}`])]);
}

/** What a guest's command prints: its bytes as they are, but on a terminal without what would command it. */
export function makeGuestPrinter(): (stream: "stdout" | "stderr", bytes: Uint8Array) => void {
  const decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() };
  const begun = { stdout: "", stderr: "" };
  return (stream, bytes) => {
    const target = stream === "stdout" ? streamedOutput() : errorOutput();
    if (target.isTTY !== true) target.write(bytes);
    else {
      const text = begun[stream] + decoders[stream].decode(bytes, { stream: true });
      const end = text.search(BEGUN);
      begun[stream] = text.slice(end);
      target.write(guestText(text.slice(0, end)));
    }
  };
}

/** Text of a guest for a terminal: lines, tabs and colours pass, and everything else is made visible. */
export function guestText(text: string): string {
  return text
    .split(PASSING)
    .map((part, index) => (index % 2 === 1 ? part : visible(part)))
    .join("");
}

/** Line ends, tabs, and sequences that set colours (ECMA-48 sec 8.3.117). */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what this looks for
const PASSING = /(\r?\n|\t|\u001b\[[0-9;]*m)/;
/** The beginning of one of them at the end of a chunk, or nothing there. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what this looks for
const BEGUN = /(?:\r|\u001b(?:\[[0-9;]{0,32})?)?$/;

/** A line on standard error that is drawn over while work goes on; nothing where that is no terminal. */
export class ProgressLine {
  readonly #isShown = fstatSync(2).isCharacterDevice() && process.stderr.isTTY === true;
  #drawn = false;

  show(message: string): void {
    if (!this.#isShown) return;
    const columns = process.stderr.columns || 80;
    errorOutput().write(`\r\u001b[2K${visible(truncate(message, columns - 1))}`);
    this.#drawn = true;
  }

  clear(): void {
    if (this.#drawn) errorOutput().write("\r\u001b[2K");
    this.#drawn = false;
  }
}
