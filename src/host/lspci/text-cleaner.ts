const ESCAPE = 0x1b;
const BRACKET = 0x5b;

/** How the characters of a text are written, as `TextDecoder` names it. */
export type Encoding = "utf-8" | "utf-16le" | "utf-16be";

/**
 * Turns the chunks of a pasted text into plain UTF-8: UTF-16 (as PowerShell writes it) is converted, byte order marks
 * and the colour codes of terminals (ECMA-48 control sequences) are taken out. Plain text passes through uncopied.
 */
export class TextCleaner {
  #head: Uint8Array | undefined = new Uint8Array(0);
  #decoder: InstanceType<typeof TextDecoder> | undefined;
  readonly #encoder = new TextEncoder();
  /** Inside an escape sequence: 0 outside, 1 behind the escape, 2 among its parameters. */
  #escape = 0;

  /** Cleans one chunk; `isLast` flushes what waited for more. */
  clean(chunk: Uint8Array, isLast: boolean): Uint8Array {
    const text = this.#decode(this.#behindMark(chunk, isLast), isLast);
    return this.#escape === 0 && text.indexOf(ESCAPE) < 0 ? text : this.#withoutEscapes(text);
  }

  /** Looks for a byte order mark in the first bytes, which may come in chunks of one. */
  #behindMark(chunk: Uint8Array, isLast: boolean): Uint8Array {
    if (this.#head === undefined) return chunk;
    const head = joined(this.#head, chunk);
    if (head.length < 4 && !isLast) {
      this.#head = head;
      return new Uint8Array(0);
    }
    this.#head = undefined;
    const { encoding, markLength } = detectEncoding(head);
    if (encoding !== "utf-8") this.#decoder = new TextDecoder(encoding);
    return head.subarray(markLength);
  }

  #decode(bytes: Uint8Array, isLast: boolean): Uint8Array {
    if (this.#decoder === undefined) return bytes;
    return this.#encoder.encode(this.#decoder.decode(bytes, { stream: !isLast }));
  }

  #withoutEscapes(text: Uint8Array): Uint8Array {
    const kept = new Uint8Array(text.length);
    let length = 0;
    for (const byte of text) {
      if (byte === ESCAPE) this.#escape = 1;
      else if (this.#escape === 0) kept[length++] = byte;
      else if (this.#escape === 1) this.#escape = byte === BRACKET ? 2 : 0;
      else if (byte >= 0x40 || byte < 0x20) {
        this.#escape = 0;
        // A control byte is no part of a sequence: the line end of a sequence that was cut stays one.
        if (byte < 0x20) kept[length++] = byte;
      }
    }
    return kept.subarray(0, length);
  }
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  if (first.length === 0) return second;
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}

/** The encoding of a text by its first four bytes, and the length of its mark: UTF-16 by that mark or, without one, by the zero bytes between ASCII letters. */
export function detectEncoding(head: Uint8Array): { encoding: Encoding; markLength: number } {
  const [a = 0, b = 0, c = 0, d = 0] = head;
  if (a === 0xff && b === 0xfe) return { encoding: "utf-16le", markLength: 2 };
  if (a === 0xfe && b === 0xff) return { encoding: "utf-16be", markLength: 2 };
  if (a === 0xef && b === 0xbb && c === 0xbf) return { encoding: "utf-8", markLength: 3 };
  if (a !== 0 && b === 0 && c !== 0 && d === 0) return { encoding: "utf-16le", markLength: 0 };
  if (a === 0 && b !== 0 && c === 0 && d !== 0) return { encoding: "utf-16be", markLength: 0 };
  return { encoding: "utf-8", markLength: 0 };
}
