/** Runs the lab and writes what it found into docs/lab.md. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { wholeLab, withLab } from "../test/docs/lab-page.ts";

const page = join(import.meta.dirname, "../docs/lab.md");
writeFileSync(page, withLab(readFileSync(page, "utf8"), wholeLab()));
