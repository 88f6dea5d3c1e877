import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";

/**
 * The files in a folder of `../shared`, material that may stand beside this checkout; none, and a line that says so, where
 * it does not.
 */
export function sharedFiles(folder: string): readonly string[] {
  const path = join(import.meta.dirname, "../../shared", folder);
  if (existsSync(path)) return readdirSync(path).map((name) => join(path, name));
  console.warn(`skipped: what reads ../shared/${folder}, which is not there`);
  return [];
}
