/**
 * `npm run search:copy`: the real copy in worlds of files, disks, partitions, loops and links, with crashes and faults at
 * each of its calls, two on one way, and what comes after. Prints what was tried; exits with 1 where something is wrong.
 */
import { closely, journals, linkedJournal, pairs, usersCopies } from "../test/live/copy/world/scenarios.ts";
import { problemText, type Scenario, type SearchSettings, search } from "../test/live/copy/world/search.ts";

process.env["XDG_STATE_HOME"] = "/state";

const ONCE: SearchSettings = { depth: 1, allSelectionsOf: 8, withFaults: true, orders: ["first", "last"], bend: null };
const stages: readonly (readonly [string, readonly Scenario[], SearchSettings])[] = [
  ["each pair of ends, no incident", pairs(), { ...ONCE, depth: 0 }],
  [
    "each pair of ends that is copied, one crash",
    pairs().filter(({ isCopied }) => isCopied),
    { ...ONCE, withFaults: false },
  ],
  [
    "each name of a journal, one crash or fault",
    [...(await journals()), await linkedJournal(), ...usersCopies()],
    { ...ONCE, orders: ["first"] },
  ],
  [
    "each kind of end, three crashes",
    closely().map((one) => ({ ...one, meanwhile: [] })),
    { ...ONCE, depth: 3, withFaults: false },
  ],
  ["each kind of end, two crashes or faults", closely(), { ...ONCE, depth: 2, orders: ["first"] }],
];

let problems = 0;
for (const [name, scenarios, settings] of stages) {
  const started = performance.now();
  const sum = { scenarios: scenarios.length, states: 0, runs: 0, resumed: 0, incidents: 0 };
  for (const scenario of scenarios) {
    const found = await search(scenario, settings);
    for (const key of ["states", "runs", "resumed", "incidents"] as const) sum[key] += found[key];
    for (const problem of found.problems) console.log(problemText(problem));
    problems += found.problems.length;
  }
  const counts = Object.entries(sum).map(([what, count]) => `${count.toLocaleString("en")} ${what}`);
  console.log(`${name}: ${counts.join(", ")} (${Math.round((performance.now() - started) / 1000)} s)`);
}
console.log(problems === 0 ? "nothing wrong" : `${problems} kinds of problems`);
process.exitCode = problems === 0 ? 0 : 1;
