import { Alias, Composer, type Document, isMap, isScalar, isSeq, LineCounter, type Pair } from "yaml";
import { PeerlaneError, type Place } from "../../pci/error.ts";
import { MAX_DEPTH, readTokens } from "./yaml-tokens.ts";

/** Most values in a file once every alias is written out. */
const MAX_VALUES = 500_000;

/** A value read from YAML: every scalar is the text that the file holds (`04.0` stays `04.0`), an empty one `null`. */
export type PlainValue = string | null | readonly PlainValue[] | { readonly [key: string]: PlainValue };

/** Keys and indices from the top of a file down to a value. */
export type ValuePath = readonly (string | number)[];

/** A YAML file with its plain value and the place of each part of it. */
export interface YamlSource {
  readonly file: string;
  readonly value: PlainValue;
  /** Place of the value at a path; of the nearest existing value above it where there is none. */
  placeOf(path: ValuePath): Place;
  /** Place of the key `key` in the mapping at a path. */
  placeOfKey(path: ValuePath, key: string): Place;
}

/**
 * Reads one YAML 1.2 document with the failsafe schema. Refuses, with the place, what could make a reader slow or
 * wrong: text beyond 1 Mi characters, nesting deeper than 256, duplicate keys, aliases that expand to more than half a
 * million values or contain themselves. Throws `bad-input` or `too-large`.
 */
