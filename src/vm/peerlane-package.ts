import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, sep } from "node:path";
import { PeerlaneError } from "../pci/error.ts";
import { type CpioEntry, PROGRAM_MODE } from "./cpio.ts";

/** Where the guest has Peerlane. */
const GUEST_ROOT = "opt/peerlane";
const REGULAR_MODE = 0o100644;
/** The program's file in dist/. */
const BINARY = "peerlane.cjs";
/** What is loaded at run time and not part of the bundle. */
const NATIVE_PACKAGE = "koffi";
const NATIVE_BINARY_PACKAGE = "@koromix/koffi-linux-x64";

/**
 * Peerlane itself for a guest: the built program below `/opt/peerlane`, the native package that it loads, and
 * `/bin/peerlane`. Throws `environment` where it was not built or the native package is not installed.
 */
export function peerlaneEntries(): CpioEntry[] {
  const root = packageRoot(import.meta.dirname);
  const dist = join(root, "dist");
  if (!existsSync(join(dist, BINARY)))
    throw new PeerlaneError("environment", `Peerlane is not built: ${dist} has no program`, {
      remedy: "run: npm run build",
    });
  const wrapper = `#!/bin/sh\nexec /bin/node /${GUEST_ROOT}/dist/${BINARY} "$@"\n`;
  return [
    { path: "bin/peerlane", mode: PROGRAM_MODE, content: wrapper },
    { path: `${GUEST_ROOT}/package.json`, mode: REGULAR_MODE, hostPath: join(root, "package.json") },
    ...folderEntries(dist, `${GUEST_ROOT}/dist`, (path) => !path.endsWith(".d.ts")),
    ...nativeEntries(root),
  ];
}

/** The folder of Peerlane's own package.json, above the sources or the bundle. */
function packageRoot(from: string): string {
  for (let folder = from; ; folder = dirname(folder)) {
    if (readName(join(folder, "package.json")) === "peerlane") return folder;
    if (dirname(folder) === folder)
      throw new PeerlaneError("environment", `no package.json of Peerlane above ${from}`, {
        remedy: "install it again: npm install peerlane",
      });
  }
}

function readName(file: string): unknown {
  try {
    return (JSON.parse(readFileSync(file, "utf8")) as { name?: unknown }).name;
  } catch {
    return undefined;
  }
}

function nativeEntries(root: string): CpioEntry[] {
  const native = installedPackage(NATIVE_PACKAGE, root);
  const binary = installedPackage(NATIVE_BINARY_PACKAGE, native);
  const modules = `${GUEST_ROOT}/node_modules`;
  return [
    ...folderEntries(native, `${modules}/${NATIVE_PACKAGE}`, isLoaded),
    ...folderEntries(binary, `${modules}/${NATIVE_BINARY_PACKAGE}`, isLoaded),
  ];
}

/** The folder of an installed package. Its exports may hide its package.json, so that its entry point is looked up. */
function installedPackage(name: string, from: string): string {
  try {
    const entry = createRequire(join(from, "package.json")).resolve(name);
    const folder = join("node_modules", name);
    return entry.slice(0, entry.lastIndexOf(folder + sep) + folder.length);
  } catch (cause) {
    throw new PeerlaneError("environment", `the package ${name} is not installed`, {
      remedy: "install Peerlane with its optional package koffi: npm install --include=optional",
      cause,
    });
  }
}

/** What Node loads of the native package: no sources, no documentation, no binary for another C library. */
function isLoaded(path: string): boolean {
  return /(^|\/)package\.json$|\.(c?js|node)$/.test(path) && !/(^|\/)(musl_\w+|vendor|cnoke\.cjs)(\/|$)/.test(path);
}

function folderEntries(folder: string, guestFolder: string, take: (path: string) => boolean): CpioEntry[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .filter(take)
    .sort()
    .map((path) => ({ path: `${guestFolder}/${path}`, mode: REGULAR_MODE, hostPath: join(folder, path) }));
}
