// What a machine would decide with another kernel and another command line:
//   node examples/library/what-if.mjs server.json.gz
import { readFileSync } from "node:fs";
import { formatBdf, readMachine, verdicts } from "peerlane";
import { askWhatIf, compareVerdicts } from "peerlane/decide";

const [file = "test/machines/recorded/mixed-acs.intel.strict.tar.gz"] = process.argv.slice(2);
const machine = await readMachine(readFileSync(file), file);
const { before, after } = askWhatIf(machine, { kernel: "6.12", append: "pci=disable_acs_redir=0000:00:04.0" });

for (const { provider, client, before: was, after: now } of compareVerdicts(verdicts(before), verdicts(after))) {
  console.log(`${formatBdf(provider)} → ${formatBdf(client)}: ${was.mapType} → ${now.mapType}`);
}
