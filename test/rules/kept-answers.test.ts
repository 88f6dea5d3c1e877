import { expect, test } from "vitest";
import { KeptAnswers, onceOfTable } from "../../src/rules/kept-answers.ts";
import { decideAll, type VerdictTable } from "../../src/rules/verdict-table.ts";
import { at, endpoint, machineOf, oneSwitch } from "./by-hand.ts";

/** A table of two providers and three clients. */
function table(): VerdictTable {
  const functions = [
    ...oneSwitch(),
    ...["03:00.0", "03:00.1", "04:00.0"].map((name) => endpoint(name, { multifunction: true })),
  ];
  const providers = [at("03:00.0"), at("03:00.1")];
  return decideAll(machineOf(functions), { providers, clients: [...providers, at("04:00.0")] });
}

/** The same with as many clients as this. */
const wide = (count: number): VerdictTable => ({ clients: { length: count } }) as unknown as VerdictTable;

test("What is worked out of a table is worked out once for each", () => {
  const asked: VerdictTable[] = [];
  const ask = onceOfTable((of: VerdictTable) => asked.push(of));
  const [one, other] = [table(), table()];
  expect([ask(one), ask(one), ask(other), ask(one), ask(other)]).toEqual([1, 1, 2, 1, 2]);
  expect(asked).toEqual([one, other]);
});

test("What was worked out as nothing is not worked out again", () => {
  let asked = 0;
  const ask = onceOfTable(() => {
    asked++;
  });
  const one = table();
  expect([ask(one), ask(one)]).toEqual([undefined, undefined]);
  expect(asked).toBe(1);
});

test("Each pair of a table has its own answer, made once", () => {
  const made: string[] = [];
  const answers = new KeptAnswers(table(), (i, j) => {
    made.push(`${i} ${j}`);
    return `of ${i} and ${j}`;
  });
  const pairs = [0, 1, 2, 3].flatMap((i) => [0, 1, 2].map((j) => [i, j] as const));
  for (const _ of [1, 2]) for (const [i, j] of pairs) expect(answers.at(i, j)).toBe(`of ${i} and ${j}`);
  expect(made).toEqual(pairs.map(([i, j]) => `${i} ${j}`));
});

test("20,000 answers are kept, more are made anew each time", () => {
  let made = 0;
  const answers = new KeptAnswers(wide(30_000), (_, j) => {
    made++;
    return `${j}`;
  });
  for (let j = 0; j < 20_001; j++) answers.at(0, j);
  expect(made).toBe(20_001);
  expect([answers.at(0, 0), answers.at(0, 19_999), made]).toEqual(["0", "19999", 20_001]);
  expect([answers.at(0, 20_000), answers.at(0, 20_000), made]).toEqual(["20000", "20000", 20_003]);
});
