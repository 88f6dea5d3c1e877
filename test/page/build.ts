import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { buildPage } from "../../scripts/build-page.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** The page as an app of several files: a folder. */
    readonly pageFolder: string;
    /** The page as one file. */
    readonly pageFile: string;
  }
}

/** Builds both forms of the page, once for all tests of it. */
export async function setup({ provide }: TestProject): Promise<void> {
  const folder = join(import.meta.dirname, "../../build/page-test");
  mkdirSync(folder, { recursive: true });
  const [page, file] = [join(folder, "page"), join(folder, "page.html")];
  await buildPage({ page, file });
  provide("pageFolder", page);
  provide("pageFile", file);
}
