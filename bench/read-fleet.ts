import { compareVerdicts } from "../src/advice/difference/verdicts.ts";
import type { Machine } from "../src/host/machine.ts";
import { selectDevices } from "../src/host/select.ts";
import { readSnapshot } from "../src/host/snapshot/read-snapshot.ts";
import { decideAll, type VerdictTable } from "../src/rules/verdict-table.ts";
import { baselineText, fleetSnapshots } from "./fleet-snapshots.ts";

/**
 * A process of its own: reads so many snapshots, decides all pairs of each and compares them with the baseline's, prints
 * what it took. The making of the snapshots is not counted.
 */
/** How many snapshots lie between two looks at the heap. */
const LOOK = 500;
const SEED = 16;

const [count = "10000"] = process.argv.slice(2);
const baseline = baselineText();
const decoder = new TextDecoder();
const decided = (machine: Machine): VerdictTable => decideAll(machine, selectDevices(machine, { all: false }));
const before = decided(readSnapshot(baseline, "baseline"));

const spent = { read: 0, decide: 0, compare: 0 };
const heap: number[] = [];
let pairs = 0;
let changes = 0;
let bytes = 0;

/** Adds to what a step took, of all threads of this process. */
function counted<T>(step: keyof typeof spent, work: () => T): T {
  const start = process.cpuUsage();
  const result = work();
  const { user, system } = process.cpuUsage(start);
  spent[step] += user + system;
  return result;
}

let done = 0;
for (const text of fleetSnapshots(baseline, Number(count), SEED)) {
  const machine = counted("read", () => readSnapshot(decoder.decode(text), "fleet"));
  const table = counted("decide", () => decided(machine));
  changes += counted("compare", () => compareVerdicts(before, table)).length;
  pairs += table.providers.length * table.clients.length;
  bytes += text.length;
  if (++done % LOOK !== 0) continue;
  globalThis.gc?.();
  heap.push(process.memoryUsage().heapUsed);
}

const third = Math.ceil(heap.length / 3);
process.stdout.write(
  JSON.stringify({
    ...{ snapshots: Number(count), bytes, pairs, changes },
    seconds: Object.fromEntries(Object.entries(spent).map(([step, micros]) => [step, micros / 1e6])),
    heapMegabytes: [heap[third] ?? Number.NaN, heap.at(-1) ?? Number.NaN].map((used) => used / 2 ** 20),
    peakMegabytes: process.resourceUsage().maxRSS / 1024,
  }),
);
