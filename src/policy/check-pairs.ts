import type { Answers } from "../answers/answer.ts";
import type { Bdf } from "../pci/bdf.ts";
import { isUnknown } from "../pci/known.ts";
import { PeerRoutes } from "../routes/peer-routes.ts";
import { goesUp } from "../summary/going-up.ts";
import { judgeBandwidth } from "./judge-bandwidth.ts";
import { type Assumptions, assumeKernel, hasPath, type Judgement, RequiredPairs } from "./judge-pair.ts";
import { judgePlace, together } from "./judge-place.ts";
import type { Members } from "./members.ts";
import type { ForbidRule, RequireRule } from "./policy.ts";
import type { Finding, FindingList, JudgedVerdict, Member, RuleOutcome } from "./result.ts";

/** The devices of a rule and the answers of providers × clients, in the order of the members. */
export interface RulePairs {
  readonly answers: Answers;
  readonly providers: Members;
  readonly clients: Members;
}

/** Why a rule may not be about a pair, `null` where it is. */
function hiddenOf(provider: Member, client: Member): string | null {
  return provider.hidden ?? client.hidden;
}

function* pairsOf({
  providers,
  clients,
}: RulePairs): Generator<readonly [i: number, j: number, hidden: string | null]> {
  for (const [i, provider] of providers.devices.entries()) {
    for (const [j, client] of clients.devices.entries()) {
      if (provider.bdf !== client.bdf) yield [i, j, hiddenOf(provider, client)];
    }
  }
}

/** What a rule makes of pair (i, j), with why it may not be about it; `undefined` where it then says nothing. */
type JudgePair = (i: number, j: number, hidden: string | null) => Judgement | undefined;

/** How a rule of `forbid` judges a pair. */
export function judgeForbidden({ answers }: RulePairs, rule: ForbidRule, assumed: Assumptions): JudgePair {
  const routes = new PeerRoutes(answers.table);
  return (i, j, hidden) => {
    const path = hasPath(answers.table, i, j, rule.path);
    if (path !== "fail") {
      return asMember({ outcome: path === "pass" ? "fail" : "unknown", problems: [{ kind: "path" }] }, hidden);
    }
    const judgement: Judgement = rule.path === "direct" ? judgeRoute(routes, i, j) : { outcome: "pass", problems: [] };
    if (judgement.outcome === "pass") assumeKernel(answers.table, i, j, assumed);
    return asMember(judgement, hidden);
  };
}

/** What the kernel does not call direct, the fabric may make so: redirection acts where a request comes in only. */
function judgeRoute(routes: PeerRoutes, i: number, j: number): Judgement {
  const directions = routes.pastIommu(i, j);
  if (isUnknown(directions)) {
    const reason = `whether requests go past the IOMMU is not known: ${directions.unknown}`;
    return { outcome: "unknown", problems: [{ kind: "hidden", reason }] };
  }
  if (directions.length === 0) return { outcome: "pass", problems: [] };
  return { outcome: "fail", problems: [{ kind: "route", directions }] };
}

/** How a rule of `require` judges a pair, for itself and not for those that it is one of. */
export function judgeRequired({ answers }: RulePairs, rule: RequireRule, assumed: Assumptions): JudgePair {
  const judge = requiredJudge(answers, rule, assumed);
  return (i, j, hidden) => asMember(judge(i, j), hidden);
}

/** What a rule of `require` makes of a pair by what the kernel decides, and by where the two are. */
function requiredJudge(answers: Answers, rule: RequireRule, assumed: Assumptions): (i: number, j: number) => Judgement {
  const place = judgePlace(answers, rule);
  if (rule.isByPlace) return place;
  const required = new RequiredPairs(answers, rule, assumed);
  const carries = rule.bandwidth === null ? null : judgeBandwidth(answers, rule.bandwidth, assumed);
  return (i, j) => {
    const judgement = together(required.judge(i, j), place(i, j));
    // Of a pair that is not as the rule wants it no more is asked.
    return carries === null || judgement.outcome === "fail" ? judgement : together(judgement, carries(i, j));
  };
}

/** Pairs that must not work: any that does is a failure, any that may is unknown. */
export function checkForbidden(pairs: RulePairs, rule: ForbidRule, findings: FindingList, assumed: Assumptions): void {
  const judge = judgeForbidden(pairs, rule, assumed);
  for (const [i, j, hidden] of pairsOf(pairs)) {
    const judgement = judge(i, j, hidden);
    if (judgement !== undefined) findings.add(judgement.outcome, () => pairFinding(pairs.answers, i, j, judgement));
  }
}

/** Pairs that must work: each, or one for each provider or client. */
export function checkRequired(pairs: RulePairs, rule: RequireRule, findings: FindingList, assumed: Assumptions): void {
  if (rule.each !== "pair") {
    checkPartners(pairs, rule, rule.each, requiredJudge(pairs.answers, rule, assumed), findings);
    return;
  }
  const judge = judgeRequired(pairs, rule, assumed);
  for (const [i, j, hidden] of pairsOf(pairs)) {
    const judgement = judge(i, j, hidden);
    if (judgement === undefined) continue;
    findings.add(judgement.outcome, () => pairFinding(pairs.answers, i, j, judgement));
    if (judgement.outcome === "pass") remarkGoingUp(pairs.answers, rule, [i, j], findings);
  }
}

