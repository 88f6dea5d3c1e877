// Which devices of a machine reach each other, and how. Run it with a dump of lspci -vvv, an archive, a snapshot, …:
//   node examples/library/which-pairs-work.mjs server.json.gz
import { readFileSync } from "node:fs";
import { formatBdf, readMachine, verdicts } from "peerlane";

const [file = "test/machines/recorded/mixed-acs.intel.strict.tar.gz"] = process.argv.slice(2);
const machine = await readMachine(readFileSync(file), file);
const table = verdicts(machine);

table.providers.forEach((provider, i) => {
  table.clients.forEach((client, j) => {
    if (provider === client) return;
    const { mapType, reason } = table.at(i, j);
    console.log(`${formatBdf(client)} → memory of ${formatBdf(provider)}: ${mapType} (${reason})`);
  });
});
