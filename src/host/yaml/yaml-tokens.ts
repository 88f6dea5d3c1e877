import { type CST, Lexer, type LineCounter, Parser } from "yaml";
import { PeerlaneError, type Place } from "../../pci/error.ts";

/** Deepest nesting of collections: each level of PCI buses takes two, and there are at most 255 of those. */
export const MAX_DEPTH = 256;
/** Largest file, in UTF-16 code units. */
const MAX_CHARACTERS = 1024 * 1024;
/** Most keys of one mapping. No mapping of the format has more than a few dozen. */
const MAX_KEYS = 256;
/** Lexemes of the `yaml` lexer that mark a mode and stand for no character of the text. */
const MARKS: ReadonlySet<string> = new Set(["\x02", "\x18", "\x1f"]);

type PlaceAt = (offset: number) => Place;

/**
 * Parses YAML to its syntax tree, without recursion, and refuses shapes on which what comes after would recurse too
 * deeply or take quadratic time. Throws `bad-input` or `too-large` with the place.
 */
export function readTokens(text: string, lines: LineCounter, placeAt: PlaceAt): readonly CST.Token[] {
  lines.addNewLine(0);
  if (text.length > MAX_CHARACTERS) {
    throw new PeerlaneError("too-large", `the file has ${text.length} characters, more than ${MAX_CHARACTERS}`, {
      place: placeAt(0),
      remedy: "scenarios and policies are written by hand; is this the right file?",
    });
  }
  const parser = new Parser(lines.addNewLine);
  const tokens: CST.Token[] = [];
  const depth = new FlowDepth(placeAt);
  for (const lexeme of new Lexer().lex(text)) {
    depth.count(lexeme);
    for (const token of parser.next(lexeme)) tokens.push(token);
  }
  for (const token of parser.end()) tokens.push(token);
  refuseHostileShapes(tokens, placeAt);
  return tokens;
}

/** Counts brackets and the dashes of one line while they are read: a text of them costs a kilobyte of memory each. */
class FlowDepth {
  readonly #placeAt: PlaceAt;
  #offset = 0;
  #brackets = 0;
  #dashes = 0;
  #isScalar = false;

  constructor(placeAt: PlaceAt) {
    this.#placeAt = placeAt;
  }

  count(lexeme: string): void {
    if (MARKS.has(lexeme) && !this.#isScalar) {
      this.#isScalar = lexeme === "\x1f";
      return;
    }
    if (this.#isScalar) this.#isScalar = false;
    else if (lexeme === "[" || lexeme === "{") this.#brackets++;
    else if (lexeme === "]" || lexeme === "}") this.#brackets--;
    else if (lexeme === "-" || lexeme === "?") this.#dashes++;
    else if (lexeme.includes("\n")) this.#dashes = 0;
    if (this.#brackets > MAX_DEPTH || this.#dashes > MAX_DEPTH) throw tooDeep(this.#placeAt(this.#offset));
    this.#offset += lexeme.length;
  }
}

function refuseHostileShapes(tokens: readonly CST.Token[], placeAt: PlaceAt): void {
  const stack: { token: CST.Token; depth: number }[] = [];
  const push = (token: CST.Token | null | undefined, depth: number): void => {
    if (token) stack.push({ token, depth });
  };
  for (const token of tokens) if (token.type === "document") push(token.value, 1);
  for (let entry = stack.pop(); entry !== undefined; entry = stack.pop()) {
    const { token, depth } = entry;
    if (!("items" in token)) continue;
    if (depth > MAX_DEPTH) throw tooDeep(placeAt(token.offset));
    const isMapping = token.type === "block-map" || (token.type === "flow-collection" && token.start.source === "{");
    if (isMapping && token.items.length > MAX_KEYS) {
      throw new PeerlaneError("bad-input", `a mapping with ${token.items.length} keys`, {
        place: placeAt(token.offset),
        remedy: "list devices as a sequence: one '- ' line each",
      });
    }
    for (const item of token.items) {
      push(item.key, depth + 1);
      push(item.value, depth + 1);
    }
  }
}

function tooDeep(place: Place): PeerlaneError {
  return new PeerlaneError("bad-input", `nested more than ${MAX_DEPTH} deep`, {
    place,
    remedy: "a machine has at most 255 buses below each other",
  });
}
