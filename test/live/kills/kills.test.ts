/** A sample of `npm run kills`: copies and restores on real devices of this host, killed at random points. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LoopBench, whyNoLoops } from "../loop-devices.ts";
import { killCopies } from "./kill-copies.ts";
import { killRescues, RESCUE_KINDS } from "./kill-rescues.ts";
import { kindsHere } from "./places.ts";

const COPY_KILLS = Number(process.env["PEERLANE_KILLS"] ?? 16);
const PROBE_KILLS = Math.ceil(COPY_KILLS / 2);
const seed = Number(process.env["PEERLANE_FUZZ_SEED"] ?? 1);
const why = whyNoLoops();
const { here, missing } = kindsHere();
const without = [...missing].map(([kind, reason]) => `, without ${kind}: ${reason}`).join("");

describe.skipIf(why !== null)(`kills on this host${why === null ? without : ` (${why})`}, seed ${seed}`, () => {
  let bench: LoopBench;
  beforeAll(() => {
    bench = new LoopBench();
  });
  afterAll(() => bench.close());

  test(`${COPY_KILLS} kills of copies leave no wrong byte, no stray byte, no false journal and no file`, {
    timeout: 300_000,
  }, async () => {
    const { ends } = await killCopies(bench, { seed, count: COPY_KILLS, kinds: here, lanes: 2 });
    const kills = ends.flatMap((end) => end.kills);
    expect(kills.length).toBeGreaterThanOrEqual(COPY_KILLS);
    expect(kills.filter(({ wasInFlight }) => wasInFlight).length).toBeGreaterThan(0);
  });

  test(`${PROBE_KILLS} kills of what overwrites a range, and of its restore, never lose the range`, {
    timeout: 300_000,
  }, async () => {
    const kinds = RESCUE_KINDS.filter((kind) => here.includes(kind));
    const counts = await killRescues(bench, { seed, count: PROBE_KILLS, kinds });
    expect(counts.writers + counts.restores).toBeGreaterThanOrEqual(PROBE_KILLS);
    expect(counts.rescues).toBeGreaterThan(0);
  });
});
