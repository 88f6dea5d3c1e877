import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "../..");

test("the pages of the library are what its source says (npm run docs:api)", () => {
  const folder = mkdtempSync(join(tmpdir(), "peerlane-api-"));
  try {
    execFileSync(join(root, "node_modules/.bin/typedoc"), ["--out", folder, "--logLevel", "Warn"], { cwd: root });
    const pages = readdirSync(folder);
    expect(readdirSync(join(root, "docs/api"))).toEqual(pages);
    for (const page of pages)
      expect(readFileSync(join(root, "docs/api", page), "utf8"), page).toBe(readFileSync(join(folder, page), "utf8"));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
