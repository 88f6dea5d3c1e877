import { hexDigit, type Line } from "./line.ts";
import type { FunctionRecord } from "./record.ts";

const COLON = 0x3a;
const SPACE = 0x20;

/**
 * Reads `10: 04 00 00 f0 …` of `-x`, `-xxx` and `-xxxx` into the record; false for a line that is none. Offsets have two
 * digits or three, a line up to 16 bytes.
 */
export function readHexLine(line: Line, record: FunctionRecord): boolean {
  const offset = line.hex(line.start);
  const digits = line.next - line.start;
  let at = line.next;
  if (digits < 2 || digits > 3 || line.byte(at) !== COLON) return false;
  const { bytes, end } = line;
  let position = offset;
  while (at + 3 <= end && position < offset + 16) {
    // Behind the colon and behind each byte stands one space.
    const high = hexDigit(bytes[at + 2] ?? 0);
    const low = at + 3 < end ? hexDigit(bytes[at + 3] ?? 0) : -1;
    if (bytes[at + 1] !== SPACE || high < 0 || low < 0) break;
    record.addConfigByte(position++, high * 16 + low);
    at += 3;
  }
  return position > offset;
}
