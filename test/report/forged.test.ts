import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Machine } from "../../src/host/machine.ts";
import { readMachine } from "../../src/host/read-machine.ts";
import { visible } from "../../src/pci/visible.ts";
import { documentMarkdown } from "../../src/report/document-markdown.ts";
import { documentText } from "../../src/report/document-text.ts";
import { screenText } from "../../src/report/printable.ts";
import { painted } from "../../src/report/rich.ts";
import { textWidth, truncate, wrap } from "../../src/report/width.ts";
import { readCapturedMachine } from "../machines/captures.ts";
import { everyOutput, unseenIn } from "./every-output.ts";

/** What a screen could be forged with, and a line that would be one of ours. */
const EVIL =
  "\nFORGED\u001b[31m\u001b]0;t\u0007\u009b2J\u009d8;;x\u009c\r\b\u007f\u0000\u202e\u2066\u200f\u061c\u2028\u200b\u{e0041}\ud800\n";
const named = (text: string): string => `${text}${EVIL}`;

/** The machine with evil in every text that a reader takes from its source. */
function planted(machine: Machine): Machine {
  return {
    ...machine,
    source: { ...machine.source, name: named("source") },
    kernel: { ...machine.kernel, release: named("7.2.0"), commandLine: named("quiet pci=") },
    cpu: { ...machine.cpu, architecture: named("x86_64"), vendor: named("GenuineIntel"), name: named("CPU") },
    functions: machine.functions.map((fn, index) => ({
      ...fn,
      names: fn.names.length === 0 ? [] : [named(`device${index}`)],
      label: named(`label${index}`),
      driver: named("driver"),
      ...(index % 3 === 0 ? { acs: { unknown: named("hidden") } } : {}),
    })),
    notes: [{ severity: "warning", message: named("note"), remedy: named("remedy") }],
  };
}

describe.each(["mixed-acs.intel.strict", "two-host-bridges.amd-zen.passthrough"])("Planted in %s", (name) => {
  const machine = readCapturedMachine(name);
  const outputs = everyOutput(planted(machine));

  test.each(outputs)("nothing commands a terminal in %s", (...output) => {
    expect(unseenIn(output)).toBeNull();
  });

  test.each(outputs)("no line is forged in %s", (...[, text]) => {
    expect(text).toContain("FORGED");
    expect(text).not.toMatch(/^FORGED/m);
  });

  test("widths are those of what is printed", () => {
    for (const [form, text] of everyOutput(planted(machine), 100)) {
      if (form !== "matrix" && form !== "tree") continue;
      for (const line of text.split("\n")) expect(textWidth(line), line).toBeLessThanOrEqual(100);
    }
  });
});

const shared = join(import.meta.dirname, "../../../shared/cases/attack/escapes");
const cases = existsSync(shared) ? readdirSync(shared).map((file) => join(shared, file)) : [];
const own = readdirSync(join(import.meta.dirname, "escapes")).map((file) => join(import.meta.dirname, "escapes", file));

describe(`Sources full of escapes${cases.length === 0 ? " (those of ../shared skipped: it is not here)" : ""}`, () => {
  test.each([...own, ...cases])("print clean in every form: %s", async (file) => {
    const { machine } = await readMachine([readFileSync(file)], { name: file });
    for (const output of everyOutput(machine)) expect(unseenIn(output)).toBeNull();
  });
});

describe("A screen", () => {
  test("has the colours of paints and of nothing else", () => {
    const lines = [["\u001b[31mred", painted("direct", "a\u001b[0mb")]];
    expect(screenText(lines, { color: true })).toBe("\\x1b[31mred\u001b[32ma\\x1b[0mb\u001b[39m\n");
    expect(screenText(lines, { color: false })).toBe("\\x1b[31mreda\\x1b[0mb\n");
  });

  test("is wrapped and cut by what is printed", () => {
    expect(textWidth("\u001b[31m\u202e")).toBe("\\x1b[31m\\u202e".length);
    expect(truncate("\u0007\u0007\u0007", 8)).toBe("\\x07\\x0…");
    expect(wrap("one\u0007 two\u0007 three", 15)).toEqual([["one\\x07 two\\x07"], ["three"]]);
    expect(wrap("an overlong", 5)).toEqual([["an"], ["overl"], ["ong"]]);
    expect(wrap([painted("no", "one two"), " three"], 8)).toEqual([[painted("no", "one two")], ["three"]]);
  });
});

/** Values, and what they are in Markdown: as text, with no markup of their own. */
const MARKDOWN: readonly (readonly [what: string, value: string, text: string])[] = [
  ["a table bar", "a|b", "a\\|b"],
  ["code", "`rm`", "\\`rm\\`"],
  ["HTML", "<script>x</script>", "\\<script\\>x\\</script\\>"],
  ["an entity", "&lt;b&#62;", "\\&lt;b\\&#62;"],
  ["a link", "[x](y)", "\\[x\\](y)"],
  ["a picture", "![x](y)", "!\\[x\\](y)"],
  ["an address", "see https://evil.example/x", "see https\\://evil.example/x"],
  ["an address behind an underscore", "_http://evil.example", "\\_http\\://evil.example"],
  ["an address without a scheme", "www.evil.example", "www\\.evil.example"],
  ["somebody's name", "@torvalds", "@<!-- -->torvalds"],
  ["a mail address", "a@evil.example", "a@<!-- -->evil.example"],
  ["an issue", "see #1", "see #<!-- -->1"],
  ["a formula", "$x$", "\\$x\\$"],
  ["what is struck out", "~~x~~", "\\~\\~x\\~\\~"],
  ["emphasis", "*a* _b_", "\\*a\\* \\_b\\_"],
  ["a line end", "a\n# b", "a\\\\n\\# b"],
];

describe("Markdown", () => {
  test.each(MARKDOWN)("takes %s for text", (_, value, text) => {
    expect(documentMarkdown([{ kind: "paragraph", text: `x ${value}` }])).toBe(`x ${text}\n`);
    expect(documentMarkdown([{ kind: "table", head: ["h"], rows: [[value]] }]).split("\n")[2]).toContain(text);
  });

  test.each([
    ["- item", "\\- item"],
    ["+ item", "\\+ item"],
    ["1. item", "1\\. item"],
    ["---", "\\---"],
    ["===", "\\==="],
    ["# heading", "\\# heading"],
    ["> quote", "\\> quote"],
    ["    code", "code"],
    ["~~~", "\\~\\~\\~"],
    ["-x", "-x"],
    ["1.5", "1.5"],
  ])("begins nothing at the start of a line with %j", (value, text) => {
    expect(documentMarkdown([{ kind: "paragraph", text: value }])).toBe(`${text}\n`);
    expect(documentMarkdown([{ kind: "list", items: [value] }])).toBe(`- ${text}\n`);
  });

  test("ends no block of code", () => {
    const lines = ["```", "a\n```\n<script>", "````x"];
    const markdown = documentMarkdown([{ kind: "code", title: "", lines }]);
    expect(markdown).toBe(`\`\`\`\`\`\n\`\`\`\na\\n\`\`\`\\n<script>\n\`\`\`\`x\n\`\`\`\`\`\n`);
  });
});

test("a code block of a screen keeps one line for each", () => {
  const text = documentText([{ kind: "code", title: "t\nu", lines: ["a\nb", "c"] }], { width: 80, color: false });
  expect(text).toBe(`    ${visible("t\nu")}\n      a\\nb\n      c\n`);
});
