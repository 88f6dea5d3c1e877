/** A plugin of the bundler that writes the licences of what it has bundled to dist/THIRD-PARTY-LICENSES.txt. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** What the plugin needs of the bundler's. */
interface Chunk {
  readonly type: string;
  readonly moduleIds?: readonly string[];
}

interface BundlePlugin {
  readonly name: string;
  writeBundle(options: { readonly dir?: string }, bundle: Readonly<Record<string, Chunk>>): void;
}

const FILE = "THIRD-PARTY-LICENSES.txt";
/** Texts, from their repositories, of packages that come without one: NAME.txt. */
const TEXTS = join(process.cwd(), "scripts/license-texts");
const LEGAL_FILE = /^(licen[cs]e|copying|notice)/i;

/** Names the packages in all bundles that it is given to, each with its licence and the texts that come with it. */
export function bundledLicenses(): BundlePlugin {
  const folders = new Set<string>();
  return {
    name: "bundled-licenses",
    writeBundle({ dir = "dist" }, bundle) {
      for (const chunk of Object.values(bundle))
        for (const id of chunk.moduleIds ?? []) {
          const folder = packageFolder(id);
          if (folder !== undefined) folders.add(folder);
        }
      writeFileSync(join(dir, FILE), licenseTexts([...folders].sort()));
    },
  };
}

/** The folder of the package that a module belongs to; `undefined` for a module of our own. */
export function packageFolder(moduleId: string): string | undefined {
  return /^\0?(.*\/node_modules\/(?:@[^/]+\/)?[^/]+)\//s.exec(moduleId)?.[1];
}

/** One text of all packages' licences. Throws where there is none of one: every licence asks for its text. */
export function licenseTexts(folders: readonly string[]): string {
  const parts = folders.map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Record<
      string,
      string
    >;
    const files = legalFiles(folder);
    const ours = join(TEXTS, `${name}.txt`);
    if (files.length === 0 && existsSync(ours)) files.push(ours);
    if (files.length === 0)
      throw new Error(`${name} ${version} (${license}) comes without the text of its licence: put it into ${ours}`);
    const texts = files.map((file) => readFileSync(file, "utf8").trim());
    return `${name} ${version} (${license})\n\n${texts.join("\n\n")}\n`;
  });
  const rule = `\n${"-".repeat(80)}\n\n`;
  return `Peerlane's command line and library have these packages in them, each under its own licence.\n${rule}${parts.join(rule)}`;
}

/** Names of the packages that the build has bundled into a folder; none where nothing was built. */
export function bundledNames(dist: string): ReadonlySet<string> {
  const file = join(dist, FILE);
  if (!existsSync(file)) return new Set();
  const heads = readFileSync(file, "utf8").matchAll(/^-{80}\n\n(\S+) \S+ \(.*\)$/gm);
  return new Set([...heads].map(([, name = ""]) => name));
}

function legalFiles(folder: string): string[] {
  const names = readdirSync(folder).filter((name) => LEGAL_FILE.test(name) && !/\.[cm]?[jt]s$/.test(name));
  return names.sort().map((name) => join(folder, name));
}
