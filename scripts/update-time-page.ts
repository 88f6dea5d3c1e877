/** Holds predictions and simulations against the published measurements and writes the tables of docs/time.md anew. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { checkedPoints, withTime } from "../test/docs/time-page.ts";
import { simulatedPoints, withSimulated } from "../test/timed/simulated-page.ts";

const page = join(import.meta.dirname, "../docs/time.md");
const predicted = withTime(readFileSync(page, "utf8"), checkedPoints());
writeFileSync(page, withSimulated(predicted, simulatedPoints()));
