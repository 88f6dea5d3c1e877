import { BackwardBits } from "./backward-bits.ts";
import { type FseTable, readTable, tableOf, tableOfOne } from "./fse.ts";
import type { History } from "./history.ts";
import { MAX_BLOCK } from "./literals.ts";
import { littleEndian } from "./little-endian.ts";

/** What codes of lengths stand for: a base, and the number of bits that are read and added to it. */
interface Codes {
  readonly bases: readonly number[];
  readonly bits: readonly number[];
}

function codesOf(first: number, bits: readonly number[]): Codes {
  let base = first;
  const bases = bits.map((width) => {
    base += 2 ** width;
    return base - 2 ** width;
  });
  return { bases, bits };
}

const zeros = (count: number): number[] => new Array<number>(count).fill(0);
const literalCodes = codesOf(0, [...zeros(16), 1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]);
const matchCodes = codesOf(3, [...zeros(32), 1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]);
/** Offsets of more bits reach beyond any window that is taken. */
const MAX_OFFSET_CODE = 28;

/** One of the three kinds of codes: the limits of its tables, and the table that needs no description. */
interface Kind {
  readonly maxLog: number;
  readonly maxSymbol: number;
  readonly usual: FseTable;
}

const ones = (count: number, value = 1): number[] => new Array<number>(count).fill(value);
const literalKind: Kind = {
  maxLog: 9,
  maxSymbol: 35,
  usual: tableOf([4, 3, ...ones(11, 2), ...ones(3), ...ones(9, 2), 3, 2, ...ones(5), ...ones(4, -1)], 6),
};
const offsetKind: Kind = {
  maxLog: 8,
  maxSymbol: 31,
  usual: tableOf([...ones(6), ...ones(3, 2), ...ones(15), ...ones(5, -1)], 5),
};
const matchKind: Kind = {
  maxLog: 9,
  maxSymbol: 52,
  usual: tableOf([1, 4, 3, ...ones(6, 2), ...ones(37), ...ones(7, -1)], 6),
};

/** What blocks of a frame leave to the next: tables, where there were any, and the last three distances, in bytes. */
export interface SequenceState {
  literals: FseTable | undefined;
  offsets: FseTable | undefined;
  matches: FseTable | undefined;
  /** The latest first. */
  readonly recent: [number, number, number];
}

/** What a frame begins with. */
export function firstSequenceState(): SequenceState {
  return { literals: undefined, offsets: undefined, matches: undefined, recent: [1, 4, 8] };
}

/**
 * Carries out the sequences section of a block (RFC 8878 sec 3.1.1.3.2): turns of literals and copies, then the literals
 * that are left. Throws as soon as more than a block may hold would come out.
 */
export function runSequences(section: Uint8Array, literals: Uint8Array, state: SequenceState, history: History): void {
  const { count, length } = readCount(section);
  if (count === 0) {
    if (length !== section.length) throw new Error("a block is longer than its content");
    history.append(literals);
    return;
  }
  const input = readTables(section, length, state);
  const { literals: literalTable, offsets: offsetTable, matches: matchTable } = state;
  if (literalTable === undefined || offsetTable === undefined || matchTable === undefined) {
    throw new Error("sequences use a table that is not there");
  }
  let literalState = input.read(literalTable.log);
  let offsetState = input.read(offsetTable.log);
  let matchState = input.read(matchTable.log);
  let taken = 0;
  let room = MAX_BLOCK - literals.length;
  for (let index = 0; index < count; index++) {
    const offsetCode = offsetTable.symbols[offsetState] ?? 0;
    if (offsetCode > MAX_OFFSET_CODE) throw new Error("a copy reaches back beyond the window");
    const offset = 2 ** offsetCode + input.read(offsetCode);
    const matchLength = readLength(input, matchCodes, matchTable.symbols[matchState] ?? 0);
    const literalLength = readLength(input, literalCodes, literalTable.symbols[literalState] ?? 0);
    room -= matchLength;
    if (room < 0 || taken + literalLength > literals.length) throw new Error("a block unpacks to more than it may");
    history.append(literals.subarray(taken, taken + literalLength));
    taken += literalLength;
    history.copyBack(distanceOf(offset, literalLength, state.recent), matchLength);
    if (index === count - 1) break;
    literalState = nextState(literalTable, literalState, input);
    matchState = nextState(matchTable, matchState, input);
    offsetState = nextState(offsetTable, offsetState, input);
  }
  if (input.left !== 0) throw new Error("a block is longer than its content");
  history.append(literals.subarray(taken));
}

function readCount(section: Uint8Array): { readonly count: number; readonly length: number } {
  const first = littleEndian(section, 0, 1);
  if (first < 128) return { count: first, length: 1 };
  if (first < 255) return { count: (first - 128) * 256 + littleEndian(section, 1, 1), length: 2 };
  return { count: littleEndian(section, 1, 2) + 0x7f00, length: 3 };
}

/** Takes the tables of a block into the state, and returns the bits behind them. */
function readTables(section: Uint8Array, start: number, state: SequenceState): BackwardBits {
  const modes = littleEndian(section, start, 1);
  if ((modes & 3) !== 0) throw new Error("a block has modes that are not defined");
  let at = start + 1;
  const readOne = (mode: number, kind: Kind, earlier: FseTable | undefined): FseTable | undefined => {
    if (mode === 0) return kind.usual;
    if (mode === 3) return earlier;
    if (mode === 1) {
      const symbol = littleEndian(section, at++, 1);
      if (symbol > kind.maxSymbol) throw new Error("a table has a symbol that is not defined");
      return tableOfOne(symbol);
    }
    const { table, length } = readTable(section.subarray(at), kind.maxLog, kind.maxSymbol);
    at += length;
    return table;
  };
  state.literals = readOne(modes >> 6, literalKind, state.literals);
  state.offsets = readOne((modes >> 4) & 3, offsetKind, state.offsets);
  state.matches = readOne((modes >> 2) & 3, matchKind, state.matches);
  return new BackwardBits(section.subarray(at));
}

function readLength(input: BackwardBits, { bases, bits }: Codes, code: number): number {
  return (bases[code] ?? 0) + input.read(bits[code] ?? 0);
}

function nextState({ bits, bases }: FseTable, state: number, input: BackwardBits): number {
  return (bases[state] ?? 0) + input.read(bits[state] ?? 0);
}

/** Offsets up to 3 stand for one of the last distances (RFC 8878 sec 3.1.1.5). */
function distanceOf(offset: number, literalLength: number, recent: SequenceState["recent"]): number {
  const [first, second, third] = recent;
  const index = offset > 3 ? 3 : offset - 1 + (literalLength === 0 ? 1 : 0);
  if (index === 0) return first;
  const distance = offset > 3 ? offset - 3 : index === 1 ? second : index === 2 ? third : first - 1;
  recent[0] = distance;
  recent[1] = first;
  if (index > 1) recent[2] = second;
  return distance;
}