export function readYaml(text: string, file: string): YamlSource {
  const lines = new LineCounter();
  const placeAt = (offset: number): Place => {
    const { line, col } = lines.linePos(Math.min(Math.max(offset, 0), text.length));
    return { file, line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const tokens = readTokens(text, lines, placeAt);
  return new PlacedValue(compose(tokens, text, placeAt), file, placeAt);
}

/**
 * Every scalar stays text, and tags mean nothing. Duplicate keys are found when keys are read (in linear time, and with
 * aliases resolved), not by the composer.
 */
const OPTIONS = { schema: "failsafe", resolveKnownTags: false, uniqueKeys: false, prettyErrors: false } as const;

function compose(
  tokens: ReturnType<typeof readTokens>,
  text: string,
  placeAt: (offset: number) => Place,
): Document.Parsed {
  const composer = new Composer(OPTIONS);
  const documents = [...composer.compose(tokens, true, text.length)];
  for (const { errors } of documents) {
    const [error] = errors;
    if (error !== undefined) {
      throw new PeerlaneError("bad-input", error.message, {
        place: placeAt(error.pos[0]),
        remedy: "this is YAML: mind indentation, and a space after each ':' and '-'",
      });
    }
  }
  const [document, second] = documents;
  if (document === undefined || second !== undefined) {
    throw new PeerlaneError("bad-input", "the file must hold one YAML document", {
      place: placeAt(second?.range[0] ?? 0),
      remedy: "write one document to a file of its own",
    });
  }
  return document as Document.Parsed;
}

/** Turns nodes to plain values once, remembers what each alias stands for, and finds places. */
class PlacedValue implements YamlSource {
  readonly file: string;
  readonly value: PlainValue;
  readonly #root: unknown;
  readonly #placeAt: (offset: number) => Place;
  readonly #anchors = new Map<string, unknown>();
  readonly #targets = new Map<Alias, unknown>();
  /** Collections that are being read: an alias to one of them contains itself. */
  readonly #open = new Set<unknown>();
  /** The alias in the text itself through which the value being read is reached. */
  #throughAlias: Alias | undefined;
  #values = 0;

  constructor(document: Document.Parsed, file: string, placeAt: (offset: number) => Place) {
    this.file = file;
    this.#root = document.contents;
    this.#placeAt = placeAt;
    this.value = this.#plain(document.contents, 0);
  }

  #plain(node: unknown, depth: number): PlainValue {
    if (++this.#values > MAX_VALUES || depth > MAX_DEPTH) {
      throw new PeerlaneError("too-large", "this expands to more than a machine can hold", {
        place: this.#place(this.#throughAlias ?? node),
        remedy: "write the devices out instead of nesting '*' aliases",
      });
    }
    if (node instanceof Alias) return this.#plainAlias(node, depth);
    this.#noteAnchor(node);
    if (isScalar(node)) {
      const text = String(node.value ?? "");
      return text === "" && node.type === "PLAIN" ? null : text;
    }
    this.#open.add(node);
    const value = this.#plainCollection(node, depth + 1);
    this.#open.delete(node);
    return value;
  }

  #plainAlias(alias: Alias, depth: number): PlainValue {
    const target = this.#targets.get(alias) ?? this.#anchors.get(alias.source);
    if (target === undefined || this.#open.has(target)) {
      const message =
        target === undefined
          ? `no '&${alias.source}' before this '*${alias.source}'`
          : `'*${alias.source}' lies inside of what it stands for`;
      throw new PeerlaneError("bad-input", message, {
        place: this.#place(alias),
        remedy: "an alias repeats a value that is complete before it",
      });
    }
    this.#targets.set(alias, target);
    const outer = this.#throughAlias;
    this.#throughAlias ??= alias;
    const value = this.#plain(target, depth + 1);
    this.#throughAlias = outer;
    return value;
  }

  #plainCollection(node: unknown, depth: number): PlainValue {
    if (isSeq(node)) return node.items.map((item) => this.#plain(item, depth));
    return isMap(node) ? this.#plainMap(node.items, depth) : null;
  }

  #noteAnchor(node: unknown): void {
    if (!isScalar(node) && !isSeq(node) && !isMap(node)) return;
    if (node.anchor !== undefined) this.#anchors.set(node.anchor, node);
  }

  #plainMap(items: readonly Pair[], depth: number): PlainValue {
    const map: Record<string, PlainValue> = Object.create(null);
    for (const { key, value } of items) {
      const name = this.#plain(key, depth);
      if (typeof name !== "string") {
        throw new PeerlaneError("bad-input", "a key must be a word", {
          place: this.#place(key),
          remedy: "the files in examples/ show how it is written",
        });
      }
      // `__proto__` is no key of any mapping, and no validator may get to see it.
      if (Object.hasOwn(map, name) || name === "__proto__") {
        const message = name === "__proto__" ? `'${name}' cannot be a key` : "this key is already there";
        throw new PeerlaneError("bad-input", message, { place: this.#place(key), remedy: "remove it" });
      }
      map[name] = this.#plain(value, depth);
    }
    return map;
  }

  #place(node: unknown): Place {
    const range = typeof node === "object" && node !== null && "range" in node ? node.range : undefined;
    const offset: unknown = Array.isArray(range) ? range[0] : 0;
    return this.#placeAt(typeof offset === "number" ? offset : 0);
  }

  #resolve(node: unknown): unknown {
    let target = node;
    while (target instanceof Alias) target = this.#targets.get(target);
    return target;
  }

  #step(node: unknown, key: string | number): unknown {
    const collection = this.#resolve(node);
    if (isSeq(collection) && typeof key === "number") return collection.items[key];
    if (isMap(collection)) return collection.items.find((pair) => this.#keyText(pair) === String(key))?.value;
    return undefined;
  }

  #keyText(pair: Pair): string | undefined {
    const key = this.#resolve(pair.key);
    return isScalar(key) ? String(key.value) : undefined;
  }

  #find(path: ValuePath): unknown {
    let node = this.#root;
    for (const key of path) {
      const next = this.#step(node, key);
      if (next === undefined || next === null) break;
      node = next;
    }
    return node;
  }

  placeOf(path: ValuePath): Place {
    return this.#place(this.#find(path));
  }

  placeOfKey(path: ValuePath, key: string): Place {
    const map = this.#resolve(this.#find(path));
    const pair = isMap(map) ? map.items.find((candidate) => this.#keyText(candidate) === key) : undefined;
    return this.#place(pair?.key ?? map);
  }
}
