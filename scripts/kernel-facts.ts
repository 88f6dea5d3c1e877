/**
 * Prints what kernel source trees say of P2PDMA and ACS, and where that is not what our rows of that release say:
 * `npm run kernel-facts -- TREE…`. A tree is an unpacked kernel, or a folder with the files of it that are read.
 */
import { type Difference, differences } from "./kernel-facts/differences.ts";
import { FILES, readTree } from "./kernel-facts/read-tree.ts";
import { factLines } from "./kernel-facts/show.ts";

const folders = process.argv.slice(2);
if (folders.length === 0) {
  console.error(`usage: npm run kernel-facts -- TREE…\na tree holds as many as it has of:\n  ${FILES.join("\n  ")}`);
  process.exitCode = 2;
}
for (const folder of folders) {
  const facts = readTree(folder);
  console.log([`== ${folder}`, ...factLines(facts), ...report(differences(facts))].join("\n"));
}

function report(found: readonly Difference[] | string): readonly string[] {
  if (typeof found === "string") return [`rows: ${found}`];
  if (found.length === 0) return ["rows: as they are here"];
  process.exitCode = 1;
  return found.map(({ fact, ours, tree }) => `DIFFERS in ${fact}: rows ${ours}, tree ${tree}`);
}
