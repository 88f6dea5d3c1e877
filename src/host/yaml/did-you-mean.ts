import { distance } from "fastest-levenshtein";

/** The word of `known` that `word` probably means; `undefined` when none is near. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  if (word.length > 40) return undefined;
  const plain = simplify(word);
  let best: { name: string; steps: number } | undefined;
  for (const name of known) {
    const steps = isAnagram(plain, simplify(name)) ? 1 : distance(plain, simplify(name));
    if (best === undefined || steps < best.steps) best = { name, steps };
  }
  return best !== undefined && best.steps <= Math.max(1, Math.floor(best.name.length / 3)) ? best.name : undefined;
}

/** Swapped letters (`nvem`, `asc`) are two edits and one slip. */
function isAnagram(a: string, b: string): boolean {
  return a.length === b.length && [...a].sort().join("") === [...b].sort().join("");
}

/** Case, `-` and `_` are what people mix up first: `root-port` is `rootPort`. */
function simplify(word: string): string {
  return word.toLowerCase().replaceAll(/[-_ ]/g, "");
}

/** `; did you mean 'x'?`, or the list of what there is. */
export function suggestion(word: string, known: readonly string[]): string {
  const near = nearest(word, known);
  return near === undefined ? `; there are: ${known.join(", ")}` : `; did you mean '${near}'?`;
}
