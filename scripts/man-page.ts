import { type Command, Help, type Option } from "commander";
import { makeProgram, VERB_GROUPS } from "../src/cli/program.ts";
import { VERBS } from "../src/cli/verbs.ts";

/** An option or argument that as many verbs have, in the same words, is told once for all of them. */
const SHARED = 3;

/**
 * The manual page of the program as roff for man(7) macros, of the same words as `--help`. Pure ASCII: what is not, and each
 * sign that roff would make another of (`-`, `'`, `` ` ``, `^`, `~`, `\`), is an escape (groff_char(7)), so that commands can be
 * copied from it.
 */
export async function manPage(version: string): Promise<string> {
  const program = await makeProgram(version, () => {});
  const verbs = VERBS.flatMap(({ name }) => program.commands.filter((command) => command.name() === name)).map(
    verbHelp,
  );
  const shared = told(verbs.flatMap(({ options }) => options));
  const words = told(verbs.flatMap((verb) => verb.words));
  const { examples, exits } = partsOfProgram(program.helpInformation());
  const description = program.description();
  return `${[
    `.TH PEERLANE 1 "" ${argument(`peerlane ${version}`)} "User Commands"`,
    // No word of a command is parted at the end of a line, and no line is stretched.
    ".nh",
    ".ad l",
    ".SH NAME",
    `peerlane \\- ${inline(nameLine(description))}`,
    ".SH SYNOPSIS",
    ...verbs.flatMap(({ usage }, index) => [...(index === 0 ? [] : [".br"]), synopsis(usage)]),
    ".SH DESCRIPTION",
    text(description),
    ".PP",
    text("What a source hides is unknown, with the way to know it. Where verbs take these words, they are:"),
    ...words.flatMap(wordLines),
    ".SH VERBS",
    ...VERB_GROUPS.flatMap(([group, heading]) => [
      `.SS ${argument(heading)}`,
      ...verbs
        .filter(({ name }) => VERBS.find((verb) => verb.name === name)?.group === group)
        .flatMap((verb) => verbLines(verb, [...words, ...shared])),
    ]),
    ".SH OPTIONS",
    text("These mean the same in each verb that takes them; peerlane VERB --help lists those of one."),
    ...shared.flatMap(optionLines),
    ".TP",
    `.BR ${strong("-V")} ", " ${strong("--version")}`,
    text("print the version"),
    ".SH EXIT STATUS",
    ...exits.flatMap(({ code, means }) => [".TP", `.B ${code}`, text(means)]),
    ".PP",
    text("What they are of each verb:"),
    ...verbs.flatMap(({ name, exit }) => (exit === null ? [] : [".TP", `.B ${strong(name)}`, text(exit)])),
    ".SH FILES",
    ...FILES.flatMap(([path, what]) => [".TP", `.I ${inline(path)}`, text(what)]),
    ".SH EXAMPLES",
    ...exampleLines(examples),
    ...verbs.flatMap(({ examples: own }) => exampleLines(own)),
    ".SH SEE ALSO",
    `${SEE_ALSO.map(([name, section]) => `.BR ${strong(name)} (${section})`).join(" ,\n")}`,
  ].join("\n")}\n`;
}

const FILES: readonly (readonly [path: string, what: string])[] = [
  [
    "/sys/bus/pci/devices, /sys/kernel/iommu_groups, /proc/cmdline",
    "read of this host, with what else of sysfs and procfs shows its devices, kernel and CPU",
  ],
  [
    "$XDG_STATE_HOME/peerlane (~/.local/state/peerlane)",
    "journals of copy, and what probe saves of a disk before it writes there",
  ],
  ["$XDG_CACHE_HOME/peerlane (~/.cache/peerlane)", "the kernel and the busybox that vm fetched for its guests"],
];

const SEE_ALSO = [
  ["lspci", 8],
  ["setpci", 8],
  ["lstopo", 1],
  ["dmesg", 1],
] as const;

/** What a verb's help holds, in parts. */
interface VerbHelp {
  readonly name: string;
  readonly summary: string;
  /** `fix [options] [names...]`. */
  readonly usage: string;
  readonly words: readonly Term[];
  readonly options: readonly Term[];
  /** Paragraphs behind the options, without exit codes and examples. */
  readonly remarks: readonly string[];
  readonly exit: string | null;
  readonly examples: readonly string[];
}

/** An option or an argument. */
interface Term {
  readonly term: string;
  readonly means: string;
}

const help = new Help();

function verbHelp(command: Command): VerbHelp {
  const paragraphs = textBehind(command)
    .split(/\n{2,}/)
    .flatMap((paragraph) => paragraph.split(/\n(?=Exits with )/))
    .map((paragraph) => paragraph.replaceAll(/^\n+|\s+$/g, ""))
    .filter((paragraph) => paragraph !== "");
  const isExamples = (paragraph: string): boolean => paragraph.startsWith("Examples:");
  const exits = paragraphs.filter((paragraph) => paragraph.startsWith("Exits with "));
  return {
    name: command.name(),
    summary: command.description(),
    usage: `${command.name()} ${command.usage()}`,
    words: help.visibleArguments(command).map((word) => ({ term: word.name(), means: help.argumentDescription(word) })),
    options: command.options.map((option: Option) => ({
      term: help.optionTerm(option),
      means: help.optionDescription(option),
    })),
    remarks: paragraphs.filter((paragraph) => !exits.includes(paragraph) && !isExamples(paragraph)),
    exit: exits.length === 0 ? null : exits.join(" ").replace(/^Exits with /, ""),
    examples: paragraphs.filter(isExamples).flatMap((paragraph) => paragraph.split("\n").slice(1)),
  };
}

