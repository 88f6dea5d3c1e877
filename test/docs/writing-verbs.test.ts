import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { makeProgram } from "../../src/cli/program.ts";

const root = join(import.meta.dirname, "../..");
const verbsFolder = join(root, "src/cli/verbs");
const program = await makeProgram("0", () => {});
const readme = readFileSync(join(root, "README.md"), "utf8");
const security = readFileSync(join(root, "SECURITY.md"), "utf8");

/** Every file of ours that a file loads, itself included; imports of types load nothing. */
function loadedBy(file: string, seen: Set<string> = new Set()): Set<string> {
  if (seen.has(file)) return seen;
  seen.add(file);
  const text = readFileSync(file, "utf8");
  const imports = text.matchAll(/(?:^|\n)(?:import|export) (?!type\b)[^;]*? from "(\.[^"]+)"|import\("(\.[^"]+)"\)/g);
  for (const [, still, late] of imports) {
    const target = resolve(dirname(file), still ?? late ?? "");
    if (existsSync(target)) loadedBy(target, seen);
  }
  return seen;
}

/** The verbs whose code loads a file with this in its path, by name. */
function verbsThatLoad(path: string): string[] {
  return readdirSync(verbsFolder)
    .filter((name) => [...loadedBy(join(verbsFolder, name))].some((file) => file.includes(path)))
    .map((name) => name.replace(/\.ts$/, ""))
    .sort();
}

/** The verbs that a text names at the start of a table's row or of a part of a sentence. */
function namesIn(text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map(([, name = ""]) => name).sort();
}

describe("what README and SECURITY.md say of writing is so", () => {
  const writing = ["bench", "copy", "probe"];

  test("three verbs can open a disk, and no other loads the code for it", () => {
    expect(verbsThatLoad("src/live/block/direct-file.ts")).toEqual(writing);
    expect(verbsThatLoad("src/live/memory/transfer-memory.ts")).toEqual(writing);
  });

  test("they are the verbs that take a target or --allow-write", () => {
    const declared = program.commands.filter(
      (command) =>
        command.options.some(({ long }) => long === "--allow-write") ||
        command.registeredArguments.some((argument) => argument.name() === "target"),
    );
    expect(declared.map((command) => command.name()).sort()).toEqual(writing);
  });

  test("the README names them, and no other", () => {
    const [sentence = ""] = /- Three verbs write to devices.*/.exec(readme) ?? [];
    expect(namesIn(sentence, /[:;] `(\w+)` (?:to|where)/g)).toEqual(writing);
    expect(readme).not.toMatch(/nothing is written to any device/i);
  });

  test("SECURITY.md has a row for each verb that works on the live machine", () => {
    expect(namesIn(security, /^\| `(\w+)` +\|/gm)).toEqual(verbsThatLoad("src/live/"));
  });

  test("SECURITY.md names the programs that are started, and they are started for vm only", () => {
    expect(verbsThatLoad("src/vm/kept-process.ts")).toEqual(["vm"]);
    const starters = sources("src").filter((file) => /node:child_process/.test(readFileSync(file, "utf8")));
    expect(starters.map((file) => file.slice(root.length + 1)).sort()).toEqual([
      "src/vm/guest/build-probe.ts",
      "src/vm/kept-process.ts",
      "src/vm/temporary-folder.ts",
    ]);
    const [sentence = ""] = /- \*\*The programs on `PATH`\*\*.*/.exec(security) ?? [];
    const started = sources("src/vm")
      .filter((file) => !file.includes("/guest/"))
      .flatMap((file) => [...readFileSync(file, "utf8").matchAll(/(?:spawn|runCommand|#run|QEMU =)[( ]+"([\w-]+)"/g)])
      .map(([, name = ""]) => name);
    expect(new Set(started)).toEqual(
      new Set(["sh", "qemu-system-x86_64", "ldd", "ldconfig", "apt-get", "apt-cache", "dpkg-deb"]),
    );
    for (const name of started) expect(sentence).toContain(`\`${name}\``);
  });
});

function sources(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => join(root, folder, name));
}
