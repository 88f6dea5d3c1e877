import type { BusAddr, PhysAddr } from "../../pci/addresses.ts";
import { type Bdf, parseBdf } from "../../pci/bdf.ts";
import { isUnknown, type Known, type Unknown } from "../../pci/known.ts";

/*
 * The parts of snapshots as parts.ts has them, for texts that are as they should be: what is not throws Misfit, and the
 * codecs say what is wrong with it.
 */

/** What a value that is not as it should be throws. */
export class Misfit extends Error {}

// One for all: a place is for the codecs to say, and a stack takes longer than all of the reading.
const misfit: Misfit = new Misfit();

/** Throws {@link Misfit}. */
export function refuse(): never {
  throw misfit;
}

/** A JSON object of which nothing is known yet. */
export type Json = Readonly<Record<string, unknown>>;

/** An object that has so many keys. */
export function object(value: unknown, keys: number): Json {
  if (typeof value !== "object" || value === null || Array.isArray(value)) refuse();
  if (Object.keys(value).length !== keys) refuse();
  return value as Json;
}

/** How many of keys that may be left out are there. */
export function present(value: Json, ...keys: readonly string[]): number {
  let count = 0;
  for (const key of keys) if (value[key] !== undefined) count++;
  return count;
}

/** An object with any number of keys. */
export function anyObject(value: unknown): Json {
  if (typeof value !== "object" || value === null || Array.isArray(value)) refuse();
  return value as Json;
}

/** A list with each member read by `read`. */
export function list<T>(value: unknown, read: (member: unknown) => T): readonly T[] {
  if (!Array.isArray(value)) refuse();
  const read_: T[] = [];
  for (const member of value as readonly unknown[]) read_.push(read(member));
  return read_;
}

export function string(value: unknown): string {
  return typeof value === "string" ? value : refuse();
}

export function boolean(value: unknown): boolean {
  return typeof value === "boolean" ? value : refuse();
}

export function int(value: unknown): number {
  return Number.isSafeInteger(value) ? (value as number) : refuse();
}

export function count(value: unknown): number {
  return Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : refuse();
}

/** A whole number from 0 to `most`. */
export function upTo(value: unknown, most: number): number {
  return count(value) <= most ? (value as number) : refuse();
}

export function byte(value: unknown): number {
  return upTo(value, 0xff);
}

/** One of a few words. */
export function oneOf<Word extends string>(value: unknown, words: ReadonlySet<Word>): Word {
  return words.has(value as Word) ? (value as Word) : refuse();
}

const ZERO = 0x30;
const NINE = 0x39;
const LOWER_A = 0x61;
const LOWER_F = 0x66;

/** The number that lower case hexadecimal digits from `start` to `end` are. */
function hexBetween(text: string, start: number, end: number): number {
  let value = 0;
  for (let at = start; at < end; at++) {
    const code = text.charCodeAt(at);
    if (code >= ZERO && code <= NINE) value = value * 16 + (code - ZERO);
    else if (code >= LOWER_A && code <= LOWER_F) value = value * 16 + (code - LOWER_A + 10);
    else refuse();
  }
  return value;
}

/** An id or register: `0x` and so many digits. */
export function register(value: unknown, digits: number): number {
  const text = string(value);
  if (text.length !== digits + 2 || !text.startsWith("0x")) refuse();
  return hexBetween(text, 2, text.length);
}

/** Digits of 2^53 - 1, but for its first one. */
const WORD_DIGITS = 13;

function word(value: unknown): number {
  const text = string(value);
  const digits = text.length - 2;
  if (digits < 1 || digits > WORD_DIGITS + 1 || !text.startsWith("0x")) refuse();
  if (digits > WORD_DIGITS && text[2] !== "1") refuse();
  return hexBetween(text, 2, text.length);
}

export function busAddress(value: unknown): BusAddr {
  return word(value) as BusAddr;
}

export function physAddress(value: unknown): PhysAddr {
  return word(value) as PhysAddr;
}

/** Bytes: below 2^53, or a power of two up to 2^83. */
export function size(value: unknown): number {
  const text = string(value);
  if (text.length <= WORD_DIGITS + 2) return word(value);
  return /^0x(?:1[0-9a-f]{13}|[1248]0{13,20})$/.test(text) ? Number.parseInt(text.slice(2), 16) : refuse();
}

const COLON = 0x3a;
const DOT = 0x2e;

/** An address as snapshots have it. One of a domain of four digits, as nearly all are, is read at once. */
export function bdf(value: unknown): Bdf {
  const text = string(value);
  if (text.length !== 12) {
    if (!/^[0-9a-f]{4,8}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]$/.test(text)) refuse();
    return parseBdf(text) ?? refuse();
  }
  if (text.charCodeAt(4) !== COLON || text.charCodeAt(7) !== COLON || text.charCodeAt(10) !== DOT) refuse();
  const device = hexBetween(text, 8, 10);
  const fn = hexBetween(text, 11, 12);
  if (device > 31 || fn > 7) refuse();
  return (hexBetween(text, 0, 4) * 0x10000 + hexBetween(text, 5, 7) * 0x100 + device * 8 + fn) as Bdf;
}

/** A bus of a domain, as `busKeyOf` numbers it. */
export function bus(value: unknown): number {
  const text = string(value);
  const colon = text.length - 3;
  if (colon < 4 || colon > 8 || text.charCodeAt(colon) !== COLON) refuse();
  return hexBetween(text, 0, colon) * 0x100 + hexBetween(text, colon + 1, text.length);
}

/** Reads values that a source may hide; what is hidden is the number of its reason in the snapshot's table. */
export class KnownReader {
  readonly #reasons: readonly Unknown[];

  constructor(reasons: readonly Unknown[]) {
    this.#reasons = reasons;
  }

  /** A value by `read`, or why it is hidden. */
  of<T>(value: unknown, read: (value: unknown) => T): Known<T> {
    if (typeof value === "object" && value !== null && !Array.isArray(value) && isUnknown(value)) {
      const number = (value as { readonly unknown: unknown }).unknown;
      if (typeof number === "number") {
        object(value, 1);
        return this.#reasons[number] ?? refuse();
      }
    }
    return read(value);
  }
}

/** A value by `read`, or `null`. */
export function nullable<T>(value: unknown, read: (value: unknown) => T): T | null {
  return value === null ? null : read(value);
}
