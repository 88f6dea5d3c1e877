const digitValues = new Int8Array(256).fill(-1);
for (let value = 0; value < 16; value++) {
  const digit = value.toString(16);
  digitValues[digit.charCodeAt(0)] = value;
  digitValues[digit.toUpperCase().charCodeAt(0)] = value;
}

const utf8 = new TextDecoder();

/** The bytes of an ASCII word, to compare lines with. */
export function word(text: string): Uint8Array {
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}

/** The value of a hexadecimal digit, -1 for any other byte. */
export function hexDigit(byte: number): number {
  return digitValues[byte] ?? -1;
}

/** White space and control bytes, and the no-break spaces (C2 A0) that web pages put for tabs. */
export function isSpace(bytes: Uint8Array, at: number): boolean {
  const byte = bytes[at] ?? 0;
  if (byte <= 0x20) return true;
  return (byte === 0xc2 && bytes[at + 1] === 0xa0) || (byte === 0xa0 && bytes[at - 1] === 0xc2);
}

/**
 * One line of a text as a view of its bytes: `start` is behind the indentation, `end` (exclusive) before trailing white
 * space. One object serves all lines in turn; nothing may keep it. The numbers that it reads leave `next` behind the
 * last digit.
 */
export class Line {
  bytes: Uint8Array = new Uint8Array(0);
  start = 0;
  end = 0;
  /** From 1. */
  number = 0;
  /** Where the line begins, indentation included. */
  rawStart = 0;
  /** False for the last line of a text that does not end with a line end: it may be cut anywhere. */
  isWhole = true;
  /** True for a line that is longer than any of lspci's; only its beginning is here. */
  isTooLong = false;
  next = 0;
  /** How many lines of the text it was put together of. */
  pieces = 1;

  byte(at: number): number {
    return at < this.end ? (this.bytes[at] ?? 0) : 0;
  }

  /** True when `text` stands at `at`. */
  has(text: Uint8Array, at: number = this.start): boolean {
    const { bytes } = this;
    const { length } = text;
    if (at + length > this.end) return false;
    for (let index = 0; index < length; index++) if (bytes[at + index] !== text[index]) return false;
    return true;
  }

  /** Position of `text` at or behind `from`, or -1. */
  find(text: Uint8Array, from: number = this.start): number {
    const { bytes } = this;
    const first = text[0];
    const last = this.end - text.length;
    for (let at = from; at <= last; at++) if (bytes[at] === first && this.has(text, at)) return at;
    return -1;
  }

  /** Position behind the white space at `at`; pasting turns tabs into spaces, and those into no-break spaces. */
  behindSpace(at: number): number {
    let position = at;
    while (position < this.end && isSpace(this.bytes, position)) position++;
    return position;
  }

  /** Reads hexadecimal digits at `at`; -1 where there are none or more than a safe integer holds. */
  hex(at: number): number {
    const { bytes, end } = this;
    let value = 0;
    let position = at;
    for (; position < end; position++) {
      const digit = digitValues[bytes[position] ?? 0] ?? -1;
      if (digit < 0) break;
      value = value * 16 + digit;
    }
    this.next = position;
    return position > at && Number.isSafeInteger(value) ? value : -1;
  }

  /** Reads exactly `digits` hexadecimal digits at `at` that no further one follows; else -1. */
  hexOf(digits: number, at: number): number {
    const value = this.hex(at);
    return this.next - at === digits ? value : -1;
  }

  /** Reads decimal digits at `at`; -1 where there are none or more than a safe integer holds. */
  decimal(at: number): number {
    let value = 0;
    let position = at;
    for (; position < this.end; position++) {
      const digit = (this.bytes[position] ?? 0) - 0x30;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
    }
    this.next = position;
    return position > at && Number.isSafeInteger(value) ? value : -1;
  }

  /** The text from `from` to `to`, without white space around it; bytes that are not UTF-8 become U+FFFD. */
  text(from: number = this.start, to: number = this.end): string {
    return utf8.decode(this.bytes.subarray(from, to)).trim();
  }
}
