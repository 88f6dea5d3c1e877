import { type Line, word } from "./line.ts";

const PLUS = 0x2b;
const MINUS = 0x2d;
const SPACE = 0x20;

/** The names of register bits in the order in which `lspci` prints them, each followed by `+` or `-`. */
export type FlagTable = readonly (readonly [name: Uint8Array, bit: number])[];

/** Makes a table of pairs of name and bit. */
export function flagTable(...entries: readonly (readonly [name: string, bit: number])[]): FlagTable {
  return entries.map(([name, bit]) => [word(name), bit]);
}

/**
 * Reads `Name+ Name- …` at `at` into a register value; -1 unless every name of the table is there in order: a line that
 * a terminal or a person cut says nothing.
 */
export function readFlags(line: Line, at: number, table: FlagTable): number {
  let position = at;
  let value = 0;
  for (const [name, bit] of table) {
    if (!line.has(name, position)) return -1;
    position += name.length;
    const sign = line.byte(position);
    if (sign === PLUS) value |= bit;
    else if (sign !== MINUS) return -1;
    position++;
    while (line.byte(position) === SPACE) position++;
  }
  return value;
}
