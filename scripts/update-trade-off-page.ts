/** Runs targets offloaded and bounced through DRAM, and writes the tables of docs/trade-off.md anew. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { tradeOffs, withTradeOffs } from "../test/docs/trade-off-page.ts";

const page = join(import.meta.dirname, "../docs/trade-off.md");
writeFileSync(page, withTradeOffs(readFileSync(page, "utf8"), tradeOffs()));
