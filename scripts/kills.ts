/**
 * `npm run kills -- [--count N] [--seed N] [--kinds KIND,…] [--only NUMBER]`: kills copies between all kinds of ends on this
 * host, as root, and looks at every byte around them. `npm run kills -- restore [--count N] [--seed N]` kills what overwrites a
 * range of a disk as a probe does, and `probe --restore`. `npm run kills -- probe [--count N] [--seed N]` kills probes that
 * write, and their restores, in a guest. Ends with 1 at the first thing that is wrong, and prints how to run that again.
 */
import { parseArgs } from "node:util";
import { killCopies, WrongCopy } from "../test/live/kills/kill-copies.ts";
import { killRescues, RESCUE_KINDS } from "../test/live/kills/kill-rescues.ts";
import { KINDS, type Kind, kindsHere } from "../test/live/kills/places.ts";
import { formatCounts } from "../test/live/kills/table.ts";
import { LoopBench, whyNoLoops } from "../test/live/loop-devices.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    count: { type: "string" },
    seed: { type: "string" },
    kinds: { type: "string" },
    only: { type: "string" },
  },
});

/** A whole number given as an option. */
function numberOf(name: "count" | "seed" | "only", otherwise: number): number {
  const text = values[name];
  if (text === undefined) return otherwise;
  if (!/^\d{1,10}$/.test(text)) return refuse(`--${name} ${text} is no number`);
  return Number(text);
}

function refuse(why: string): never {
  process.stderr.write(`${why}\n`);
  process.exit(2);
}

const seed = numberOf("seed", Date.now() % 2 ** 31);
const [what = "copy"] = positionals;
if (what === "copy") await copies();
else if (what === "restore") await restores();
else if (what === "probe") await probes();
else refuse(`no kills of '${what}'; there are copy, restore and probe`);

/** Runs work on a bench; asked to end, it goes on behind what is under way, and the bench is cleared. */
async function onBench(work: (bench: LoopBench, signal: AbortSignal) => Promise<void>): Promise<void> {
  const bench = new LoopBench();
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => stop.abort());
  process.stdout.write(`seed ${seed}\n`);
  try {
    await work(bench, stop.signal);
  } finally {
    bench.close();
  }
}

async function copies(): Promise<void> {
  const why = whyNoLoops();
  if (why !== null) refuse(`kills of copies: ${why}`);
  const { here, missing } = kindsHere();
  const strange = values.kinds?.split(",").find((word) => !KINDS.some((kind) => kind === word));
  if (strange !== undefined) refuse(`no kind '${strange}'; there are ${KINDS.join(", ")}`);
  const kinds = here.filter((kind: Kind) => values.kinds?.split(",").includes(kind) ?? true);
  if (kinds.length === 0) refuse("none of these kinds can be had here");
  for (const [kind, reason] of missing) process.stdout.write(`without ${kind}: ${reason}\n`);
  let shown = 0;
  const onKills = (kills: number): void => {
    if (kills < shown + 50) return;
    shown = kills;
    process.stdout.write(`${kills} kills\n`);
  };
  await onBench(async (bench, signal) => {
    try {
      const only = values.only === undefined ? {} : { only: numberOf("only", 0) };
      const count = numberOf("count", 1000);
      const counts = await killCopies(bench, { seed, kinds, count, lanes: 2, ...only, onKills, signal });
      process.stdout.write(`${formatCounts(counts, kinds)}\n`);
    } catch (error) {
      if (!(error instanceof WrongCopy)) throw error;
      const again = values.kinds === undefined ? "" : ` --kinds '${values.kinds}'`;
      process.stderr.write(`${error.message}\nagain: npm run kills -- --seed ${seed} --only ${error.number}${again}\n`);
      process.exitCode = 1;
    }
  });
}

async function restores(): Promise<void> {
  const why = whyNoLoops();
  if (why !== null) refuse(`kills of restores: ${why}`);
  const { here } = kindsHere();
  const kinds = RESCUE_KINDS.filter((kind) => here.includes(kind));
  await onBench(async (bench, signal) => {
    const counts = await killRescues(bench, { seed, count: numberOf("count", 200), kinds, signal });
    process.stdout.write(`on ${kinds.join(", ")}: ${JSON.stringify(counts, null, 2)}\n`);
  });
}

async function probes(): Promise<void> {
  // QEMU alone needs no root.
  const { killProbesInGuest } = await import("../test/live/kills/kill-probes.ts");
  process.stdout.write(`seed ${seed}\n`);
  process.stdout.write(`${JSON.stringify(await killProbesInGuest(seed, numberOf("count", 200)), null, 2)}\n`);
}
