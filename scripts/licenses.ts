/**
 * Checks the licences of all that is installed in node_modules: `node --import tsx scripts/licenses.ts [FOLDER]`. Fails
 * on a package whose licence is not on the list of its kind, or not stated.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { bundledNames } from "./bundled-licenses.ts";

/** Licences of what Peerlane carries in its bundle or needs at run time: they ask for their text and no more. */
const SHIPPED = [
  "0BSD",
  "Apache-2.0",
  "BlueOak-1.0.0",
  "BSD-2-Clause",
  "BSD-3-Clause",
  "CC0-1.0",
  "ISC",
  "MIT",
  "Unlicense",
];
/** Of tools that build and test it: what they ask of changed copies does not concern who only runs them. */
const TOOLS = [...SHIPPED, "CC-BY-4.0", "MPL-2.0", "Python-2.0"];

/** An installed package. */
export interface InstalledPackage {
  /** Below node_modules, as `a` or `a/node_modules/@b/c`. */
  readonly path: string;
  readonly name: string;
  readonly version: string;
  /** As its package.json states it: an SPDX expression, or anything else. */
  readonly license: unknown;
  /** Whether it is neither in a bundle nor, by package-lock.json, needed at run time. */
  readonly isTool: boolean;
}

/** A package that may not be there, and why. */
export interface RefusedPackage {
  readonly path: string;
  readonly why: string;
}

/** All packages on disk below a project's folder, nested ones too; of those that are bundled the names are given. */
export function installedPackages(project: string, bundled: ReadonlySet<string> = new Set()): InstalledPackage[] {
  const lock = readJson(join(project, "package-lock.json"));
  const known = (lock["packages"] ?? {}) as Record<string, { dev?: boolean; devOptional?: boolean }>;
  return packagePaths(project, "node_modules").map((path) => {
    const { name, version, license } = readJson(join(project, path, "package.json"));
    const entry = known[path];
    return {
      path: path.slice("node_modules/".length),
      name: String(name),
      version: String(version),
      license,
      isTool: !bundled.has(String(name)) && (entry?.dev === true || entry?.devOptional === true),
    };
  });
}

function packagePaths(project: string, modules: string): string[] {
  const names = foldersOf(join(project, modules)).flatMap((name) =>
    name.startsWith("@") ? foldersOf(join(project, modules, name)).map((each) => `${name}/${each}`) : [name],
  );
  return names
    .map((name) => `${modules}/${name}`)
    .filter((path) => existsSync(join(project, path, "package.json")))
    .flatMap((path) => [path, ...packagePaths(project, `${path}/node_modules`)]);
}

function foldersOf(path: string): string[] {
  if (!existsSync(path)) return [];
  return readdirSync(path).filter((name) => !name.startsWith("."));
}

function readJson(path: string): Record<string, unknown> {
  return JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
}

/** The packages whose licence is not on the list of their kind. */
export function refusedPackages(packages: readonly InstalledPackage[]): RefusedPackage[] {
  return packages.flatMap(({ path, license, isTool }) => {
    if (typeof license !== "string") return [{ path, why: "its package.json states no licence" }];
    if (isAllowed(license, isTool ? TOOLS : SHIPPED)) return [];
    return [{ path, why: `${license} is not on the list of ${isTool ? "tools" : "what is shipped"}` }];
  });
}

/** Whether an SPDX expression can be met by the licences of a list (SPDX 2.3 annex D, without `WITH` and `+`). */
export function isAllowed(expression: string, allowed: readonly string[]): boolean {
  const words = expression.match(/[()]|[^\s()]+/g) ?? [];
  let at = 0;
  const one = (): boolean => {
    const word = words[at++];
    if (word !== "(") return word !== undefined && allowed.includes(word);
    const inside = any();
    return words[at++] === ")" && inside;
  };
  const all = (): boolean => {
    let result = one();
    while (words[at] === "AND") {
      at++;
      result = one() && result;
    }
    return result;
  };
  const any = (): boolean => {
    let result = all();
    while (words[at] === "OR") {
      at++;
      result = all() || result;
    }
    return result;
  };
  const result = any();
  return result && at === words.length;
}

if (process.argv[1] === import.meta.filename) {
  const project = process.argv[2] ?? join(import.meta.dirname, "..");
  const packages = installedPackages(project, bundledNames(join(project, "dist")));
  const refused = refusedPackages(packages);
  for (const { path, why } of refused) console.error(`${path}: ${why}`);
  if (packages.length === 0) console.error("nothing is installed: run npm ci");
  else if (refused.length === 0) console.log(`the licences of ${packages.length} installed packages are on the list`);
  process.exitCode = packages.length === 0 || refused.length > 0 ? 1 : 0;
}
