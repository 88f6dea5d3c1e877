import { expect, test } from "vitest";
import type { Note } from "../../src/host/machine.ts";
import { untoldNotes } from "../../src/report/notes.ts";

const note = (message: string, more: Partial<Note> = {}): Note => ({ severity: "warning", message, ...more });
const MISREAD = "the kernel reads '17:01.0' as an option of its own and ignores it: devices are separated by ';'";

test.each<[name: string, note: Note, shown: string, isTold: boolean]>([
  ["said on the screen", note(`--append: ${MISREAD}`), `  mind: ${MISREAD}\n`, true],
  [
    "said in lines of a narrow screen, with colours",
    note(`--append: ${MISREAD}`),
    `  \u001b[33mmind\u001b[39m  ${MISREAD.replaceAll(" ", "\n            ")}`,
    true,
  ],
  ["said in Markdown", note(`--append: ${MISREAD}`), `- mind: ${MISREAD.replaceAll("'", "\\'")}`, true],
  ["not said", note(`--append: ${MISREAD}`), "  mind: something else\n", false],
  ["whose way out is not", note("no ids are given", { remedy: "give them" }), "no ids are given", false],
  ["whose way out is", note("no ids are given", { remedy: "give them" }), "no ids are given → give them", true],
  ["with a place, which no answer has", note("no ids", { place: { file: "a.yaml", line: 1 } }), "no ids", false],
])("a note %s", (_name, one, shown, isTold) => {
  expect(untoldNotes([one], shown)).toEqual(isTold ? [] : [one]);
});
