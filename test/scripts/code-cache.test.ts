import { existsSync, readdirSync, readFileSync } from "node:fs";
import { wrap } from "node:module";
import { join } from "node:path";
import { Script } from "node:vm";
import { describe, expect, test } from "vitest";

const dist = join(import.meta.dirname, "../../dist");
const folder = join(dist, "code-cache", `${process.versions.v8}-${process.arch}`);

// Only the Node that built the program has one.
describe.skipIf(!existsSync(folder))("The code that V8 made when the program was built", () => {
  const names = existsSync(folder) ? readdirSync(folder) : [];

  test("is there for what every run loads", () => {
    expect(names.map((name) => name.replace(/-[^-]{8}\.cjs$/, ""))).toEqual(
      expect.arrayContaining(["cli.cjs", "core"]),
    );
  });

  test.for(names)("is taken for %s by the V8 that made it", (name) => {
    const source = wrap(readFileSync(join(dist, name), "utf8"));
    const cachedData = readFileSync(join(folder, name));
    expect(new Script(source, { cachedData }).cachedDataRejected).toBe(false);
  });
});
