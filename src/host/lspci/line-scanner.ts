import { isSpace, Line } from "./line.ts";

const NEWLINE = 0x0a;
const GREATER = 0x3e;
const SPACE = 0x20;

/** `lspci` prints no line of a tenth of this; a longer one is passed over, so that memory stays bounded. */
export const MAX_LINE_BYTES = 65_536;

/**
 * Cuts a text that comes in chunks into lines and hands each to `onLine`, without copying where a line lies within a
 * chunk. Indentation, the quote marks of e-mail and Markdown (`>`) and trailing white space are left out.
 */
export class LineScanner {
  readonly #line = new Line();
  readonly #onLine: (line: Line) => void;
  /** The beginning of a line whose end is in a later chunk. */
  readonly #carry = new Uint8Array(MAX_LINE_BYTES + 1);
  #carried = 0;
  #count = 0;
  #isBlank = false;

  constructor(onLine: (line: Line) => void) {
    this.#onLine = onLine;
  }

  push(chunk: Uint8Array): void {
    let position = 0;
    if (this.#carried > 0) {
      const end = chunk.indexOf(NEWLINE);
      this.#keep(chunk.subarray(0, end < 0 ? chunk.length : end));
      if (end < 0) return;
      this.#emitCarried(true);
      position = end + 1;
    }
    const { length } = chunk;
    while (position < length) {
      const end = chunk.indexOf(NEWLINE, position);
      if (end < 0) break;
      if (end === position && this.#isBlank) {
        // One blank line says what many do.
        this.#count++;
        position++;
        continue;
      }
      this.#emit(chunk, position, end, true);
      position = end + 1;
    }
    if (position < length) this.#keep(chunk.subarray(position));
  }

  /** Hands over a last line without a line end. */
  finish(): void {
    if (this.#carried > 0) this.#emitCarried(false);
  }

  #keep(part: Uint8Array): void {
    const room = this.#carry.length - this.#carried;
    this.#carry.set(part.length > room ? part.subarray(0, room) : part, this.#carried);
    this.#carried += Math.min(part.length, room);
  }

  #emitCarried(isWhole: boolean): void {
    this.#emit(this.#carry, 0, this.#carried, isWhole);
    this.#carried = 0;
  }

  #emit(bytes: Uint8Array, from: number, to: number, isWhole: boolean): void {
    const line = this.#line;
    let start = from;
    let end = to;
    while (start < end && (bytes[start] === GREATER || isSpace(bytes, start))) start++;
    while (end > start && (bytes[end - 1] ?? 0) <= SPACE) end--;
    line.bytes = bytes;
    line.rawStart = from;
    line.start = start;
    line.end = end;
    line.number = ++this.#count;
    line.isWhole = isWhole;
    this.#isBlank = start === end && isWhole;
    line.isTooLong = to - from > MAX_LINE_BYTES;
    this.#onLine(line);
  }
}
