/** Runs the commands of every page's console blocks and programs, and writes their real output below them. */
import { readFileSync, writeFileSync } from "node:fs";
import { hasOutput, withRealOutput } from "../test/docs/console-blocks.ts";
import { listPages } from "../test/docs/pages.ts";

for (const page of listPages()) {
  const text = readFileSync(page, "utf8");
  if (hasOutput(text)) writeFileSync(page, withRealOutput(text));
}
