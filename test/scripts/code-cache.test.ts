import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";

const dist = join(import.meta.dirname, "../../dist");
const built = join(dist, "code-cache", `${process.versions.v8}-${process.arch}`);
const ARCHIVE = join(import.meta.dirname, "../machines/recorded/one-switch.intel.strict.tar.gz");

/** Says of each file that is compiled whether the code that was kept of it is taken. */
const WATCH = `
const vm = require("node:vm");
const { basename } = require("node:path");
vm.Script = class extends vm.Script {
  constructor(source, options) {
    super(source, options);
    const outcome = options.cachedData === undefined ? "none" : this.cachedDataRejected ? "rejected" : "taken";
    process.stderr.write(basename(options.filename).replace(/-.{8}\\.cjs$/, "") + " " + outcome + "\\n");
  }
};
`;

// Only the Node that built the program has one.
describe.skipIf(!existsSync(built))("The code that V8 made when the program was built", () => {
  const folder = mkdtempSync(join(tmpdir(), "peerlane-code-cache-"));
  const watch = join(folder, "watch.cjs");
  writeFileSync(watch, WATCH);
  afterAll(() => rmSync(folder, { recursive: true }));

  test.for([
    ["cli.cjs", "--version"],
    ["core", "--version"],
    ["read-machine", "matrix"],
    ["archive", "matrix"],
  ] as const)("is taken for %s by %s", ([file, ...words]) => {
    const given = words[0] === "matrix" ? [...words, ARCHIVE] : words;
    const program = [watch, join(dist, "peerlane.cjs"), ...given];
    const { stderr: said } = spawnSync(process.execPath, ["--require", ...program], { encoding: "utf8" });
    expect(said.split("\n")).toContain(`${file} taken`);
    expect(said).not.toContain("rejected");
  });
});

// Code that V8 kept runs as a script of its own, in which import() of a package fails: the FFI was not found so.
test("no file of the program imports while it runs", () => {
  const files = readdirSync(dist).filter((name) => name.endsWith(".cjs"));
  const importing = files.filter((name) => /\bimport\(\s*["'`]/.test(readFileSync(join(dist, name), "utf8")));
  expect({ isBuilt: files.includes("cli.cjs"), importing }).toEqual({ isBuilt: true, importing: [] });
});
