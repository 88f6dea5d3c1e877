/** Takes out of a text what may name a machine, its parts or its people. */
export type Scrub = (text: string) => string;

/** What is known to name the machine, found elsewhere in it. */
export interface KnownNames {
  /** Files that it was read from, as texts quote them. */
  readonly files: ReadonlySet<string>;
  /** Host names and their like; case does not matter. */
  readonly names: ReadonlySet<string>;
}

/** Stands for what is left out. */
export const GONE = "…";

/** Makes a {@link Scrub} that remembers its answers: thousands of functions share a few texts. */
export function scrubber(known: KnownNames): Scrub {
  const files = [...known.files].filter((file) => file !== "").sort((a, b) => b.length - a.length);
  const names = new Set([...known.names].map((name) => name.toLowerCase()));
  const done = new Map<string, string>();
  return (text) => {
    let clean = done.get(text);
    if (clean === undefined) {
      clean = withoutPaths(withoutAddresses(withoutNames(withoutFiles(text, files), names)));
      done.set(text, clean);
    }
    return clean;
  };
}

/** What is looked for. Made at the first text: Unicode's sets take a while to collect, and few runs send anything on. */
interface Patterns {
  /** Part of a longer path or word: what a file's name must not touch, or `m` would be found in `mask`. */
  readonly insideBefore: RegExp;
  readonly insideAfter: RegExp;
  /** Words with the joints that host names have; a name may be all of one or a part of it. */
  readonly word: RegExp;
  readonly wordPart: RegExp;
  readonly addresses: readonly RegExp[];
  readonly paths: readonly RegExp[];
}

let made: Patterns | undefined;

function patterns(): Patterns {
  made ??= {
    insideBefore: /[\p{L}\p{N}_./-]$/u,
    insideAfter: /^(?:[\p{L}\p{N}_/-]|\.[\p{L}\p{N}])/u,
    word: /[\p{L}\p{N}]+(?:[-_.][\p{L}\p{N}]+)*/gu,
    wordPart: /[\p{L}\p{N}]+/gu,
    addresses: addressPatterns(),
    paths: pathPatterns(),
  };
  return made;
}

function withoutFiles(text: string, files: readonly string[]): string {
  return files.reduce((rest, file) => withoutFile(rest, file), text);
}

function withoutFile(text: string, file: string): string {
  const { insideBefore, insideAfter } = patterns();
  const [first = "", ...others] = text.split(file);
  let result = first;
  let before = first;
  for (const part of others) {
    const isInside = insideBefore.test(before.slice(-2)) || insideAfter.test(part.slice(0, 3));
    result += (isInside ? file : "the source") + part;
    before = part === "" ? file : part;
  }
  return result;
}

function withoutNames(text: string, names: ReadonlySet<string>): string {
  if (names.size === 0) return text;
  const isName = (word: string): boolean => names.has(word.toLowerCase());
  const { word: words, wordPart } = patterns();
  return text.replaceAll(words, (word) =>
    isName(word) ? GONE : word.replaceAll(wordPart, (part) => (isName(part) ? GONE : part)),
  );
}

/**
 * MAC addresses, GUIDs, serial numbers, IP addresses and host names with a domain, as they are written. Each pattern
 * takes time in proportion to the text: texts come from hostile files as well.
 */
const addressPatterns = (): readonly RegExp[] => [
  // UUIDs.
  /(?<![0-9a-f])[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}(?![0-9a-f])/gi,
  // Pairs of digits: MAC addresses, device serial numbers.
  /(?<![0-9a-f])[0-9a-f]{2}(?:[:_-][0-9a-f]{2}){5,}(?![0-9a-f])/gi,
  // Fours: GUIDs of InfiniBand, MAC addresses as switches write them.
  /(?<![0-9a-f])[0-9a-f]{4}(?:[:.-][0-9a-f]{4}){2,}(?![0-9a-f])/gi,
  // Without separators, also inside of a name (enx0c42a12b3c4d).
  /(?:0x)?[0-9a-f]{12,}/gi,
  // IPv4.
  /(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w])/g,
  // People at hosts.
  /(?<![\w.+-])[\w.+-]{1,64}@[a-z][\w-]*(?:\.[\w-]+)*/gi,
  // Networks that are nobody else's.
  /(?<![\w.-])[\w-]+(?:\.[\w-]+)*\.(?:local|lan|internal|intranet|localdomain|corp|home)(?![\w-])/gi,
];

/** Runs of which a look at the whole decides. */
const IPV6 = /(?<![\w:])[0-9a-f:]{6,}(?![\w:])/gi;
const DOTTED = /(?<![\w./@-])[a-z0-9][\w-]*(?:\.[\w-]+){2,}/gi;
const CAPITALS = /(?<![A-Za-z0-9])[A-Z0-9]{10,}(?![A-Za-z0-9])/g;
/** What says of itself that it is a serial number. */
const SERIAL = /((?<![A-Za-z])(?:S\/?N|serial(?: ?(?:number|no\.?|num))?)[ :=#]{1,4})[A-Za-z0-9][\w-]{3,63}/gi;
const FILE_ENDING = /\.(?:gz|bz2|zst|xz|tar|tgz|json|xml|txt|log|ya?ml|ids|so|ko|service|conf)$/i;

function withoutAddresses(text: string): string {
  return patterns()
    .addresses.reduce((rest, pattern) => rest.replaceAll(pattern, GONE), text)
    .replaceAll(SERIAL, `$1${GONE}`)
    .replaceAll(IPV6, (run) => (run.includes("::") || run.split(":").length === 8 ? GONE : run))
    .replaceAll(DOTTED, (run) => (/\.[a-z]{2,}$/i.test(run) && !FILE_ENDING.test(run) ? GONE : run))
    .replaceAll(CAPITALS, (run) => (looksLikeSerial(run) ? GONE : run));
}

/** Product names of this length are rarer than serial numbers: some twenty in all of `pci.ids`. */
function looksLikeSerial(run: string): boolean {
  const digits = run.replaceAll(/\D/g, "").length;
  return digits === run.length || (run.length >= 12 && digits >= 5);
}

/** Paths that are the same on every machine and tell nothing. */
const COMMON = "(?:sys|proc|boot|usr|etc)(?![\\p{L}\\p{N}_-])";
const pathPatterns = (): readonly RegExp[] => [
  // With blanks, in quotes.
  new RegExp(`(?<=(['"\`]))(?:~[\\w-]{0,64})?/(?!${COMMON})[^'"\`\\n]*(?=\\1)`, "gu"),
  new RegExp(`(?<![\\p{L}\\p{N}_./*+-])(?:~[\\w-]{0,64})?/(?!${COMMON})[^\\s'"\`<>|;,()]+`, "gu"),
  // Of Windows.
  /(?<![A-Za-z0-9])[A-Za-z]:\\[^\s'"]+|(?<!\\)\\\\[\w.-]+\\[^\s'"]*/g,
  // Addresses on a network.
  /(?<![a-z0-9+.-])[a-z][a-z0-9+.-]{1,20}:\/\/[^\s'"]+/gi,
  // Relative ones that end in a file with an ending.
  /(?<![\p{L}\p{N}_./+@*-])(?!(?:sys|proc|boot|usr|etc|lib)\/)(?:[\p{L}\p{N}_.+@-]+\/)+[\p{L}\p{N}_.+@-]*\.[a-z]\w{0,4}(?![\p{L}\p{N}_/])/giu,
];

function withoutPaths(text: string): string {
  if (!text.includes("/") && !text.includes("\\")) return text;
  return patterns().paths.reduce((rest, pattern) => rest.replaceAll(pattern, GONE), text);
}
