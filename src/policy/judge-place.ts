import type { Answers } from "../answers/answer.ts";
import { LOCALITIES, type Locality, type PairLocality } from "../answers/locality.ts";
import type { Judgement } from "./judge-pair.ts";
import type { RequireRule } from "./policy.ts";
import type { RuleOutcome } from "./result.ts";

/** Whether what a source shows of a place is no farther than another: what all that it may be agree on. */
export function isWithin({ is, word }: PairLocality, farthest: Locality): RuleOutcome {
  if (is === null) return "pass";
  const may = word === "hidden" ? LOCALITIES : LOCALITIES.filter((place) => word.split(" or ").includes(place));
  const answers = new Set(may.map((place) => LOCALITIES.indexOf(place) <= LOCALITIES.indexOf(farthest)));
  if (answers.size > 1) return "unknown";
  return answers.has(true) ? "pass" : "fail";
}

/** What the place of a pair is to a rule that says how far apart the two may be. */
export function judgePlace(answers: Answers, { locality: farthest, isByPlace, maxHops }: RequireRule): JudgeByPlace {
  return (i, j) => {
    const judgements: Judgement[] = [];
    if (farthest !== null) {
      const locality = answers.locality(i, j);
      const outcome = isWithin(locality, farthest);
      const problem = { kind: "locality", is: locality.word, farthest } as const;
      judgements.push({ outcome, problems: outcome === "pass" ? [] : [problem] });
    }
    if (isByPlace && maxHops !== null) {
      const hops = answers.table.hops(i, j);
      if (hops === null) judgements.push({ outcome: "unknown", problems: [{ kind: "path" }] });
      else if (hops > maxHops) judgements.push({ outcome: "fail", problems: [{ kind: "hops", hops, most: maxHops }] });
    }
    return judgements.reduce(together, { outcome: "pass", problems: [] });
  };
}

type JudgeByPlace = (i: number, j: number) => Judgement;

const BADNESS: Readonly<Record<RuleOutcome, number>> = { pass: 0, unknown: 1, fail: 2 };

/** Both must hold: the worse counts, with its problems. */
export function together(a: Judgement, b: Judgement): Judgement {
  if (a.outcome === b.outcome) return { outcome: a.outcome, problems: [...a.problems, ...b.problems] };
  return BADNESS[a.outcome] > BADNESS[b.outcome] ? a : b;
}
