import { type Line, word } from "./line.ts";

const PLUS = 0x2b;
const MINUS = 0x2d;
const SPACE = 0x20;

/** The names of register bits in the order in which `lspci` prints them, each followed by `+` or `-`. */
export interface FlagTable {
  readonly names: readonly Uint8Array[];
  readonly bits: readonly number[];
}

/** Makes a table of pairs of name and bit. */
export function flagTable(...entries: readonly (readonly [name: string, bit: number])[]): FlagTable {
  return { names: entries.map(([name]) => word(name)), bits: entries.map(([, bit]) => bit) };
}

/**
 * Reads `Name+ Name- …` at `at` into a register value; -1 unless every name of the table is there in order: a line that
 * a terminal or a person cut says nothing.
 */
export function readFlags(line: Line, at: number, table: FlagTable): number {
  let position = at;
  let value = 0;
  for (let index = 0; index < table.names.length; index++) {
    const name = table.names[index];
    if (name === undefined || !line.has(name, position)) return -1;
    position += name.length;
    const sign = line.byte(position);
    if (sign === PLUS) value |= table.bits[index] ?? 0;
    else if (sign !== MINUS) return -1;
    position++;
    while (line.byte(position) === SPACE) position++;
  }
  return value;
}
