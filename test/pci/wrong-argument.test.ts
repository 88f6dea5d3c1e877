import { expect, test } from "vitest";
import { PeerlaneError } from "../../src/pci/error.ts";
import { describeGiven, type WrongArgument, wrongArgument } from "../../src/pci/wrong-argument.ts";

class Server {}

const THEN = "then";
/** An object with this as its `then`. */
const thenable = (then: unknown): object => Object.fromEntries([[THEN, then]]);

test.each<[words: string, given: unknown]>([
  ["nothing", undefined],
  ["null", null],
  ['the text ""', ""],
  ['the text "a \\"b\\""', 'a "b"'],
  [`the text "${"x".repeat(40)}"`, "x".repeat(40)],
  [`the text "${"x".repeat(40)}…"`, `${"x".repeat(40)}y`],
  ["the number 42", 42],
  ["the boolean true", true],
  ["the bigint 7", 7n],
  ["the symbol Symbol(s)", Symbol("s")],
  ["a function", () => 1],
  ["a Promise", Promise.resolve(1)],
  ["a Promise", thenable(() => 1)],
  ["an object with then", thenable(1)],
  ["a list of 0", []],
  ["a list of 2", [1, 2]],
  ["a Map", new Map()],
  ["a Server", new Server()],
  ["an empty object", new (class {})()],
  ["an empty object", {}],
  ["an object with a", { a: 1 }],
  ["an object with a, b, c, d", { a: 1, b: 2, c: 3, d: 4 }],
  ["an object with a, b, c, d", { a: 1, b: 2, c: 3, d: 4, e: 5 }],
  ["an empty object", Object.create(null)],
  ["an object with a", Object.assign(Object.create(null), { a: 1 })],
  ["an empty object", Object.create({ constructor: undefined })],
  ["an empty object", Object.create({ constructor: { name: 5 } })],
])("%s", (words, given) => {
  expect(describeGiven(given)).toBe(words);
});

const asked = { call: "matrix", argument: "machine", expected: "a Machine" };
const AWAIT = "it is not there yet: await it first (readMachine returns a Promise)";

test.each<[name: string, wrong: Pick<WrongArgument, "given" | "complaint" | "remedy">, said: string, remedy?: string]>([
  ["missing", { given: undefined }, "matrix: 'machine' is missing, and a Machine is expected"],
  ["another thing", { given: 42 }, "matrix: 'machine' is the number 42, and a Machine is expected"],
  ["null", { given: null }, "matrix: 'machine' is null, and a Machine is expected"],
  ["wrong inside", { given: { a: 1 }, complaint: "it has no functions" }, "matrix: 'machine': it has no functions"],
  [
    "another thing with a way out",
    { given: "x", remedy: "read it" },
    "matrix: 'machine' is the text \"x\", and a Machine is expected",
    "read it",
  ],
  [
    "not awaited",
    { given: Promise.resolve(), remedy: "read it" },
    "matrix: 'machine' is a Promise, and a Machine is expected",
    AWAIT,
  ],
])("an argument that is %s", (_name, wrong, said, remedy) => {
  const error = wrongArgument({ ...asked, ...wrong });
  expect(error).toBeInstanceOf(PeerlaneError);
  expect([error.code, error.message, error.remedy]).toEqual(["usage", said, remedy]);
  expect(error.facts).toEqual({ argument: "machine", given: describeGiven(wrong.given), expected: "a Machine" });
});
