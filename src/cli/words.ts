import { existsSync } from "node:fs";
import { KINDS_OF_INTEREST } from "../pci/device-kind.ts";
import { PeerlaneError } from "../pci/error.ts";
import { looksLikeSource } from "./read-source.ts";
import { VERBS } from "./verbs.ts";

/** Words that people know from other tools, and the verbs that answer. */
const OTHER_WORDS: ReadonlyMap<string, string> = new Map([
  ["topo", "matrix"],
  ["list", "matrix"],
  ["ls", "matrix"],
  ["topology", "tree"],
  ["lstopo", "tree"],
  ["why", "explain"],
  ["cp", "copy"],
]);

/** More letters amiss than this are another word. */
const MAX_STEPS = 2;

/** `nvme0`, `mlx5_0`, `gpu:1`, `nvme*`, `3f:00.0`. */
const DEVICE =
  /^(?:[a-z]+\d+(?:_\d+|f\d+)?|[a-z]+:\d+|[a-z]+[*[].*|(?:[0-9a-f]{1,8}:)?[0-9a-f]{1,2}:[0-9a-f]{1,2}(?:\.[0-7])?)$/i;

/** `gpu:nic`, as `find` takes it. */
const TWO_CLASSES = new RegExp(`^(?:${KINDS_OF_INTEREST.join("|")}):(?:${KINDS_OF_INTEREST.join("|")})$`, "i");

/** What `nvidia-smi topo` takes to print its matrix, which says nothing that we do not print anyway. */
const MATRIX_OPTIONS = /^(?:-m|-mp|--matrix)$/;

/**
 * A command line with the verb that it means in front: two devices alone are explained, of one its nearest are found, and
 * words of other tools stand for verbs of ours. A file of that name is a source. Throws `usage` for what is nearly a verb,
 * which the default verb would take for a source.
 */
export async function meantWords(words: readonly string[]): Promise<readonly string[]> {
  const [first] = words;
  if (first === "help" && words[1] !== undefined) return ["help", await verbToHelpWith(words[1])];
  const isOfProgram = first === undefined || /^(?:-h|--help|-V|--version|help)$/.test(first);
  if (isOfProgram || VERBS.some(({ name }) => name === first)) return words;
  if (!existsSync(first)) {
    const verb = OTHER_WORDS.get(first.toLowerCase());
    if (verb !== undefined) return meantOther(first.toLowerCase(), verb, words.slice(1));
    await refuseNearVerb(first);
  }
  if (isSource(first) && !/^-./.test(first)) {
    const [, one = "", other = "", ...rest] = words;
    if (!isAsked(one)) return words;
    if (isDevice(one) && isDevice(other) && !isSource(other)) return ["explain", one, other, first, ...rest];
    return other === "" || other.startsWith("-") ? ["find", one, first, ...words.slice(2)] : words;
  }
  const [one, other] = await operandsOf(words);
  if (one === undefined || isSource(one)) return words;
  if (isAsked(one) && (other === undefined || isSource(other))) return ["find", ...words];
  return other === undefined ? words : ["explain", ...words];
}

/** What a word of another tool means with what stands behind it. */
async function meantOther(word: string, verb: string, rest: readonly string[]): Promise<readonly string[]> {
  if (word !== "topo") return [verb, ...rest];
  const words = rest.filter((each) => !MATRIX_OPTIONS.test(each));
  const [one] = await operandsOf(words);
  return [one !== undefined && isAsked(one) ? "find" : verb, ...words];
}

function isSource(word: string): boolean {
  return looksLikeSource(word) || existsSync(word);
}

/** A device, a class or two, and no file of that name. */
function isAsked(word: string): boolean {
  return (isDevice(word) || TWO_CLASSES.test(word)) && !isSource(word);
}

async function verbToHelpWith(word: string): Promise<string> {
  const verb = OTHER_WORDS.get(word.toLowerCase()) ?? word;
  if (VERBS.some(({ name }) => name === verb)) return verb;
  await refuseNearVerb(word, "");
  throw new PeerlaneError("usage", `no verb '${word}'`, { remedy: "peerlane --help lists them" });
}

function isDevice(word: string): boolean {
  return DEVICE.test(word) || KINDS_OF_INTEREST.some((kind) => kind === word.toLowerCase());
}

/** Refuses a word that is nearly a verb. */
async function refuseNearVerb(word: string, alsoNot = ", and no such file"): Promise<void> {
  if (!/^[a-z]{2,}$/i.test(word) || isDevice(word)) return;
  const { distance } = await import("fastest-levenshtein");
  const verbs = VERBS.map(({ name }) => name);
  const near = verbs.filter((verb) => distance(word.toLowerCase(), verb) <= Math.min(MAX_STEPS, word.length / 2));
  if (near.length === 0) return;
  throw new PeerlaneError("usage", `no verb '${word}'${alsoNot}`, {
    remedy: `did you mean ${near.join(" or ")}?`,
  });
}

/** The words of a line that belong to no option, as far as those of `explain` reach. */
async function operandsOf(words: readonly string[]): Promise<readonly string[]> {
  const plain = words.filter((word) => word === "-" || !word.startsWith("-"));
  if (plain.length === 0 || (plain.length === 1 && words.length === 1)) return plain;
  const [{ Command }, { declareExplain }] = await Promise.all([import("commander"), import("./verbs/explain.ts")]);
  const command = new Command().exitOverride().configureOutput({ outputError: () => {} });
  declareExplain(command, () => {});
  try {
    return command.parseOptions([...words]).operands;
  } catch {
    // Whoever reads the line next says what is wrong with it.
    return [];
  }
}
