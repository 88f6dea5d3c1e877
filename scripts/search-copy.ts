/**
 * `npm run search:copy`: the real copy in worlds of files, disks, partitions, loops and links, with crashes and faults at
 * each of its calls, up to two on one way (`--deeper`: three), and what comes after. Prints what was tried; exits with 1
 * where something is wrong.
 */
import { closely, journals, linkedJournal, pairs, usersCopies } from "../test/live/copy/world/scenarios.ts";
import { problemText, type Scenario, type SearchSettings, search } from "../test/live/copy/world/search.ts";

process.env["XDG_STATE_HOME"] = "/state";

const ONCE: SearchSettings = { depth: 1, allSelectionsOf: 8, withFaults: true, orders: ["first"], bend: null };
const CRASHES: SearchSettings = { ...ONCE, allSelectionsOf: 4, withFaults: false };
const close = closely();
const alone = close.map((scenario) => ({ ...scenario, meanwhile: [] }));

type Stage = readonly [name: string, scenarios: readonly Scenario[], settings: SearchSettings];
const stages: readonly Stage[] = [
  ["each pair of ends, no incident", pairs(), { ...ONCE, depth: 0 }],
  ["each kind of end, one crash or fault, others meddle", close, { ...ONCE, orders: ["first", "last"] }],
  ["each kind of end, two crashes", alone, { ...CRASHES, depth: 2 }],
  ["each pair of ends that is copied, one crash", pairs().filter(({ isCopied }) => isCopied), CRASHES],
  [
    "each name of a journal, one crash or fault",
    [...(await journals()), await linkedJournal(), ...usersCopies()],
    ONCE,
  ],
];
/** Hours. */
const deeper: readonly Stage[] = [
  ["each kind of end, three crashes", alone, { ...CRASHES, depth: 3 }],
  ["each kind of end, two crashes or faults", alone, { ...ONCE, depth: 2 }],
];

let problems = 0;
for (const [name, scenarios, settings] of process.argv.includes("--deeper") ? [...stages, ...deeper] : stages) {
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
