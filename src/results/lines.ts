import { PeerlaneError } from "../pci/error.ts";
import type { ResultPlace } from "./results.ts";

/** A paste of results is some kilobytes, JSON of fio with all its bins some megabytes. */
const MAX_CHARACTERS = 16 * 1024 * 1024;

const MAX_LINES = 1_000_000;

/** A row for 400 GPUs. What is longer is JSON, or no line of these tools. */
export const MAX_LINE = 4096;

/** A line without what stands around it: escape sequences, the marks of loggers. */
export interface Line {
  readonly text: string;
  /** From 1. */
  readonly number: number;
  /** Columns of what was taken off at its front. */
  readonly indent: number;
}

/** A word of a line, with its column in the text. */
export interface Word {
  readonly text: string;
  readonly place: ResultPlace;
}

/** CSI and OSC sequences and the two-character ones (ECMA-48), which `script`, `watch` and progress bars leave behind. */
const ESCAPES =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  /(?:\x1b\[|\x9b)[0-?]{0,64}[ -/]{0,8}[@-~]?|\x1b[\]PX^_][^\x07\x1b\x9c]{0,4096}(?:\x07|\x1b\\|\x9c)?|\x1b[ -/]{0,8}[0-~]?/g;

/** Other control characters, NUL too, and what takes no room on a screen. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const UNSEEN = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

/** Spaces that are no space: a paste from a web page has them. */
const SPACES = /[\u00a0\u2000-\u200a\u202f\u205f\u3000]/g;

/**
 * What stands in front of a line where something carried it: `mpirun --tag-output` (`[1,0]<stdout>:`), PRRTE
 * (`[prterun-node1-22@1,0]<stdout>: `), `kubectl logs --prefix` (`[pod/bench-abc/worker] `), `srun -l` (` 0: `), Docker
 * Compose (`bench-1  | `), Kubernetes' runtime (`2026-01-02T03:04:05.6Z stdout F `), a timestamp, the journal or syslog
 * (`Jan 02 03:04:05 node1 bench[77]: `), `ts` (`Jan 02 03:04:05 `, `00:00:05.123456 `), a quote (`> `).
 */
const PREFIX = new RegExp(
  `^(?:${[
    /\[(?:[\w.-]{1,80}@)?\d{1,6},\d{1,6}\]<(?:stdout|stderr|stddiag)>: ?/,
    /\[pod\/[\w.-]{1,253}\/[\w.-]{1,80}\] ?/,
    / {0,5}\d{1,6}: /,
    /[\w.-]{1,80} {0,8}\| /,
    /(?:\[?\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?\]?:?|[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:\.\d{1,9})?)(?: [\w.-]{1,80} [\w./@()-]{1,80}\[\d{1,10}\]:| std(?:out|err) [FP])?[ \t]?/,
    /\d\d:\d\d:\d\d(?:\.\d{1,9})? /,
    /> ?/,
  ]
    .map(({ source }) => source)
    .join("|")})`,
);

/** Loggers stand in front of loggers: `srun -l` in a container in a pod. */
const MAX_PREFIXES = 4;

/**
 * A text as lines that readers take apart: LF, CRLF and the CR of progress bars end one (those share a number), escape
 * sequences and control characters are gone, and marks of loggers. Throws `too-large` beyond the limits.
 */
export function linesOf(text: string, file: string): readonly Line[] {
  if (text.length > MAX_CHARACTERS) {
    throw new PeerlaneError("too-large", `the text has more than ${MAX_CHARACTERS} characters`, {
      place: { file },
      remedy: "give the part with the results",
    });
  }
  const lines: Line[] = [];
  let number = 0;
  for (const whole of text.split("\n")) {
    number++;
    let indent = 0;
    for (const piece of whole.split("\r")) {
      const seen = piece.replaceAll(ESCAPES, "").replaceAll(UNSEEN, "").replaceAll(SPACES, " ");
      const front = prefixLength(seen);
      // The last piece of a line that ended with CR is empty.
      if (seen !== "" || indent === 0)
        lines.push({ text: seen.slice(front).trimEnd(), number, indent: indent + front });
      indent += seen.length + 1;
    }
    if (lines.length > MAX_LINES) {
      throw new PeerlaneError("too-large", `the text has more than ${MAX_LINES} lines`, {
        place: { file, line: number },
        remedy: "give the part with the results",
      });
    }
  }
  return withoutHosts(lines);
}

/** `node1: ` of pdsh, and `node1 3: ` of launchers that say the rank too. */
const HOST_LABEL = /^[A-Za-z0-9][\w.-]{0,80}(?: \d{1,6})?: ?/;

/**
 * Takes names of hosts off the front, where they are: such a label alone could be a word of a tool (`read: IOPS=…`), so only
 * labels that stand on several lines and together on nearly all are taken for one.
 */
function withoutHosts(lines: readonly Line[]): readonly Line[] {
  const counts = new Map<string, number>();
  let filled = 0;
  for (const { text } of lines) {
    if (text === "") continue;
    filled++;
    const label = HOST_LABEL.exec(text)?.[0].trimEnd();
    if (label !== undefined) counts.set(label, (counts.get(label) ?? 0) + 1);
  }
  const hosts = new Map([...counts].filter(([, count]) => count >= 5));
  const labelled = [...hosts.values()].reduce((sum, count) => sum + count, 0);
  if (labelled === 0 || labelled < 0.8 * filled) return lines;
  return lines.map((line) => {
    const label = HOST_LABEL.exec(line.text)?.[0];
    if (label === undefined || !hosts.has(label.trimEnd())) return line;
    return { ...line, text: line.text.slice(label.length), indent: line.indent + label.length };
  });
}

function prefixLength(text: string): number {
  let length = 0;
  for (let count = 0; count < MAX_PREFIXES; count++) {
    const prefix = PREFIX.exec(text.slice(length, length + 500))?.[0];
    if (prefix === undefined) break;
    length += prefix.length;
  }
  return length;
}

/** Where something at an offset of a line stands in the text. */
export function placeOf(line: Line, offset: number): ResultPlace {
  return { line: line.number, column: line.indent + offset + 1 };
}

/** The words of a line, between blanks and tabs. */
export function wordsOf(line: Line): readonly Word[] {
  const words: Word[] = [];
  for (const match of line.text.slice(0, MAX_LINE).matchAll(/\S+/g)) {
    words.push({ text: match[0], place: placeOf(line, match.index) });
  }
  return words;
}

/** A plain decimal number, as C prints it without a locale: `12`, `0.25`, `1e+05`; `undefined` for anything else. */
export function parseDecimal(text: string): number | undefined {
  return /^-?\d{1,20}(?:\.\d{1,20})?(?:e[+-]?\d{1,3})?$/.test(text) ? Number(text) : undefined;
}
