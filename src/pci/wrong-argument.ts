import { PeerlaneError } from "./error.ts";

/** An argument that is not what its function takes. */
export interface WrongArgument {
  /** The function, as its user calls it. */
  readonly call: string;
  readonly argument: string;
  readonly given: unknown;
  /** With its article: `a Machine`. */
  readonly expected: string;
  /** What is wrong inside of it, where it is the right thing as such. */
  readonly complaint?: string;
  readonly remedy?: string | undefined;
}

/** The error for an argument of the wrong kind: which, what was given, what is expected, and the way out. */
export function wrongArgument({ call, argument, given, expected, complaint, remedy }: WrongArgument): PeerlaneError {
  const described = describeGiven(given);
  const what = given === undefined ? `'${argument}' is missing` : `'${argument}' is ${described}`;
  const message = complaint === undefined ? `${what}, and ${expected} is expected` : `'${argument}': ${complaint}`;
  const wayOut = isPromise(given) ? "it is not there yet: await it first (readMachine returns a Promise)" : remedy;
  return new PeerlaneError("usage", `${call}: ${message}`, {
    facts: { argument, given: described, expected },
    ...(wayOut === undefined ? {} : { remedy: wayOut }),
  });
}

/** Throws {@link wrongArgument} unless one of some words was given. */
export function requireWord(call: string, argument: string, given: unknown, words: readonly string[]): void {
  if (words.some((word) => word === given)) return;
  throw wrongArgument({ call, argument, given, expected: `one of ${words.join(", ")}` });
}

function isPromise(value: unknown): boolean {
  return typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function";
}

/** A value in a few words, whatever it is. */
export function describeGiven(value: unknown): string {
  switch (typeof value) {
    case "undefined":
      return "nothing";
    case "string":
      return `the text ${JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value)}`;
    case "function":
      return "a function";
    case "object":
      return value === null ? "null" : describeObject(value);
    default:
      return `the ${typeof value} ${String(value)}`;
  }
}

function describeObject(value: object): string {
  if (isPromise(value)) return "a Promise";
  if (Array.isArray(value)) return `a list of ${value.length}`;
  const name: unknown = Object.getPrototypeOf(value)?.constructor?.name;
  if (typeof name === "string" && name !== "" && name !== "Object") return `a ${name}`;
  const keys = Object.keys(value);
  return keys.length === 0 ? "an empty object" : `an object with ${keys.slice(0, 4).join(", ")}`;
}
