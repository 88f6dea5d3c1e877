import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hasUnseen, jsonRows, jsonText, visible } from "../../src/pci/visible.ts";

const SHOWN: readonly (readonly [what: string, text: string, shown: string])[] = [
  ["a line end", "a\nb", "a\\nb"],
  ["a carriage return", "a\rb", "a\\rb"],
  ["a tab", "a\tb", "a\\tb"],
  ["NUL", "\0", "\\x00"],
  ["the bell", "\x07", "\\x07"],
  ["backspace", "\b", "\\x08"],
  ["escape", "\u001b[31m", "\\x1b[31m"],
  ["DEL", "\x7f", "\\x7f"],
  ["the one-byte CSI of C1", "\u009b2J", "\\x9b2J"],
  ["the one-byte OSC of C1", "\u009d0;x\u009c", "\\x9d0;x\\x9c"],
  ["the next line of C1", "\u0085", "\\x85"],
  ["an override of the direction", "\u202egnp.exe", "\\u202egnp.exe"],
  ["an embedding", "\u202a\u202b\u202c\u202d", "\\u202a\\u202b\\u202c\\u202d"],
  ["isolates", "\u2066\u2067\u2068\u2069", "\\u2066\\u2067\\u2068\\u2069"],
  ["marks of direction", "\u200e\u200f\u061c", "\\u200e\\u200f\\u061c"],
  ["line and paragraph separators", "\u2028\u2029", "\\u2028\\u2029"],
  ["zero-width characters", "\u200b\u200c\u200d\u2060\ufeff", "\\u200b\\u200c\\u200d\\u2060\\ufeff"],
  ["a soft hyphen", "\u00ad", "\\xad"],
  ["tags", "\u{e0041}\u{e007f}", "\\u{e0041}\\u{e007f}"],
  ["variation selectors", "\ufe0f\u{e0100}", "\\ufe0f\\u{e0100}"],
  ["a filler that is drawn as nothing", "\u3164", "\\u3164"],
  ["a lone surrogate", "\ud83d!", "\\ud83d!"],
  ["a noncharacter", "\ufffe\ufdd0", "\\ufffe\\ufdd0"],
  ["annotations", "\ufff9\ufffb", "\\ufff9\\ufffb"],
];

const KEPT = ["", "NVIDIA H100", "é", "日本語", "🙂", "e\u0301", "C:\\x1b", "a b", "→ ✗ · –", "\ufffd"];

describe("A value on a screen", () => {
  test.each(SHOWN)("shows %s", (_, text, shown) => {
    expect(hasUnseen(text)).toBe(true);
    expect(visible(text)).toBe(shown);
  });

  test.each(KEPT)("keeps %j", (text) => {
    expect(hasUnseen(text)).toBe(false);
    expect(visible(text)).toBe(text);
  });

  test("made visible is clean, one line, and stays as it is when made visible again", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const shown = visible(text);
        expect(hasUnseen(shown)).toBe(false);
        expect(shown).not.toContain("\n");
        expect(visible(shown)).toBe(shown);
      }),
    );
  });
});

describe("JSON text", () => {
  test.each(SHOWN)("escapes %s and is the same value", (_, text) => {
    const json = jsonText({ [text]: [text] }, 1);
    expect(hasUnseen(json.replaceAll("\n", ""))).toBe(false);
    expect(json.split("\n")).toHaveLength(5);
    expect(JSON.parse(json)).toEqual({ [text]: [text] });
  });

  test.each<[name: string, value: object, rows: readonly string[], text: string]>([
    ["a list that is named", { a: [{ x: 1 }, { x: 2 }] }, ["a"], '{\n "a": [\n  {"x":1},\n  {"x":2}\n ]\n}'],
    ["a list that is not", { a: [1] }, [], '{\n "a": [\n  1\n ]\n}'],
    ["an empty list", { a: [] }, ["a"], '{\n "a": []\n}'],
    ["an object of that name", { a: { b: 1 } }, ["a"], '{\n "a": {\n  "b": 1\n }\n}'],
    ["two keys", { a: 1, b: [2, 3] }, ["b"], '{\n "a": 1,\n "b": [\n  2,\n  3\n ]\n}'],
    ["a key without a value", { a: undefined, b: null }, ["a"], '{\n "b": null\n}'],
    ["what is not to be seen", { "\u202e": ["\u009b"] }, ["\u202e"], '{\n "\\u202e": [\n  "\\u009b"\n ]\n}'],
  ])("has one item a line: %s", (_, value, rows, text) => {
    expect(jsonRows(value, rows)).toBe(text);
    expect(JSON.parse(jsonRows(value, rows))).toEqual(JSON.parse(JSON.stringify(value)));
  });

  test("is JSON.stringify's where there is nothing to hide", () => {
    const value = { a: [1, "é🙂\\"], b: null, c: { d: true } };
    expect(jsonText(value)).toBe(JSON.stringify(value));
    expect(jsonText(value, 2)).toBe(JSON.stringify(value, null, 2));
  });
});
