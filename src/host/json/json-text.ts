import { PeerlaneError } from "../../pci/error.ts";

/** Longest text, in characters: as a snapshot some 40,000 functions with all that root sees of them. */
export const MAX_CHARACTERS: number = 64 * 1024 * 1024;
/** A snapshot nests seven deep, a dump of rdma_topo four. */
const MAX_DEPTH = 16;
/** Members of one list or object. A segment has 65,536 functions. */
const MAX_MEMBERS = 2 * 65_536;
/** Members of all lists and objects together: real snapshots of the longest text have some five million. */
const MAX_VALUES = 8 * 1024 * 1024;

/** Steps from the top of a JSON text to a value: keys of objects and positions in lists. */
export type JsonPath = readonly PropertyKey[];

/**
 * Parses JSON of which nothing is known yet. Size, depth and numbers of members are counted in one pass before a parser
 * builds anything of it; `what` is said of it in messages, as "a snapshot". Throws `too-large` beyond the limits,
 * `bad-input` for what is no JSON or no UTF-8.
 */
export function parseJson(text: string, file: string, what: string): unknown {
  if (text.length > MAX_CHARACTERS) {
    throw tooLarge(`the text has more than ${MAX_CHARACTERS} characters`, file);
  }
  refuseReplaced(text, file);
  refuseHuge(text, file, what);
  try {
    return JSON.parse(text);
  } catch (cause) {
    const message = (cause as Error).message;
    const at = / at position (\d+)/.exec(message)?.[1];
    const end = message.includes("end of JSON") ? text.length : undefined;
    const offset = at === undefined ? end : Number(at);
    throw new PeerlaneError("bad-input", `not ${what}: it is no JSON: ${printable(message)}`, {
      place: { file, ...(offset === undefined ? {} : { line: lineOf(text, offset) }) },
      remedy: "copy the file again, whole",
      cause,
    });
  }
}

/** Decoders put U+FFFD where bytes are no UTF-8; the writer spells one that belongs there as an escape. */
function refuseReplaced(text: string, file: string): void {
  const at = text.indexOf("\uFFFD");
  if (at < 0) return;
  throw new PeerlaneError("bad-input", "the text holds bytes that are no UTF-8", {
    place: { file, line: lineOf(text, at) },
    remedy: "copy the file again, in binary mode",
  });
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

function refuseHuge(text: string, file: string, what: string): void {
  const members = new Int32Array(MAX_DEPTH + 1);
  let depth = 0;
  let values = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = endOfString(text, at);
    else if (code === OPEN_OBJECT || code === OPEN_LIST) {
      if (++depth > MAX_DEPTH) {
        throw new PeerlaneError("bad-input", `not ${what}: it nests more than ${MAX_DEPTH} deep`, {
          place: { file, line: lineOf(text, at) },
          remedy: "give the file as it was written",
        });
      }
      members[depth] = 1;
      values++;
    } else if (code === CLOSE_OBJECT || code === CLOSE_LIST) depth = Math.max(0, depth - 1);
    else if (code === COMMA) {
      const number = (members[depth] ?? 0) + 1;
      members[depth] = number;
      if (number > MAX_MEMBERS) throw tooLarge(`a list has more than ${MAX_MEMBERS} members`, file, lineOf(text, at));
      values++;
    }
  }
  if (values > MAX_VALUES) throw tooLarge(`the text has more than ${MAX_VALUES} values`, file);
}

function tooLarge(message: string, file: string, line?: number): PeerlaneError {
  return new PeerlaneError("too-large", message, {
    place: { file, ...(line === undefined ? {} : { line }) },
    remedy: "no machine is that large; capture it again",
  });
}

/** Offset of a string's closing quote, or of the end of a text that ends inside of it. */
function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === BACKSLASH) at++;
    else if (code === QUOTE) return at;
  }
  return text.length;
}

/** The line, from 1, of the value at `path` in a JSON text that can be parsed; of what is around it, where it is missing. */
export function lineOfValue(text: string, path: JsonPath): number {
  let at = skipBlanks(text, 0);
  for (const step of path) {
    const next = findMember(text, at, step);
    if (next === undefined) break;
    at = next;
  }
  return lineOf(text, at);
}

function findMember(text: string, container: number, step: PropertyKey): number | undefined {
  const isList = text.charCodeAt(container) === OPEN_LIST;
  if (!isList && text.charCodeAt(container) !== OPEN_OBJECT) return undefined;
  let at = skipBlanks(text, container + 1);
  for (let position = 0; at < text.length; position++) {
    const code = text.charCodeAt(at);
    if (code === CLOSE_LIST || code === CLOSE_OBJECT) return undefined;
    let isIt = position === step;
    if (!isList) {
      const end = endOfString(text, at);
      isIt = JSON.parse(text.slice(at, end + 1)) === step;
      // Past the key and its colon.
      at = skipBlanks(text, skipBlanks(text, end + 1) + 1);
    }
    if (isIt) return at;
    at = skipBlanks(text, skipValue(text, at));
    if (text.charCodeAt(at) === COMMA) at = skipBlanks(text, at + 1);
  }
  return undefined;
}

/** The offset behind a value: the comma or bracket that ends it, or blanks before that. */
function skipValue(text: string, start: number): number {
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = endOfString(text, at);
    else if (code === OPEN_OBJECT || code === OPEN_LIST) depth++;
    else if (depth === 0 && (code === COMMA || code === CLOSE_OBJECT || code === CLOSE_LIST)) return at;
    else if (code === CLOSE_OBJECT || code === CLOSE_LIST) depth--;
  }
  return text.length;
}

function skipBlanks(text: string, start: number): number {
  let at = start;
  while (at < text.length && text.charCodeAt(at) <= 0x20) at++;
  return at;
}

function lineOf(text: string, offset: number): number {
  let line = 1;
  for (let at = text.indexOf("\n"); at >= 0 && at < offset; at = text.indexOf("\n", at + 1)) line++;
  return line;
}

/** Text of unknown origin for a message: short, and nothing that a terminal would act on. */
export function printable(text: string): string {
  return text.slice(0, 200).replaceAll(/[\p{Cc}\p{Cf}]/gu, "?");
}
