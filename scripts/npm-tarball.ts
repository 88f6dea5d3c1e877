/** Packages of npm that no install brings: fetched once into the user's cache, and held against a hash that stands here. */
import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/** A package by name, version and hash, as package-lock.json has it (`sha512-…`). */
export interface PinnedPackage {
  readonly name: string;
  readonly version: string;
  readonly integrity: string;
}

/** The folder of an unpacked package, or why there is none. */
export type FoundPackage =
  | { readonly folder: string; readonly why?: never }
  | { readonly folder: null; readonly why: string };

/**
 * The unpacked package in the user's cache, fetched by npm the first time. Throws where what npm brings has another hash;
 * says why where npm does not bring it.
 */
export function pinnedPackage({ name, version, integrity }: PinnedPackage): FoundPackage {
  const cache = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "peerlane/packages");
  const folder = join(cache, `${name.replaceAll("/", "+")}-${version}`);
  if (existsSync(folder)) return { folder };
  mkdirSync(cache, { recursive: true });
  const work = mkdtempSync(join(cache, "fetch-"));
  try {
    const words = ["pack", `${name}@${version}`, "--ignore-scripts", "--prefer-offline", "--pack-destination", work];
    const { status, stderr, error } = spawnSync("npm", words, { cwd: work, encoding: "utf8" });
    if (status !== 0) {
      const why = error?.message ?? (stderr.trim().split("\n")[0] || `npm ended with ${status}`);
      return { folder: null, why: `npm has no ${name} ${version} here: ${why}` };
    }
    const tarball = join(work, readdirSync(work).find((file) => file.endsWith(".tgz")) ?? "");
    const found = `sha512-${createHash("sha512").update(readFileSync(tarball)).digest("base64")}`;
    if (found !== integrity) throw new Error(`${name} ${version} is ${found} instead of ${integrity}`);
    execFileSync("tar", ["xzf", tarball, "-C", work]);
    // Renamed at last, so that what was unpacked in part never counts. Another run may have been faster.
    if (!existsSync(folder)) renameSync(join(work, "package"), folder);
    return { folder };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
