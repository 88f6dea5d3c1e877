import { existsSync } from "node:fs";
import { randomFrom } from "../../random.ts";
import type { LoopBench } from "../loop-devices.ts";
import { PROGRAM } from "./copy-run.ts";
import { type CaseEnd, killCopy } from "./killed-copy.ts";
import { type Kind, type Lane, makeLane } from "./places.ts";
import { Dice, pairsOf, planCase } from "./plan.ts";

/** What is to be killed. */
export interface KillRequest {
  readonly seed: number;
  /** Kills, at the least. */
  readonly count: number;
  readonly kinds: readonly Kind[];
  /** Copies side by side. */
  readonly lanes: number;
  /** The one copy to run, of all that the seed gives. */
  readonly only?: number;
  readonly onKills?: (kills: number) => void;
  /** Ends it behind the copies under way, with the counts so far. */
  readonly signal?: AbortSignal;
}

/** Kills, and what they met, by the kinds of the ends (`"disk > file"`). */
export interface KillCounts {
  readonly kills: ReadonlyMap<string, number>;
  readonly cases: number;
  readonly ends: readonly CaseEnd[];
}

/** A copy of the seed went wrong. */
export class WrongCopy extends Error {
  readonly number: number;

  constructor(seed: number, number: number, cause: unknown) {
    super(`copy ${number} of seed ${seed}: ${cause instanceof Error ? cause.message : cause}`, { cause });
    this.number = number;
  }
}

/** Kills copies between all kinds of ends until the count is reached. Throws {@link WrongCopy} for the first that is wrong. */
export async function killCopies(bench: LoopBench, request: KillRequest): Promise<KillCounts> {
  if (!existsSync(PROGRAM)) throw new Error("build first: npm run build");
  const { seed, count, kinds, only, onKills = () => {} } = request;
  const lanes = Array.from({ length: only === undefined ? request.lanes : 1 }, (_, i) =>
    makeLane(bench, `lane-${i}`, kinds),
  );
  const pairs = pairsOf(new Dice(randomFrom(seed)), lanes[0] as Lane);
  const kills = new Map<string, number>();
  const ends: CaseEnd[] = [];
  let [killed, next] = [0, only ?? 0];
  let failure: WrongCopy | null = null;
  async function work(lane: Lane): Promise<void> {
    while (
      failure === null &&
      request.signal?.aborted !== true &&
      (only === undefined ? killed < count : next === only)
    ) {
      const number = next++;
      // Each copy is drawn from the seed and its number alone, whatever the others do.
      const dice = new Dice(randomFrom(seed + Math.imul(number + 1, 0x9e3779b1)));
      const [from, to] = pairs[number % pairs.length] as readonly [number, number];
      const [source, target] = [lane.sources[from], lane.targets[to]];
      if (source === undefined || target === undefined) throw new RangeError("no such place");
      try {
        const end = await killCopy(lane, number, planCase(dice, source, target), dice);
        ends.push(end);
        killed += end.kills.length;
        const pair = `${source.kind} > ${target.kind}`;
        kills.set(pair, (kills.get(pair) ?? 0) + end.kills.length);
        onKills(killed);
      } catch (cause) {
        failure ??= new WrongCopy(seed, number, cause);
      }
    }
  }
  await Promise.all(lanes.map(work));
  if (failure !== null) throw failure;
  return { kills, cases: ends.length, ends };
}
