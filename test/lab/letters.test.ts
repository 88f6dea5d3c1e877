import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { VERBS } from "../../src/cli/verbs.ts";
import { findDesign } from "../../src/lab/designs/all-designs.ts";
import { LETTERS } from "../../src/lab/letters/all-letters.ts";
import { findClass } from "../../src/lab/machines/all-classes.ts";
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

describe("the letters, row by row, in docs/model.md", () => {
  const page = readFileSync(join(import.meta.dirname, "../../docs/model.md"), "utf8");
  const rows = [...page.matchAll(/^\| (S\d+) +\| (.*?) +\| `(.*?)` +\|$/gm)].map(([, row = "", , command = ""]) => ({
    row,
    command,
  }));

  test("has the rows S1 to S26", () => {
    expect(rows.map(({ row }) => row)).toEqual(Array.from({ length: 26 }, (_, index) => `S${index + 1}`));
  });

  test.each(rows)("$row: $command", ({ command }) => {
    const tests = /^npx vitest run --project fast (test\/.*?)(?: -t .*)?$/.exec(command)?.[1];
    if (tests !== undefined) {
      for (const path of tests.split(" "))
        expect(existsSync(join(import.meta.dirname, "../..", path)), path).toBe(true);
      return;
    }
    const lab = /^peerlane lab(?: ([a-z\d-]+))?(?: --designs (\S+))?(?: --classes (\S+))?(?: --longest \d+)?$/.exec(
      command,
    );
    if (lab === null) {
      expect(command).toMatch(/^peerlane (explain|simulate) /);
      for (const [path] of command.matchAll(/examples\/\S+/g)) {
        expect(existsSync(join(import.meta.dirname, "../..", path)), path).toBe(true);
      }
      return;
    }
    const [, one, designs, classes] = lab;
    for (const id of [one, ...(designs?.split(",") ?? [])]) if (id !== undefined) expect(findDesign(id).id).toBe(id);
    for (const id of classes?.split(",") ?? []) expect(findClass(id).id).toBe(id);
  });
});
