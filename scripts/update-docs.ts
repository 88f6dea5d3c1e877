/** Runs the commands of every page's console blocks and programs, and writes their real output below them; draws pictures anew. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { hasOutput, withRealOutput } from "../test/docs/console-blocks.ts";
import { listPages } from "../test/docs/pages.ts";
import { PICTURES } from "../test/docs/pictures.ts";

for (const page of listPages()) {
  const text = readFileSync(page, "utf8");
  if (hasOutput(text)) writeFileSync(page, withRealOutput(text));
}

const root = join(import.meta.dirname, "..");
for (const [file, draw] of Object.entries(PICTURES)) {
  mkdirSync(dirname(join(root, file)), { recursive: true });
  writeFileSync(join(root, file), draw());
}
