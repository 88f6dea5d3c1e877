import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { PLATFORM_FACTS, PLATFORM_FACTS_VERSION } from "../../src/platforms/facts.ts";
import { withFacts } from "./facts-page.ts";

const page = join(import.meta.dirname, "../../docs/platform-facts.md");

test("ids are unique and the version is a date", () => {
  expect(new Set(PLATFORM_FACTS.map(({ id }) => id)).size).toBe(PLATFORM_FACTS.length);
  expect(PLATFORM_FACTS_VERSION).toMatch(/^\d{4}-\d{2}-\d{2}$/);
});

describe("every fact", () => {
  test.for(PLATFORM_FACTS)("$id says something, of some hardware, from a source", (fact) => {
    expect(fact.write ?? fact.read).not.toBeNull();
    expect(Object.keys(fact.match).length).toBeGreaterThan(0);
    expect(fact.words).toMatch(/\.$/);
    expect(fact.sources.some(({ where }) => /^(https:\/\/|seed:\d)/.test(where))).toBe(true);
    for (const { evidence, where, date, says } of fact.sources) {
      expect(where).toMatch(evidence === "measured" ? /^measured:/ : /^(https:\/\/\S+|seed:\S+)$/);
      expect(date).not.toBe("");
      expect(says).toMatch(/\.$/);
    }
  });
});

test("the page shows the facts (write it with: npx vitest run test/platforms -u)", async () => {
  await expect(withFacts(readFileSync(page, "utf8"))).toMatchFileSnapshot(page);
});
