import { closeSync, openSync, readSync } from "node:fs";
import { createLspciReader } from "../src/host/lspci/read-lspci.ts";

/** A process of its own: reads the file of the first argument in chunks as the command does, prints what it took. */
const CHUNK = 1024 * 1024;

const [path = ""] = process.argv.slice(2);
const processor = process.cpuUsage();
const start = performance.now();
const reader = createLspciReader(path);
const file = openSync(path, "r");
for (;;) {
  const chunk = new Uint8Array(CHUNK);
  const count = readSync(file, chunk);
  if (count === 0) break;
  reader.push(chunk.subarray(0, count));
}
closeSync(file);
const machine = reader.finish();
const seconds = (performance.now() - start) / 1000;
const { user, system } = process.cpuUsage(processor);
const megabytes = process.resourceUsage().maxRSS / 1024;
process.stdout.write(
  JSON.stringify({ seconds, processorSeconds: (user + system) / 1e6, megabytes, functions: machine.functions.length }),
);
