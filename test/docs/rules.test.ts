import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { withRules } from "./rules-page.ts";

const page = join(import.meta.dirname, "../../docs/rules.md");

test("docs/rules.md has the rows (write them with: npm run docs:rules)", () => {
  const text = readFileSync(page, "utf8");
  expect(text).toBe(withRules(text));
});
