import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { tableText, withTable } from "./marked-tables.ts";
import { OPENED } from "./opened-files.ts";

const root = join(import.meta.dirname, "../..");

/** Calls of Node's that look at a name, or go on with what is open: they open nothing. */
const LOOKING =
  /^(constants|type .*|accessSync|existsSync|f?statSync|lstatSync|realpathSync|readlinkSync|readdirSync|closeSync|close|read|write|readSync|writeSync)$/;
const WRITING = /write|mkdir|rename|unlink|rm|link|truncate|copy|append|O_WRONLY|O_RDWR|O_CREAT/i;

interface Opening {
  readonly file: string;
  readonly does: readonly string[];
}

/** Where the source opens, makes or removes files: what it takes from node:fs, and what it asks of the system. */
const openings: readonly Opening[] = ["src/cli", "src/live", "src/host"].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => /\.c?ts$/.test(name))
    .flatMap((name): Opening[] => {
      const file = `${folder}/${name}`;
      // The one door itself opens nothing of its own.
      if (file === "src/live/system-calls.ts") return [];
      const text = readFileSync(join(root, file), "utf8");
      const imports = [...text.matchAll(/import \{([^}]*)\} from "node:(?:fs|fs\/promises|child_process|net|http)"/g)];
      const taken = imports.flatMap(([, names = ""]) => names.split(",").map((one) => one.trim()));
      const asked = [...text.matchAll(/\bsystem\.(open|mkdir|rename|link|unlink|ftruncate)\(/g)].map(
        ([, call = ""]) => call,
      );
      const perf = text.includes(".perfEventOpen(") ? ["perfEventOpen"] : [];
      const does = [...taken.filter((one) => one !== "" && !LOOKING.test(one)), ...asked, ...perf];
      const flags = does.length === 0 ? [] : (text.match(/\bO_(WRONLY|RDWR|CREAT)\b/g) ?? []);
      return does.length === 0 ? [] : [{ file, does: [...does, ...flags] }];
    }),
);

describe("what the source opens is a row of the table in docs/live.md", () => {
  test("and there is something to look at", () => expect(openings.length).toBeGreaterThan(5));

  test.for(openings)("$file", ({ file, does }) => {
    const rows = OPENED.filter(({ files }) => files.some((start) => file.startsWith(start)));
    expect(rows, `add a row for ${file}: ${does.join(", ")}`).not.toEqual([]);
    if (does.some((one) => WRITING.test(one))) expect(rows.map(({ access }) => access).join()).toMatch(/write/);
  });
});

test("docs/live.md has the table (vitest -u writes it)", async () => {
  const rows = OPENED.map(({ what, verbs, access, when }) => [
    what,
    verbs === "all" ? "all that read a machine" : verbs.map((verb) => `\`${verb}\``).join(", "),
    access,
    when,
  ]);
  const page = join(root, "docs/live.md");
  const table = tableText(["what", "verbs", "opened to", "when"], rows);
  await expect(withTable(readFileSync(page, "utf8"), "opened", table)).toMatchFileSnapshot(page);
});