/** Says of a pair that is direct, as its rule wants it, that its requests do not go so. */
function remarkGoingUp(
  answers: Answers,
  { path, isByPlace }: RequireRule,
  [i, j]: readonly [number, number],
  findings: FindingList,
): void {
  if (isByPlace || path !== "direct" || findings.isFullOfRemarks || !goesUp(answers.table, i, j)) return;
  findings.remark(pairFinding(answers, i, j, { outcome: "pass", problems: [{ kind: "goes-up" }] }));
}

/** What a judgement says of a rule that may not be about the pair; `undefined` where it then says nothing. */
function asMember(judgement: Judgement, hidden: string | null): Judgement | undefined {
  if (hidden === null) return judgement;
  if (judgement.outcome === "pass") return undefined;
  return { outcome: "unknown", problems: [{ kind: "hidden", reason: hidden }, ...judgement.problems] };
}

function pairFinding(answers: Answers, i: number, j: number, { problems }: Judgement): Finding {
  return { kind: "pair", verdict: answers.at(i, j), problems };
}

/** One device with what its partners come to. */
interface Partners {
  readonly outcome: RuleOutcome;
  readonly candidates: number;
  /** The best pair: of those that decide, the one with the fewest hops. */
  readonly best: { readonly i: number; readonly j: number; readonly judgement: Judgement } | undefined;
}

/** For each provider (client) at least one client (provider) with which the pair is as the rule wants it. */
function checkPartners(
  pairs: RulePairs,
  rule: RequireRule,
  side: "provider" | "client",
  required: (i: number, j: number) => Judgement,
  findings: FindingList,
): void {
  const { answers } = pairs;
  const [devices, others] = side === "provider" ? [pairs.providers, pairs.clients] : [pairs.clients, pairs.providers];
  // That none of the partners is there has been said, once for all devices, or the rule can do without.
  if (others.devices.length === 0) return;
  const noneIsSure = others.devices.every((other) => other.hidden !== null);
  const mayBeNone = rule.absence === "anything" && noneIsSure ? (others.devices[0]?.hidden ?? null) : null;
  devices.devices.forEach((device, at) => {
    const { bdf } = device;
    const hidden = device.hidden ?? mayBeNone;
    const partners = findPartners(bdf, others.devices, answers.table, required, (other) =>
      side === "provider" ? [at, other] : [other, at],
    );
    const { best, candidates } = partners;
    if (partners.outcome === "pass" && best !== undefined) {
      if (hidden !== null) return;
      findings.add("pass", () => pairFinding(answers, best.i, best.j, best.judgement));
      remarkGoingUp(answers, rule, [best.i, best.j], findings);
      return;
    }
    findings.add(hidden === null ? partners.outcome : "unknown", () => {
      const nearest = best === undefined ? null : nearestOf(answers, best, hidden);
      return { kind: "alone", device: bdf, side, candidates, nearest };
    });
  });
}

function nearestOf(answers: Answers, best: NonNullable<Partners["best"]>, hidden: string | null): JudgedVerdict {
  const { problems } = best.judgement;
  return {
    verdict: answers.at(best.i, best.j),
    problems: hidden === null ? problems : [{ kind: "hidden", reason: hidden }, ...problems],
  };
}

const rank: Readonly<Record<RuleOutcome, number>> = { pass: 0, unknown: 1, fail: 2 };

function findPartners(
  device: Bdf,
  others: readonly Member[],
  table: Answers["table"],
  required: (i: number, j: number) => Judgement,
  positionsOf: (other: number) => readonly [i: number, j: number],
): Partners {
  let candidates = 0;
  let best: Partners["best"];
  let bestHops = Number.POSITIVE_INFINITY;
  for (const [position, other] of others.entries()) {
    if (other.bdf === device) continue;
    candidates++;
    const [i, j] = positionsOf(position);
    const judgement = asPartner(required(i, j), other.hidden);
    const hops = table.hops(i, j) ?? Number.MAX_SAFE_INTEGER;
    const better = rank[judgement.outcome] - rank[best?.judgement.outcome ?? "fail"];
    if (best === undefined || better < 0 || (better === 0 && hops < bestHops)) {
      best = { i, j, judgement };
      bestHops = hops;
    }
  }
  return { outcome: best?.judgement.outcome ?? "fail", candidates, best };
}

/** A pair with a partner that may not be one is no partner for sure, and a pair that fails is none either way. */
function asPartner(judgement: Judgement, hidden: string | null): Judgement {
  if (hidden === null || judgement.outcome === "fail") return judgement;
  return { outcome: "unknown", problems: [{ kind: "hidden", reason: hidden }, ...judgement.problems] };
}
