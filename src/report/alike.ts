/** A function's address inside a sentence, as `formatBdf` prints it. */
const ADDRESS = /\b[0-9a-f]{4,8}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]\b/g;
/** Functions that one place of a sentence names. */
const NAMED = 3;

/** What a sentence says of any function: the same text for two sentences that differ only in the functions they name. */
export function kindOfSentence(sentence: string): string {
  return sentence.replaceAll(ADDRESS, "0000:00:00.0");
}

/** Sentences of one {@link kindOfSentence}, told as one: `… above 0000:03:00.0, 0000:04:00.0, 0000:05:00.0 and 9 more`. */
export class AlikeSentences {
  readonly #words: readonly string[];
  /** For each place behind one of the words, the functions that stand there. */
  readonly #names: readonly Set<string>[];

  /** None of them yet: `kind` is what they have in common, or one of them. */
  constructor(kind: string) {
    this.#words = kind.split(ADDRESS);
    this.#names = this.#words.slice(1).map(() => new Set());
  }

  add(sentence: string): void {
    if (this.#names.length === 0) return;
    let place = 0;
    for (const [name] of sentence.matchAll(ADDRESS)) this.#names[place++]?.add(name);
  }

  get text(): string {
    return this.#words.map((words, place) => words + nameList(this.#names[place])).join("");
  }
}

function nameList(names: ReadonlySet<string> = new Set()): string {
  const shown = [...names].slice(0, NAMED);
  const more = names.size - shown.length;
  if (more > 0) return `${shown.join(", ")} and ${more} more`;
  return [shown.slice(0, -1).join(", "), ...shown.slice(-1)].filter((part) => part !== "").join(" and ");
}

/** Each kind of sentence once, in the order in which the kinds come. */
export function joinAlike(sentences: Iterable<string>): readonly string[] {
  const kinds = new Map<string, AlikeSentences>();
  for (const sentence of sentences) {
    const kind = kindOfSentence(sentence);
    const alike = kinds.get(kind) ?? new AlikeSentences(kind);
    alike.add(sentence);
    kinds.set(kind, alike);
  }
  return [...kinds.values()].map(({ text }) => text);
}