/** What a verb's help says behind its options. */
function textBehind(command: Command): string {
  let whole = "";
  command.configureOutput({ writeOut: (some) => (whole += some) });
  command.outputHelp();
  const { length } = command.helpInformation();
  return whole.slice(length);
}

/** What several verbs have with the same words, in the order of the first verb that has it. */
function told(terms: readonly Term[]): readonly Term[] {
  const counts = new Map<string, { readonly term: Term; count: number }>();
  for (const term of terms) {
    const key = JSON.stringify(term);
    const known = counts.get(key) ?? { term, count: 0 };
    known.count++;
    counts.set(key, known);
  }
  return [...counts.values()].filter(({ count }) => count >= SHARED).map(({ term }) => term);
}

/** A verb with what is its own. */
function verbLines(verb: VerbHelp, shared: readonly Term[]): readonly string[] {
  const keys = new Set(shared.map((term) => JSON.stringify(term)));
  const own = (terms: readonly Term[]): readonly Term[] => terms.filter((term) => !keys.has(JSON.stringify(term)));
  const inner = [...own(verb.words).flatMap(wordLines), ...own(verb.options).flatMap(optionLines)];
  return [
    ".TP",
    `.B ${strong(`peerlane ${verb.name}`)}`,
    text(verb.summary),
    ...verb.remarks.flatMap((remark) => [".IP", text(remark)]),
    ...(inner.length === 0 ? [] : [".RS", ...inner, ".RE"]),
  ];
}

function wordLines({ term, means }: Term): readonly string[] {
  return [".TP", `.I ${inline(term)}`, text(means)];
}

function optionLines({ term, means }: Term): readonly string[] {
  return [".TP", `.B ${strong(term)}`, text(means)];
}

/** Commands as they are typed, each on a line of its own; what stands behind one in a column says what it is. */
function exampleLines(lines: readonly string[]): readonly string[] {
  if (lines.length === 0) return [];
  const commands = lines.flatMap((line) => {
    const [, command = "", says] = /^ {2}(.*?)(?: {2,}(\S.*))?$/.exec(line) ?? [];
    return [...(says === undefined ? [] : [inline(`# ${says}`)]), inline(command)];
  });
  return [".PP", ".nf", ".RS", ...commands, ".RE", ".fi"];
}

/** The examples and the exit codes of the program's own help. */
function partsOfProgram(text: string): {
  readonly examples: readonly string[];
  readonly exits: readonly { readonly code: string; readonly means: string }[];
} {
  const [, examples = "", exits = ""] = /\nExamples:\n(.*)\nExit codes: (.*?)\. /s.exec(text) ?? [];
  return {
    examples: examples.split("\n"),
    exits: exits
      .replaceAll(/\s+/g, " ")
      .split(/, (?=\d )/)
      .map((exit) => ({ code: exit.slice(0, 1), means: exit.slice(2) })),
  };
}

/** `Which device …, and why not: the rules of …` as the line of a list of manuals. */
function nameLine(description: string): string {
  return description.replace(/\.$/, "").replace(/^[A-Z]/, (letter) => letter.toLowerCase());
}

function synopsis(usage: string): string {
  const [verb = "", ...words] = usage.split(" ");
  return `.B peerlane ${strong(verb)}\n${inline(words.join(" "))}`;
}

/** A paragraph on lines of its own; what begins a line with blanks keeps its lines. */
function text(paragraph: string): string {
  const lines = paragraph.split("\n");
  if (!lines.some((line) => line.startsWith(" "))) return inline(lines.join(" "));
  return [".nf", ...lines.map(inline), ".fi"].join("\n");
}

const ESCAPES: Readonly<Record<string, string>> = {
  "\\": "\\e",
  "-": "\\-",
  "'": "\\(aq",
  "`": "\\(ga",
  "^": "\\(ha",
  "~": "\\(ti",
  '"': "\\(dq",
  "…": "...",
  "–": "\\(en",
  "→": "\\(->",
};

/** Text as roff prints it letter for letter; a sign that begins a request where a line begins with it stands behind `\&`. */
export function inline(words: string): string {
  const escaped = [...words].map((sign) => ESCAPES[sign] ?? (sign > "~" ? `\\[u${codeOf(sign)}]` : sign)).join("");
  return /^[.]/.test(escaped) ? `\\&${escaped}` : escaped;
}

function codeOf(sign: string): string {
  return (sign.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0");
}

/** Text as one argument of a macro. */
function argument(words: string): string {
  return `"${inline(words)}"`;
}

/** Text as the argument of `.B` or `.BR`. */
function strong(words: string): string {
  return words.includes(" ") ? argument(words) : inline(words);
}
