import {
  ASYMMETRIC_MATCHERS_OBJECT,
  chai,
  customMatchers,
  GLOBAL_EXPECT,
  JestAsymmetricMatchers,
  JestChaiExpect,
  JestExtend,
  setState,
} from "@vitest/expect";
import { restoreAllMocks, fn as spy, spyOn } from "@vitest/spy";

/** As much of Vitest's words as the tests use, for running a file of tests many times: no snapshots, no mocked modules. */

type Body = (...args: never[]) => unknown;
type Hook = "beforeAll" | "afterAll" | "beforeEach" | "afterEach";

/** A test: its number counts those of its file in their order. */
export interface Case {
  readonly number: number;
  readonly name: string;
  readonly body: Body;
  readonly suite: Suite;
}

/** A file's, or a `describe`'s. */
export interface Suite {
  readonly parent: Suite | undefined;
  readonly isSkipped: boolean;
  readonly items: (Suite | Case)[];
  readonly hooks: Record<Hook, (() => unknown)[]>;
}

/** How long a test may take, in ms. */
let limitMs = 60_000;

/** Sets how long a test may take, in ms. */
export function limitTests(ms: number): void {
  limitMs = ms;
}

let current: Suite;
let count = 0;

function newSuite(parent: Suite | undefined, isSkipped: boolean): Suite {
  const hooks = { beforeAll: [], afterAll: [], beforeEach: [], afterEach: [] };
  return { parent, isSkipped: isSkipped || parent?.isSkipped === true, items: [], hooks };
}

/** What a file of tests declares while it is evaluated. */
export function collect(evaluate: () => void): Suite {
  const file = newSuite(undefined, false);
  current = file;
  count = 0;
  evaluate();
  return file;
}

/** All tests of a suite, in their order. */
function casesOf(suite: Suite): readonly Case[] {
  return suite.items.flatMap((item) => ("body" in item ? [item] : casesOf(item)));
}

/** What {@link runSuite} tells of the tests on their way. */
export interface Watch {
  /** Whether a test is to be run. */
  readonly wants: (number: number) => boolean;
  /** Which test runs from now on; `undefined` between tests. */
  readonly runs?: (number: number | undefined) => void;
  readonly ended?: (one: Case, ms: number, error: unknown) => void;
}

/** Runs tests until one fails; true where one did. With `ended` it goes on behind those that fail. */
export async function runSuite(suite: Suite, watch: Watch): Promise<boolean> {
  if (!casesOf(suite).some(({ number }) => watch.wants(number))) return false;
  try {
    for (const hook of suite.hooks.beforeAll) await within(hook());
    for (const item of suite.items) {
      const isFailed = "body" in item ? await runCase(item, watch) : await runSuite(item, watch);
      if (isFailed && watch.ended === undefined) return true;
    }
    return false;
  } catch {
    return true;
  } finally {
    for (const hook of suite.hooks.afterAll) await hook();
  }
}

async function runCase(one: Case, { wants, runs, ended }: Watch): Promise<boolean> {
  if (!wants(one.number)) return false;
  runs?.(one.number);
  const start = performance.now();
  let error: unknown;
  try {
    for (const hook of hooksOf(one.suite, "beforeEach").reverse()) await within(hook());
    await within(one.body());
  } catch (failure) {
    error = failure ?? new Error("nothing was thrown");
  }
  try {
    for (const hook of hooksOf(one.suite, "afterEach")) await within(hook());
  } catch (failure) {
    error ??= failure;
  }
  runs?.(undefined);
  ended?.(one, performance.now() - start, error);
  return error !== undefined;
}

/** Those of the innermost suite first. */
function hooksOf({ hooks, parent }: Suite, which: Hook): (() => unknown)[] {
  return [...hooks[which], ...(parent === undefined ? [] : hooksOf(parent, which))];
}

async function within(result: unknown): Promise<void> {
  if (!(result instanceof Promise)) return;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error("it takes too long")), limitMs);
  });
  await Promise.race([result, late]).finally(() => clearTimeout(timer));
}

/** `test` or `describe`, with its ways of making several. */
function declarer(add: (isSkipped: boolean, body: Body) => void): object {
  const make = (isSkipped: boolean): object => {
    const declare = (_name: unknown, first: unknown, second?: unknown): void => {
      const body = typeof first === "function" ? first : second;
      if (typeof body === "function") add(isSkipped, body as Body);
    };
    const each =
      (isSpread: boolean) => (table: readonly unknown[]) => (name: unknown, first: unknown, second: unknown) =>
        table.forEach((row) => {
          const body = (typeof first === "function" ? first : second) as (...args: unknown[]) => unknown;
          declare(name, () => (isSpread && Array.isArray(row) ? body(...row) : body(row)));
        });
    return Object.assign(declare, { each: each(true), for: each(false) });
  };
  const [run, skip] = [make(false), make(true)];
  return Object.assign(run, {
    skip,
    skipIf: (isSkipped: unknown) => (isSkipped ? skip : run),
    runIf: (isRun: unknown) => (isRun ? run : skip),
  });
}

const test = declarer((isSkipped, body) => {
  const number = count++;
  if (!isSkipped && !current.isSkipped) current.items.push({ number, name: `${number}`, body, suite: current });
});

const describe = declarer((isSkipped, body) => {
  const above = current;
  current = newSuite(above, isSkipped);
  above.items.push(current);
  try {
    body();
  } finally {
    current = above;
  }
});

const hook =
  (which: Hook) =>
  (run: () => unknown): void => {
    current.hooks[which].push(run);
  };

chai.use(JestExtend);
chai.use(JestChaiExpect);
chai.use(JestAsymmetricMatchers);
const expect = Object.assign((value: unknown, message?: string) => chai.expect(value, message), chai.expect);
Object.assign(expect, Reflect.get(globalThis, ASYMMETRIC_MATCHERS_OBJECT));
setState({ assertionCalls: 0 }, expect as never);
Object.assign(globalThis, { [GLOBAL_EXPECT]: expect });
(chai.expect as unknown as { extend: (whom: unknown, matchers: unknown) => void }).extend(expect, customMatchers);

const environment = new Map<string, string | undefined>();

/** Sets a variable of the environment until {@link unstubAllEnvs}. */
function stubEnv(name: string, value: string | undefined): void {
  if (!environment.has(name)) environment.set(name, process.env[name]);
  setVariable(name, value);
}

function unstubAllEnvs(): void {
  for (const [name, value] of environment) setVariable(name, value);
  environment.clear();
}

function setVariable(name: string, value: string | undefined): void {
  if (value === undefined) delete process.env[name];
  else process.env[name] = value;
}

/** What a file of tests imports. Limits of time are the runner's own: `setConfig` sets none. */
export const WORDS: object = {
  expect,
  test,
  it: test,
  describe,
  beforeAll: hook("beforeAll"),
  afterAll: hook("afterAll"),
  beforeEach: hook("beforeEach"),
  afterEach: hook("afterEach"),
  vi: { fn: spy, spyOn, restoreAllMocks, stubEnv, unstubAllEnvs, setConfig: () => undefined },
};
