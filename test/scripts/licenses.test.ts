import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { licenseTexts, packageFolder } from "../../scripts/bundled-licenses.ts";
import { installedPackages, isAllowed, refusedPackages } from "../../scripts/licenses.ts";
import { judge } from "../../scripts/signatures.ts";

const root = join(import.meta.dirname, "../..");
let project = "";
beforeEach(() => {
  project = mkdtempSync(join(tmpdir(), "peerlane-licenses-"));
  writeFileSync(join(project, "package-lock.json"), JSON.stringify({ packages: {} }));
});
afterEach(() => {
  rmSync(project, { recursive: true, force: true });
});

/** Puts a package below the project's folder; `license` as its package.json has it. */
function install(path: string, license?: unknown): string {
  const folder = join(project, path);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "some", version: "1.2.3", license }));
  return folder;
}

describe("licences of installed packages", () => {
  test.for([
    ["MIT", true],
    ["(MIT OR Apache-2.0)", true],
    ["GPL-2.0-only OR MIT", true],
    ["MIT AND ISC", true],
    ["(MIT OR GPL-2.0-only) AND BSD-3-Clause", true],
    ["MIT OR GPL-2.0-only AND GPL-3.0-only", true],
    ["GPL-3.0-or-later", false],
    ["AGPL-3.0", false],
    ["MIT AND GPL-2.0-only", false],
    ["(MIT OR ISC) AND GPL-2.0-only", false],
    ["UNLICENSED", false],
    ["SEE LICENSE IN LICENSE.md", false],
    ["Apache-2.0 WITH LLVM-exception", false],
    ["MIT,GPL-2.0", false],
    ["mit", false],
    ["(MIT", false],
    ["MIT)", false],
    ["MIT ISC", false],
    ["MIT OR", false],
    ["", false],
  ] as const)("%s: allowed %s", ([expression, isRight]) => {
    expect(isAllowed(expression, ["MIT", "ISC", "BSD-3-Clause", "Apache-2.0"])).toBe(isRight);
  });

  test.for([
    ["a forbidden one", "node_modules/bad", "GPL-3.0-only", "GPL-3.0-only is not on the list of what is shipped"],
    ["an unknown one", "node_modules/@a/bad", "Custom", "Custom is not on the list of what is shipped"],
    ["none", "node_modules/bad", undefined, "states no licence"],
    ["an old form", "node_modules/bad", { type: "MIT" }, "states no licence"],
    ["one of a nested package", "node_modules/good/node_modules/bad", "SSPL-1.0", "SSPL-1.0 is not on the list"],
    [
      "one for tools in what is shipped",
      "node_modules/bad",
      "MPL-2.0",
      "MPL-2.0 is not on the list of what is shipped",
    ],
  ] as const)("are refused: %s", ([, path, license, why]) => {
    install("node_modules/good", "MIT");
    install(path, license);
    const end = spawnSync(process.execPath, ["--import", "tsx", "scripts/licenses.ts", project], {
      cwd: root,
      encoding: "utf8",
    });
    expect(end.stderr).toContain(why);
    expect(end.stderr.split("\n")).toHaveLength(2);
    expect(end.status).toBe(1);
  });

  test("of tools may ask more of changed copies", () => {
    install("node_modules/tool", "MPL-2.0");
    writeFileSync(
      join(project, "package-lock.json"),
      JSON.stringify({ packages: { "node_modules/tool": { dev: true } } }),
    );
    expect(refusedPackages(installedPackages(project))).toEqual([]);
  });

  test("cannot be right where nothing is installed", () => {
    const words = ["--import", "tsx", "scripts/licenses.ts", project];
    expect(spawnSync(process.execPath, words, { cwd: root }).status).toBe(1);
  });
});

describe("licence texts of what is bundled", () => {
  test("are in the package: one of each package that the command line has in it", () => {
    const text = readFileSync(join(root, "dist/THIRD-PARTY-LICENSES.txt"), "utf8");
    const named = [...text.matchAll(/^-{80}\n\n(\S+) (\S+) \((\S+)\)$/gm)].map(([, name]) => name);
    for (const name of ["commander", "yaml", "zod", "saxes", "xmlchars", "markdown-table"])
      expect(named).toContain(name);
    // koffi is not in the bundle, and typescript is a tool.
    expect(named).not.toContain("koffi");
    expect(named).not.toContain("typescript");
    expect(text.match(/^-{80}$/gm)).toHaveLength(named.length);
    expect(text).toContain("Copyright (c) Isaac Z. Schlueter and Contributors");
  });

  test("name nothing that has no text", () => {
    const folder = install("node_modules/textless", "MIT");
    expect(() => licenseTexts([folder])).toThrow("some 1.2.3 (MIT) comes without the text of its licence");
    writeFileSync(join(folder, "LICENCE.md"), "Do as you like.\n");
    writeFileSync(join(folder, "license.js"), "no text");
    expect(licenseTexts([folder])).toMatch(/some 1\.2\.3 \(MIT\)\n\nDo as you like\.\n$/);
    expect(readdirSync(folder)).toHaveLength(3);
  });

  test.for([
    ["/r/node_modules/yaml/dist/a.js", "/r/node_modules/yaml"],
    ["/r/node_modules/@a/b/c.js?x", "/r/node_modules/@a/b"],
    ["/r/node_modules/a/node_modules/b/c.js", "/r/node_modules/a/node_modules/b"],
    ["\0/r/node_modules/b/c.js", "/r/node_modules/b"],
    ["/r/src/cli/main.ts", undefined],
    ["\0rolldown/runtime.js", undefined],
  ] as const)("find the package of %s", ([id, folder]) => {
    expect(packageFolder(id)).toBe(folder);
  });
});

describe("what npm says of signatures", () => {
  const answer = (status: number | null, stdout: unknown, stderr = "") =>
    judge({ status, stdout: typeof stdout === "string" ? stdout : JSON.stringify(stdout), stderr });
  const bad = { name: "evil", version: "1.0.0" };

  test("counts where it says that a signature is wrong or missing", () => {
    const wrong = { outcome: "wrong", message: "evil@1.0.0: wrong signature" };
    expect(answer(1, { invalid: [bad], missing: [] })).toEqual(wrong);
    // Whatever else it says.
    expect(answer(1, { invalid: [bad], missing: [] }, "npm error code ENOTFOUND")).toEqual(wrong);
    expect(answer(0, { invalid: [bad], missing: [] })).toEqual(wrong);
    expect(answer(1, { invalid: [], missing: [bad] })).toEqual({
      outcome: "wrong",
      message: "evil@1.0.0: no signature",
    });
  });

  test("is right where all were checked", () => {
    expect(answer(0, { invalid: [], missing: [] }).outcome).toBe("right");
  });

  test.for([
    ["npm error code ENOTFOUND", "the keys cannot be fetched from here (ENOTFOUND)"],
    ["npm error code ETIMEDOUT", "the keys cannot be fetched from here (ETIMEDOUT)"],
    ["npm error code E404", "the keys cannot be fetched from here (E404)"],
    [
      "npm error found no dependencies to audit that were installed from a supported registry",
      "the registry has no keys to sign with",
    ],
  ] as const)("is no answer where the keys are not to be had: %s", ([stderr, message]) => {
    expect(answer(1, "", stderr)).toEqual({ outcome: "not checked", message });
  });

  test("is no answer where none came in time", () => {
    expect(answer(null, "").outcome).toBe("not checked");
  });

  test("is wrong where it is not understood", () => {
    expect(answer(1, "", "npm error something else")).toEqual({
      outcome: "wrong",
      message: "npm error something else",
    });
  });
});
