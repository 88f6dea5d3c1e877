import { Answers } from "../answers/answer.ts";
import type { Machine } from "../host/machine.ts";
import { topologyOf } from "../host/machine.ts";
import type { Bdf } from "../pci/bdf.ts";
import type { Topology } from "../pci/topology.ts";
import { chooseRules, type RulesChoice } from "../rules/kernels/choose-rules.ts";
import { VerdictTable } from "../rules/verdict-table.ts";
import { Budget } from "./budget.ts";
import { checkBars } from "./check-bars.ts";
import { checkSeparate, checkTogether, Groups } from "./check-groups.ts";
import { checkLinks } from "./check-links.ts";
import { checkFact } from "./check-machine.ts";
import { checkForbidden, checkRequired, type RulePairs } from "./check-pairs.ts";
import { DeviceIndex } from "./device-index.ts";
import { explainGroups, explainPairs, explainSide } from "./explanation.ts";
import type { Assumptions } from "./judge-pair.ts";
import { MemberFinder, type Members } from "./members.ts";
import type {
  Absence,
  BarsRule,
  CountRule,
  ForbidRule,
  LinksRule,
  Policy,
  PolicyRule,
  RequireRule,
  Selection,
  SeparateRule,
  TogetherRule,
} from "./policy.ts";
import { FindingList, type Member, type PolicyResult, type RuleOutcome, type RuleResult, worst } from "./result.ts";

/** Which kernel's rules decide. */
export interface CheckOptions {
  /** A release (`6.12`) whose rules to use instead of the machine's. */
  readonly rules?: string;
  /** Also tell what each rule matched. */
  readonly explain?: boolean;
}

/**
 * Holds a machine against a policy, by the same verdicts as `decideAll`. What the source hides makes a rule unknown
 * unless every possibility leads to the same outcome. Throws `too-large` with the rule's place where it has more than
 * 20 million pairs to look at, and `usage` where `options.rules` is no release.
 */
export function checkPolicy(machine: Machine, policy: Policy, options: CheckOptions = {}): PolicyResult {
  const topology = topologyOf(machine);
  const rulesChoice = chooseRules(machine, options.rules);
  const checker = new Checker(machine, topology, rulesChoice, options.explain === true);
  const results = policy.rules.map((rule) => checker.check(rule));
  const counts: Record<RuleOutcome, number> = { pass: 0, fail: 0, unknown: 0 };
  for (const { outcome } of results) counts[outcome]++;
  const { assumed } = checker;
  const isExplained = options.explain === true;
  return { policy, machine, topology, rulesChoice, outcome: worst(counts), counts, results, isExplained, assumed };
}

/** Checks the rules of a policy one by one; what they share is worked out once. */
class Checker {
  readonly #machine: Machine;
  readonly #topology: Topology;
  readonly #rulesChoice: RulesChoice;
  readonly #index: DeviceIndex;
  readonly #groups: Groups;
  #extremes: NonNullable<ReturnType<Groups["extremes"]>> | null | undefined;
  readonly #budget = new Budget();
  readonly #assumed: Assumptions = new Map();
  readonly #explains: boolean;

  constructor(machine: Machine, topology: Topology, rulesChoice: RulesChoice, explains: boolean) {
    this.#machine = machine;
    this.#explains = explains;
    this.#topology = topology;
    this.#rulesChoice = rulesChoice;
    this.#index = new DeviceIndex(machine, topology);
    this.#groups = new Groups(machine, topology);
  }

