import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";

const root = join(import.meta.dirname, "../..");

/** A place where the model departs from hardware or kernel, in the words of the source. */
interface Departure {
  /** Below the repository, with `/`. */
  readonly file: string;
  readonly words: string;
}

/** Every `MODEL:` mark of the sources, in order of file and line. */
function departures(): readonly Departure[] {
  const files = readdirSync(join(root, "src"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).split("\\").join("/"))
    .sort();
  return files.flatMap((file) => marksOf(readFileSync(join(root, file), "utf8")).map((words) => ({ file, words })));
}

/** A mark ends with its comment, or at a line of the comment without words. */
function marksOf(source: string): readonly string[] {
  const marks: string[] = [];
  let mark: string[] | undefined;
  for (const line of source.split("\n")) {
    const comment = /^\s*(?:\/\/|\/\*\*?|\*(?!\/))\s?(.*?)(?:\*\/)?\s*$/.exec(line)?.[1]?.trim();
    const at = comment?.indexOf("MODEL:") ?? -1;
    if (comment !== undefined && at >= 0) {
      marks.push("");
      mark = [comment.slice(at + "MODEL:".length).trim()];
    } else if (mark !== undefined && comment !== undefined && comment !== "") mark.push(comment);
    else mark = undefined;
    if (mark !== undefined) marks[marks.length - 1] = mark.join(" ");
    if (line.includes("*/")) mark = undefined;
  }
  return marks.map((words) =>
    `${words[0]?.toUpperCase() ?? ""}${words.slice(1)}`.replaceAll(/\{@link (\w+)[^}]*\}/g, "`$1`"),
  );
}

function roomOf(file: string): string {
  return file.split("/")[1] ?? "";
}

/** The page of everything that is not modelled, by room. */
export function notModelledPage(): string {
  const marks = departures();
  const names = [...new Set(marks.map(({ file }) => roomOf(file)))];
  const sections = names.map((room) =>
    [
      `## ${room}`,
      "",
      ...marks
        .filter(({ file }) => roomOf(file) === room)
        .map(({ file, words }) => `- ${words} ([${file.slice(4)}](../${file}))`),
    ].join("\n"),
  );
  return [
    "# What is not modelled",
    "Where the model departs from hardware or from the kernel, and why. Each line is a `MODEL:` mark of the source; a test holds this page to them (`npx vitest run test/docs -u` writes it).",
    ...sections,
    "",
  ]
    .join("\n\n")
    .replace(/\n+$/, "\n");
}
