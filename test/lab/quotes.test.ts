import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { LETTERS } from "../../src/lab/letters/all-letters.ts";

/** The letters themselves, a file each whose name begins with the letter's number; not a part of this repository. */
const FOLDER = process.env["PEERLANE_LETTERS"] ?? join(import.meta.dirname, "../../../shared/seeds");

/**
 * A text without what mail programs do to it: marks of quoting at starts of lines, also of lines that were joined, breaks
 * and runs of blanks, blanks before punctuation.
 */
function plain(text: string): string {
  return ` ${text}`
    .replaceAll(/\s>[>\s]*(?=\s)/g, " ")
    .replaceAll(/\s+/g, " ")
    .replaceAll(/ (?=[?!,.;:])/g, "")
    .trim();
}

/** The first part of a quote that a letter has not, in the quote's order; `null` where it has all. ` … ` leaves out. */
function missingFrom(letter: string, quote: string): string | null {
  const text = plain(letter);
  let at = 0;
  for (const part of quote.split(" … ")) {
    const found = text.indexOf(plain(part), at);
    if (found < 0) return part;
    at = found + plain(part).length;
  }
  return null;
}

describe("the comparison of quotes, on a letter of our own", () => {
  const LETTER = `On some day, Somebody wrote:
> > The first rule is that no page is mapped
> > twice ?
> A second one: a page that is mapped twice
> is mapped wrongly.  Is that > so ?
No. If a > b, it is not.
`;

  test.for<[string, string | null]>([
    ["The first rule is that no page is mapped twice?", null],
    ["no page is mapped twice ?", null],
    ["A second one: a page that is mapped twice is mapped wrongly.", null],
    ["Is that so?", null],
    ["The first rule … a page that is mapped twice", null],
    ["is mapped wrongly. … No.", null],
    ["the first rule", "the first rule"],
    ["no page was mapped twice?", "no page was mapped twice?"],
    ["is mapped wrongly … The first rule", "The first rule"],
    ["The first rule … a page that was mapped", "a page that was mapped"],
    ["A second one a page", "A second one a page"],
    ["twice … twice … twice", "twice"],
  ])("%s: %s", ([quote, missing]) => {
    expect(missingFrom(LETTER, quote)).toBe(missing);
  });
});

const isThere = existsSync(FOLDER);

describe.skipIf(!isThere)(isThere ? "the letters" : "skipped: the folder of the letters is missing", () => {
  test.for(LETTERS.map(({ id, sentences }) => ({ id, sentences })))(
    "$id has every sentence that is quoted of it",
    ({ id, sentences }) => {
      const files = readdirSync(FOLDER).filter((name) => name.startsWith(`${id}_`));
      expect(files).toHaveLength(1);
      const letter = readFileSync(join(FOLDER, files[0] ?? ""), "utf8");
      expect(sentences.length).toBeGreaterThan(0);
      expect(sentences.filter(({ quote }) => missingFrom(letter, quote) !== null).map(({ quote }) => quote)).toEqual(
        [],
      );
    },
  );
});
