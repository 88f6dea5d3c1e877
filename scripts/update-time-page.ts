/** Holds the predictions against the published measurements and writes the tables of docs/time.md anew. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { checkedPoints, withTime } from "../test/docs/time-page.ts";

const page = join(import.meta.dirname, "../docs/time.md");
writeFileSync(page, withTime(readFileSync(page, "utf8"), checkedPoints()));
