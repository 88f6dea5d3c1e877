import { expect } from "vitest";

/**
 * `expect(actual, about()).toBe(expected)` for loops of thousands of rounds: `expect` itself takes longer than most of
 * what they compare.
 */
export function expectSame(actual: unknown, expected: unknown, about?: () => string): void {
  if (!Object.is(actual, expected)) expect(actual, about?.()).toBe(expected);
}
