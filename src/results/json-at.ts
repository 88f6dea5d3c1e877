/** A value of a JSON text, with where it begins in it. */
export interface JsonNode {
  /** Offset of its first character. */
  readonly at: number;
  readonly value: string | number | boolean | null | readonly JsonNode[] | ReadonlyMap<string, JsonNode>;
}

/** An outcome of {@link JsonScanner.scan}: the value and the offset behind it, or the offset at which it is no JSON. */
export type Scanned = { readonly node: JsonNode; readonly end: number } | { readonly brokenAt: number };

/** fio nests seven deep (jobs, read, clat_ns, percentile), the others less. */
const MAX_DEPTH = 32;

/** Values of all JSON of one text. */
const MAX_VALUES = 2_000_000;

/**
 * Reads JSON (ECMA-404) that stands somewhere in a text, and keeps where each value is. Tools print it among lines of their
 * own, and pastes cut it, so a text is scanned from many offsets: together they may look at `budget` characters.
 */
export class JsonScanner {
  readonly #text: string;
  readonly #budget: number;
  #at = 0;
  #steps = 0;
  #values = 0;

  constructor(text: string, budget: number = 8 * text.length + 1024) {
    this.#text = text;
    this.#budget = budget;
  }

  /** Characters looked at until now. */
  get steps(): number {
    return this.#steps;
  }

  /** The value that begins at an offset. Linear in its length; broken where it is none, or the budget is used up. */
  scan(at: number): Scanned {
    this.#at = at;
    const node = this.#value(0);
    this.#steps += this.#at - at;
    return node === undefined ? { brokenAt: this.#at } : { node, end: this.#at };
  }

  #value(depth: number): JsonNode | undefined {
    this.#space();
    const at = this.#at;
    if (depth > MAX_DEPTH || ++this.#values > MAX_VALUES || this.#steps > this.#budget) return;
    const first = this.#text[at];
    if (first === "{") return this.#object(at, depth);
    if (first === "[") return this.#list(at, depth);
    const value = first === '"' ? this.#string() : this.#literal();
    return value === undefined ? undefined : { at, value };
  }

  #object(at: number, depth: number): JsonNode | undefined {
    const value = new Map<string, JsonNode>();
    this.#at++;
    if (this.#take("}")) return { at, value };
    do {
      this.#space();
      const key = this.#text[this.#at] === '"' ? this.#string() : undefined;
      if (key === undefined || !this.#take(":")) return;
      const node = this.#value(depth + 1);
      if (node === undefined) return;
      value.set(key, node);
    } while (this.#take(","));
    return this.#take("}") ? { at, value } : undefined;
  }

  #list(at: number, depth: number): JsonNode | undefined {
    const value: JsonNode[] = [];
    this.#at++;
    if (this.#take("]")) return { at, value };
    do {
      const node = this.#value(depth + 1);
      if (node === undefined) return;
      value.push(node);
    } while (this.#take(","));
    return this.#take("]") ? { at, value } : undefined;
  }

  #string(): string | undefined {
    const start = this.#at;
    let end = start + 1;
    for (; end < this.#text.length; end++) {
      const character = this.#text[end];
      if (character === "\n") break;
      if (character === "\\") end++;
      else if (character === '"') {
        this.#at = end + 1;
        return unescaped(this.#text.slice(start, this.#at));
      }
    }
    this.#at = Math.min(end, this.#text.length);
    return;
  }

  #literal(): number | boolean | null | undefined {
    const pattern = /-?(?:0|[1-9]\d{0,39})(?:\.\d{1,40})?(?:[eE][+-]?\d{1,4})?|true|false|null/y;
    pattern.lastIndex = this.#at;
    const word = pattern.exec(this.#text)?.[0];
    if (word === undefined) return;
    this.#at += word.length;
    return word === "true" ? true : word === "false" ? false : word === "null" ? null : Number(word);
  }

  /** Goes past white space and one character, where that follows. */
  #take(character: string): boolean {
    this.#space();
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #space(): void {
    while (/^[ \t\n\r]$/.test(this.#text[this.#at] ?? "")) this.#at++;
  }
}

function unescaped(quoted: string): string | undefined {
  try {
    const value: unknown = JSON.parse(quoted);
    return typeof value === "string" ? value : undefined;
  } catch {
    return;
  }
}

/** The value of a key, where the node is an object that has it. */
export function member(node: JsonNode | undefined, ...path: readonly string[]): JsonNode | undefined {
  let current = node;
  for (const key of path) current = current?.value instanceof Map ? (current.value.get(key) as JsonNode) : undefined;
  return current;
}

/** The members of a list; none where it is no list. */
export function itemsOf(node: JsonNode | undefined): readonly JsonNode[] {
  return Array.isArray(node?.value) ? (node.value as readonly JsonNode[]) : [];
}

/** The text, where it is one. */
export function textOf(node: JsonNode | undefined): string | undefined {
  return typeof node?.value === "string" ? node.value : undefined;
}

/** The number, where it is one and finite. */
export function numberOf(node: JsonNode | undefined): number | undefined {
  return typeof node?.value === "number" && Number.isFinite(node.value) ? node.value : undefined;
}
