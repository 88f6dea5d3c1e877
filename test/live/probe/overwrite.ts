import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";

const ROOT = join(import.meta.dirname, "../../..");

/** A program that overwrites a range again and again as probe does, and the folder that it lies in. */
export interface OverwriteProgram {
  readonly folder: string;
  readonly path: string;
  readonly remove: () => void;
}

/** Bundles `programs/overwrite.ts`. */
export async function buildOverwrite(): Promise<OverwriteProgram> {
  // In the checkout, not in the temporary folder: that may be a tmpfs, and koffi is found from here.
  const folder = mkdtempSync(join(ROOT, "node_modules/.peerlane-killed-"));
  const path = join(folder, "overwrite.mjs");
  await build({
    entryPoints: [join(import.meta.dirname, "programs/overwrite.ts")],
    outfile: path,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    external: ["koffi"],
  });
  return { folder, path, remove: () => rmSync(folder, { recursive: true, force: true }) };
}
