import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";

const root = join(import.meta.dirname, "../..");

/** The rows of the table of words: what to say, and what not. */
const rows = readFileSync(join(root, "docs/style.md"), "utf8")
  .split("\n")
  .flatMap((line) => {
    const [, say = "", not = ""] = /^\| (.*?) +\| (.*?) +\| .* \|$/.exec(line) ?? [];
    return say === "" || say === "say" || say.startsWith("---") ? [] : [{ say, not: not.split(", ") }];
  });

/** Sources without comments: what is left of words is what users read. */
const sources = ["report", "cli", "advice", "answers", "policy", "rules", "summary", "host", "drawing"].flatMap(
  (room) =>
    readdirSync(join(root, "src", room), { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".ts") && !name.endsWith("json-types.ts"))
      .map((name) => {
        const text = readFileSync(join(root, "src", room, name), "utf8");
        return { file: `${room}/${name}`, text: text.replaceAll(/\/\*\*?[\s\S]*?\*\/|^\s*\/\/.*$/gm, "") };
      }),
);

/** Words that say something else in some files: of figures, and no pairs, `impossible` is what no link carries. */
const EXCEPT: readonly (readonly [files: RegExp, words: string])[] = [
  [/^(?:report\/compare\/|cli\/verbs\/compare\.ts$)/, "impossible"],
];

describe("What is said is said in the words of docs/style.md", () => {
  test("of which there is a table", () => {
    expect(rows.length).toBeGreaterThan(10);
  });

  test.each(rows)("$say", ({ not }) => {
    const found = sources.flatMap(({ file, text }) => {
      const here = not.filter((words) => !EXCEPT.some(([files, excepted]) => files.test(file) && excepted === words));
      return text
        .split("\n")
        .filter((line) => here.some((words) => line.toLowerCase().includes(words)))
        .map((line) => `${file}: ${line.trim()}`);
    });
    expect(found).toEqual([]);
  });
});
