import { benchAllPairs } from "./all-pairs.ts";
import { benchCopy } from "./copy.ts";
import { benchFabricTlps } from "./fabric-tlps.ts";
import { benchFleet } from "./fleet.ts";
import { benchLspciText } from "./lspci-text.ts";
import { machineDetails } from "./machine-details.ts";
import { benchMapping } from "./mapping.ts";
import { benchStart } from "./start.ts";
import { type Report, toMarkdown, toText } from "./table.ts";

/** `npm run bench -- [NAME…] [--markdown]`: runs the named benchmarks, else all, one after the other. */
const benchmarks: Readonly<Record<string, () => Promise<Report>>> = {
  "all-pairs": benchAllPairs,
  start: benchStart,
  fleet: benchFleet,
  "lspci-text": benchLspciText,
  mapping: benchMapping,
  "fabric-tlps": benchFabricTlps,
  copy: benchCopy,
};

const words = process.argv.slice(2);
const isMarkdown = words.includes("--markdown");
const names = words.filter((word) => word !== "--markdown");
const strange = names.find((name) => benchmarks[name] === undefined);
if (strange !== undefined) {
  process.stderr.write(`no benchmark '${strange}'; there are ${Object.keys(benchmarks).join(", ")}\n`);
  process.exit(2);
}

process.stdout.write(`${machineDetails()}\n\n`);
for (const [name, run] of Object.entries(benchmarks)) {
  if (names.length > 0 && !names.includes(name)) continue;
  const report = await run();
  process.stdout.write(`${isMarkdown ? toMarkdown(report) : toText(report)}\n`);
}