  /** What the rules so far take for granted. */
  get assumed(): readonly string[] {
    return [...this.#assumed].map(([what, why]) => `${what} (${why})`);
  }

  check(rule: PolicyRule): RuleResult {
    const findings = new FindingList();
    switch (rule.kind) {
      case "machine":
        checkFact(this.#machine, rule.wanted, findings);
        return findings.result(rule, []);
      case "separate":
        return this.#checkSeparate(rule, findings);
      case "require":
      case "forbid":
        return this.#checkPairs(rule, findings);
      default:
        return this.#checkDevices(rule, findings);
    }
  }

  /** Rules that look at one device at a time, and those that count them. */
  #checkDevices(rule: TogetherRule | LinksRule | BarsRule | CountRule, findings: FindingList): RuleResult {
    const members = this.#find(rule, rule.devices, false);
    const { devices } = members;
    const unmatched = rule.kind === "count" ? members.empty : noteMissing(rule, [members], findings);
    switch (rule.kind) {
      case "count":
        countDevices(rule, members, findings);
        break;
      case "links":
        checkLinks(this.#topology, rule, devices, findings);
        break;
      case "bars":
        checkBars(this.#topology, rule, devices, findings);
        break;
      case "together":
        checkTogether(this.#groups, members, findings, this.#assumed);
        noteNoPair(rule, members, members, findings);
        break;
    }
    const result = findings.result(rule, unmatched);
    if (!this.#explains) return result;
    const sides = [explainSide(this.#index, "devices", rule.devices, members)];
    const groups = rule.kind === "together" ? explainGroups(this.#groups, sides) : [];
    const judged = rule.kind === "links" || rule.kind === "bars" ? findings.all() : [];
    return { ...result, explanation: { sides, pairs: [], pairCount: 0, groups, judged } };
  }

  #checkSeparate(rule: SeparateRule, findings: FindingList): RuleResult {
    const devices = this.#find(rule, rule.devices, false);
    const from = rule.from === null ? null : this.#find(rule, rule.from, false);
    const unmatched = noteMissing(rule, from === null ? [devices] : [devices, from], findings);
    checkSeparate(this.#deciding(devices, from), devices, from, findings, this.#assumed);
    noteNoPair(rule, devices, from ?? devices, findings);
    const result = findings.result(rule, unmatched);
    if (!this.#explains) return result;
    const sides = [explainSide(this.#index, "devices", rule.devices, devices)];
    if (rule.from !== null && from !== null) sides.push(explainSide(this.#index, "from", rule.from, from));
    const groups = explainGroups(this.#groups, sides);
    return { ...result, explanation: { sides, pairs: [], pairCount: 0, groups, judged: [] } };
  }

  /** The groups by which devices are held apart: where ACS is hidden, those that show what holds whatever it is. */
  #deciding(devices: Members, from: Members | null): Groups {
    this.#extremes ??= this.#groups.extremes() ?? null;
    if (this.#extremes === null) return this.#groups;
    const { many, few } = this.#extremes;
    const outcomeBy = (groups: Groups): RuleOutcome => {
      const findings = new FindingList();
      checkSeparate(groups, devices, from, findings, new Map());
      return findings.outcome;
    };
    if (outcomeBy(many) === "fail") return many;
    return outcomeBy(few) === "pass" ? few : this.#groups;
  }

  #checkPairs(rule: RequireRule | ForbidRule, findings: FindingList): RuleResult {
    const providers = this.#find(rule, rule.providers, true);
    const clients = this.#find(rule, rule.clients, false);
    const unmatched = noteMissing(rule, [providers, clients], findings);
    this.#budget.spend(providers.devices.length * clients.devices.length, rule.place);
    const bdfsOf = ({ devices }: Members): Bdf[] => devices.map(({ bdf }) => bdf);
    const selection = { providers: bdfsOf(providers), clients: bdfsOf(clients) };
    const table = new VerdictTable(this.#machine, selection, this.#rulesChoice, this.#topology);
    const pairs: RulePairs = { answers: new Answers(table), providers, clients };
    if (rule.kind === "forbid") checkForbidden(pairs, rule, findings, this.#assumed);
    else checkRequired(pairs, rule, findings, this.#assumed);
    if (rule.kind === "forbid" || rule.each === "pair") noteNoPair(rule, providers, clients, findings);
    const result = findings.result(rule, unmatched);
    if (!this.#explains) return result;
    const sides = [
      explainSide(this.#index, "provider", rule.providers, providers),
      explainSide(this.#index, "client", rule.clients, clients),
    ];
    return { ...result, explanation: { sides, ...explainPairs(pairs, rule), groups: [], judged: [] } };
  }

  #find(rule: PolicyRule, selection: Selection, isProvider: boolean): Members {
    return new MemberFinder(this.#index, isProvider, this.#budget, rule.place).find(selection);
  }
}

/** As many devices as a rule wants, whatever of those may be such that the source leaves open. */
function countDevices({ least, most }: CountRule, members: Members, findings: FindingList): void {
  const { devices, missing, gap } = members;
  // A name that nothing has is none of those that are counted, and a typo must not look like that.
  for (const { finding, isSingle } of missing) {
    if (isSingle) findings.add(finding.hidden === null ? "fail" : "unknown", () => finding);
  }
  const found = devices.filter(({ hidden }) => hidden === null).length;
  const possible = devices.length - found;
  const hidden = gap ?? devices.find((member) => member.hidden !== null)?.hidden ?? null;
  const atMost = gap === null ? devices.length : Number.POSITIVE_INFINITY;
  const isSure = found >= least && (most === null || atMost <= most);
  const isPossible = atMost >= least && (most === null || found <= most);
  findings.add(isSure ? "pass" : isPossible ? "unknown" : "fail", () => ({ kind: "count", found, possible, hidden }));
}

/**
 * A rule about pairs that has none fails, unless devices may be missing from it, or it names a class or ids, of which there
 * may be no other: then it says so. What is missing has been told.
 */
function noteNoPair(
  { absence }: RequireRule | ForbidRule | SeparateRule | TogetherRule,
  one: Members,
  other: Members,
  findings: FindingList,
): void {
  const sides = [one, other];
  if (sides.some(({ devices }) => devices.length === 0) || hasPair(sureOf(one), sureOf(other))) return;
  if (findings.outcome === "fail" || sides.flatMap(({ missing }) => missing).some((each) => isTold(each, absence)))
    return;
  if (absence === "anything" || (absence === "classes" && !sides.every(({ isOfSingles }) => isOfSingles))) {
    findings.remark({ kind: "no-pair" });
    return;
  }
  const isSure = sides.every((side) => sureOf(side).length > 0 && !side.mayBeMore);
  const outcome = isSure && !hasPair(one.devices, other.devices) ? "fail" : "unknown";
  findings.add(outcome, () => ({ kind: "no-pair" }));
}

/** True for what is missing and makes a rule fail, or leaves it unknown. */
function isTold({ finding, isUnlisted, isSingle }: Members["missing"][number], absence: Absence): boolean {
  const isAllowed = absence === "anything" || (absence === "classes" && !isSingle);
  return !isAllowed || (finding.hidden !== null && isUnlisted);
}

function sureOf({ devices }: Members): readonly Member[] {
  return devices.filter(({ hidden }) => hidden === null);
}

/** True where one of these and one of those are two devices. */
function hasPair([first, second]: readonly Member[], others: readonly Member[]): boolean {
  if (first === undefined) return false;
  return (second !== undefined && others.length > 0) || others.some(({ bdf }) => bdf !== first.bdf);
}

/**
 * Devices that are not there fail a rule, unless they may be missing from it: then it says so, as it does of classes that
 * find nothing beside others. What may be there all the same makes it unknown.
 */
function noteMissing(
  { absence }: Exclude<PolicyRule, { kind: "machine" | "count" }>,
  sides: readonly Members[],
  findings: FindingList,
): string[] {
  const unmatched = new Set<string>(sides.flatMap(({ empty }) => empty));
  for (const missing of sides.flatMap((side) => side.missing)) {
    const { finding } = missing;
    if (isTold(missing, absence)) findings.add(finding.hidden === null ? "fail" : "unknown", () => finding);
    else if (finding.hidden === null) unmatched.add(finding.text);
  }
  return [...unmatched];
}
