import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";

const root = join(import.meta.dirname, "../..");
const page = readFileSync(join(root, "ARCHITECTURE.md"), "utf8");

const ARCHIVE = "test/machines/recorded/one-switch.intel.strict.tar.gz";

describe("ARCHITECTURE.md", () => {
  test("names every room, and no other", () => {
    const rooms = readdirSync(join(root, "src"), { withFileTypes: true }).filter((entry) => entry.isDirectory());
    const named = [...page.matchAll(/^\| (`[^|]*`) +\|/gm)].flatMap(([, cell = ""]) =>
      [...cell.matchAll(/`(\w+)`/g)].map(([, name = ""]) => name),
    );
    // What only gathers exports for users is no room.
    expect(named.sort()).toEqual(rooms.map(({ name }) => name).filter((name) => name !== "model"));
  });

  test("counts the files that a matrix loads", () => {
    const folder = mkdtempSync(join(tmpdir(), "peerlane-loaded-"));
    try {
      const words = [
        "--import",
        "tsx",
        "--input-type=module",
        "--eval",
        `await (await import("./src/cli/main.ts")).run(["matrix", "${ARCHIVE}"])`,
      ];
      const env = { ...process.env, NODE_V8_COVERAGE: folder };
      execFileSync(process.execPath, words, { cwd: root, env, stdio: "ignore" });
      const texts = readdirSync(folder).map((name) => readFileSync(join(folder, name), "utf8"));
      const loaded = new Set(texts.flatMap((text) => text.match(/"file:[^"]*\/src\/[^"]*\.c?ts/g) ?? []));
      expect(page).toContain(`loads ${loaded.size} files of ours`);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  test("names files that are there", () => {
    const paths = [...page.matchAll(/`((?:src\/)?[\w-]+(?:\/[\w-]+)*\/[\w-]+\.c?ts)`/g)].map(([, path = ""]) => path);
    expect(paths.length).toBeGreaterThan(20);
    const missing = paths.filter((path) => !existsSync(join(root, "src", path.replace(/^src\//, ""))));
    expect(missing).toEqual([]);
  });
});
