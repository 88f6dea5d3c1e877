/** Runs the lab and writes what it found into docs/lab.md and docs/letters.md. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { wholeLab, withLab, withLetters } from "../test/docs/lab-page.ts";

const docs = join(import.meta.dirname, "../docs");
const view = wholeLab();
for (const [name, rewritten] of [
  ["lab.md", withLab],
  ["letters.md", withLetters],
] as const) {
  const page = join(docs, name);
  writeFileSync(page, rewritten(readFileSync(page, "utf8"), view));
}
