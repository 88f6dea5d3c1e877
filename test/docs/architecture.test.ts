import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";

const root = join(import.meta.dirname, "../..");
const page = readFileSync(join(root, "ARCHITECTURE.md"), "utf8");

describe("ARCHITECTURE.md", () => {
  test("names every room, and no other", () => {
    const rooms = readdirSync(join(root, "src"), { withFileTypes: true }).filter((entry) => entry.isDirectory());
    const named = [...page.matchAll(/^\| (`[^|]*`) +\|/gm)].flatMap(([, cell = ""]) =>
      [...cell.matchAll(/`(\w+)`/g)].map(([, name = ""]) => name),
    );
    // What only gathers exports for users is no room.
    expect(named.sort()).toEqual(rooms.map(({ name }) => name).filter((name) => name !== "model"));
  });

  test("names files that are there", () => {
    const paths = [...page.matchAll(/`((?:src\/)?[\w-]+(?:\/[\w-]+)*\/[\w-]+\.c?ts)`/g)].map(([, path = ""]) => path);
    expect(paths.length).toBeGreaterThan(20);
    const missing = paths.filter((path) => !existsSync(join(root, "src", path.replace(/^src\//, ""))));
    expect(missing).toEqual([]);
  });
});
