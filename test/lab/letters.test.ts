import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { VERBS } from "../../src/cli/verbs.ts";
import { LETTERS } from "../../src/lab/letters/all-letters.ts";
import { LAB_STATEMENTS } from "../../src/lab/statements/all-statements.ts";

const sentences = LETTERS.flatMap(({ id, sentences: all }) => all.map((one) => ({ id, ...one })));

describe("the sentences of the letters", () => {
  test("are of all five letters", () => {
    expect(LETTERS.map(({ id }) => id)).toEqual(["000", "001", "002", "003", "004"]);
  });

  test("are quoted briefly, and once in a letter", () => {
    for (const { id, quote } of sentences) {
      expect(quote.length, quote).toBeLessThan(130);
      expect(
        sentences.filter((one) => one.id === id && one.quote === quote),
        quote,
      ).toHaveLength(1);
    }
  });

  test("are tried by something that exists, or say why not", () => {
    const ids = LAB_STATEMENTS.map((statement) => statement.id);
    for (const { quote, trial } of sentences) {
      if ("notTried" in trial) {
        expect(trial.notTried, quote).not.toBe("");
        continue;
      }
      if ("statements" in trial) for (const id of trial.statements) expect(ids, quote).toContain(id);
      const { command } = trial;
      if (command === undefined) continue;
      const file = / (test\/[\w./-]+|examples\/[\w./-]+)/g;
      for (const [, path = ""] of command.matchAll(file)) {
        expect(existsSync(join(import.meta.dirname, "../..", path)), `${quote}: ${path}`).toBe(true);
      }
      const verb = /^peerlane (\w+)/.exec(command)?.[1];
      if (verb !== undefined)
        expect(
          VERBS.map(({ name }) => name),
          quote,
        ).toContain(verb);
    }
  });

  test("of a letter are those whose author a statement names", () => {
    for (const statement of LAB_STATEMENTS) {
      if (statement.seed === null) continue;
      const said = sentences.filter(
        ({ id, trial }) => id === statement.seed && "statements" in trial && trial.statements.includes(statement.id),
      );
      expect(
        said.map(({ who }) => who),
        statement.id,
      ).toContain(statement.who);
    }
  });
});
