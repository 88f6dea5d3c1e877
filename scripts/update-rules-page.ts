/** Writes the tables of docs/rules.md anew from the rows of the kernels. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { withRules } from "../test/docs/rules-page.ts";

const page = join(import.meta.dirname, "../docs/rules.md");
writeFileSync(page, withRules(readFileSync(page, "utf8")));
