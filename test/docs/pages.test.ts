import { existsSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { describe, expect, test } from "vitest";
import { hasOutput, withRealOutput } from "./console-blocks.ts";
import { listPages } from "./pages.ts";
import { PICTURES } from "./pictures.ts";

const root = join(import.meta.dirname, "../..");
const pages = listPages().map((page) => relative(root, page));

describe("a page shows what the program prints (npm run docs:update)", () => {
  const withCommands = pages.filter((page) => hasOutput(readFileSync(join(root, page), "utf8")));

  test.for(withCommands)("%s", (page) => {
    const text = readFileSync(join(root, page), "utf8");
    expect(withRealOutput(text)).toBe(text);
  });
});

describe("a picture is what the program draws (npm run docs:update)", () => {
  test.for(Object.entries(PICTURES))("%s", ([file, draw]) => {
    expect(readFileSync(join(root, file), "utf8")).toBe(draw());
  });
});

describe("links between pages lead somewhere", () => {
  test.for(pages)("%s", (page) => {
    const text = readFileSync(join(root, page), "utf8");
    for (const [, target = ""] of text.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)) {
      expect(existsSync(join(root, dirname(page), target)), target).toBe(true);
    }
  });
});
