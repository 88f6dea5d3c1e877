import { compareMachines } from "../../../src/advice/difference/machines.ts";
import { matchRecords } from "../../../src/advice/difference/matching.ts";
import { compareVerdicts } from "../../../src/advice/difference/verdicts.ts";
import { askWhatIf, type WhatIf, type WhatIfRequest } from "../../../src/advice/what-if/what-if.ts";
import type { Machine } from "../../../src/host/machine.ts";
import { PeerlaneError } from "../../../src/pci/error.ts";
import { decideAll } from "../../../src/rules/verdict-table.ts";
import { type Random, randomOf } from "../pastes/random.ts";
import { type Asked, ask, madeMachine, madeQuestion } from "./asked.ts";
import { judgeCheck } from "./judge-check.ts";
import { judgeFix } from "./judge-fix.ts";
import {
  judgeAcs,
  judgeFind,
  judgeGroupChanges,
  judgeGroups,
  judgeHistory,
  judgeTable,
  saidGroups,
} from "./judge-machines.ts";
import type { Judgement } from "./judgement.ts";
import type { Running } from "./running.ts";
import { ALL_RELEASES, type NamedPair } from "./ways.ts";

/** A machine as it would be, on both sides. */
interface Changed {
  readonly machine: Machine;
  readonly running: Running;
}

/** All advice about one machine that is made up: a seed says all of it. */
export function judgeMachine(judgement: Judgement, seed: number): void {
  const random = randomOf(seed);
  const asked = ask(madeMachine(random), random.chance(70));
  if (asked.ends.length < 2) return;
  judgement.about(`seed ${seed}`);
  judgeTable(judgement, "as it is", asked, asked.machine, asked.running);
  judgeGroups(judgement, "groups as they are", asked, asked.machine, asked.running);
  judgeAcs(judgement, asked, asked.machine, asked.running);
  judgeHistory(judgement, asked, random, ALL_RELEASES);
  judgeFind(judgement, asked, random);
  let changed: Changed = asked;
  for (let left = 2; left > 0; left--) changed = judgeWhatIf(judgement, asked, random, seed) ?? changed;
  judgement.about(`seed ${seed}`);
  judgeCheck(judgement, asked, random, changed);
  for (let left = 2; left > 0; left--) judgeFix(judgement, asked, [madePair(random, asked)]);
  const pairs = Array.from({ length: 2 + random.below(5) }, () => madePair(random, asked));
  const byKey = new Map(pairs.map((pair) => [`${pair.provider} ${pair.client}`, pair]));
  if (byKey.size > 1) judgeFix(judgement, asked, [...byKey.values()]);
}

function madePair(random: Random, { ends }: Asked): NamedPair {
  const provider = random.pick(ends);
  return { provider, client: random.pick(ends.filter((name) => name !== provider)) };
}

function judgeWhatIf(judgement: Judgement, asked: Asked, random: Random, seed: number): Changed | undefined {
  const { request, steps } = madeQuestion(random, asked);
  if (steps.length === 0) return undefined;
  const running = asked.running.after(steps);
  if (running === undefined) throw new Error(`seed ${seed}: ${JSON.stringify(steps)} cannot be`);
  judgement.about(`seed ${seed}, ${JSON.stringify(request)}`);
  const answer = answerOf(judgement, asked, request);
  if (answer === undefined) return undefined;
  const { before, after: machine } = answer;
  const isMove = steps.some(({ kind }) => kind === "move");
  judgeTable(judgement, isMove ? "move" : "what-if", asked, machine, running);
  judgeAcs(judgement, asked, machine, running);
  judgeGroups(judgement, isMove ? "groups after a move" : "groups after what-if", asked, machine, running);
  judgeDiff(judgement, asked, before, machine, running);
  return { machine, running };
}

/** A running machine does not show what firmware left, and then a register may be one that nobody can write to for sure. */
function answerOf(judgement: Judgement, { machine, isWhole }: Asked, request: WhatIfRequest): WhatIf | undefined {
  try {
    return askWhatIf(machine, request);
  } catch (error) {
    if (!(error instanceof PeerlaneError)) throw error;
    if (isWhole || !error.message.includes("hides its ACS")) judgement.fault(`refused: ${error.message}`);
    return undefined;
  }
}

/** What `diff` says of a machine and of what it would be. */
function judgeDiff(judgement: Judgement, asked: Asked, before: Machine, after: Machine, running: Running): void {
  const { names, ends, isWhole } = asked;
  const bdfs = ends.map((name) => names.bdf(name));
  const tables = [before, after].map((one) => decideAll(one, { providers: bdfs, clients: bdfs }));
  const [old, now] = tables;
  if (old === undefined || now === undefined) return;
  // As what-if does: the functions of one description are the same, wherever they are.
  const matching = matchRecords(old.topology, now.topology);
  const said = new Map(
    compareVerdicts(old, now, matching).map((one) => [
      `${names.of(one.provider)} ${names.of(one.client)}`,
      `${one.before.mapType} ${one.before.hops} to ${one.after.mapType} ${one.after.hops}`,
    ]),
  );
  for (const provider of ends) {
    for (const client of ends) {
      if (provider === client) continue;
      const [first, then] = [asked.running.decide(provider, client), running.decide(provider, client)];
      const isSame = first.mapType === then.mapType && first.hops === then.hops;
      const right = isSame ? "the same" : `${first.mapType} ${first.hops} to ${then.mapType} ${then.hops}`;
      const text = said.get(`${provider} ${client}`) ?? "the same";
      if ((!isWhole && text.includes("unknown")) || (isSame && text === right)) continue;
      judgement.pair("diff", text, right, () => `${provider} → ${client}`);
    }
  }
  const difference = compareMachines(old.topology, now.topology, [before, after], matching);
  judgement.other("added and removed", `${difference.added} ${difference.removed}`, " ");
  // What groups become hangs on what firmware left.
  if (!isWhole && saidGroups(after, names) === undefined) return;
  judgeGroupChanges(judgement, "groups of diff", asked, difference.groups, asked.running, running);
}
