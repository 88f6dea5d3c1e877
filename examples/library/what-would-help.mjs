// The smallest change that makes a pair work, and what else it changes:
//   node examples/library/what-would-help.mjs server.json.gz nvme0 nvme1
import { readFileSync } from "node:fs";
import { explain, fixes, isUnknown, readMachine } from "peerlane";

const [file = "test/machines/recorded/mixed-acs.intel.strict.tar.gz", provider = "nvme0", client = "nvme1"] =
  process.argv.slice(2);
const machine = await readMachine(readFileSync(file), file);

console.log(explain(machine, provider, client).verdict.mapType);
for (const { title, verdicts, groups, lasting } of fixes(machine, provider, client).fixes) {
  console.log(
    `${title}: ${verdicts[0]?.mapType}, ${lasting}, changes ${isUnknown(groups) ? "?" : groups.length} IOMMU groups`,
  );
}
