/** Runs each `$ npx peerlane …` of the README and writes its real output below it. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { withRealOutput } from "../test/docs/console-blocks.ts";

const file = join(import.meta.dirname, "../README.md");
writeFileSync(file, withRealOutput(readFileSync(file, "utf8")));
