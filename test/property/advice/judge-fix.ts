import { type Advice, advise } from "../../../src/advice/fix/advise.ts";
import type { ProvedFix } from "../../../src/advice/fix/prove.ts";
import type { Change } from "../../../src/advice/what-if/change.ts";
import { isUnknown } from "../../../src/pci/known.ts";
import { type Asked, stepsOf } from "./asked.ts";
import { entriesOf, optionOf } from "./boot.ts";
import { judgeGroupChanges, textOf } from "./judge-machines.ts";
import type { Judgement } from "./judgement.ts";
import { releaseNumber, turnsBelowRoot } from "./kernel.ts";
import type { Running, Step } from "./running.ts";
import {
  ALL_RELEASES,
  hasMemory,
  isBetter,
  type NamedPair,
  oneStepWays,
  ranksOf,
  twoStepWays,
  type Way,
  type WayKind,
} from "./ways.ts";

const RANK: Readonly<Record<string, number>> = { "bus-addr": 2, "thru-host-bridge": 1, "not-supported": 0, unknown: 0 };
const total = (ranks: readonly number[]): number => ranks.reduce((sum, rank) => sum + rank, 0);
const pairText = ({ provider, client }: NamedPair): string => `${provider} → ${client}`;

/** What `fix` says for some pairs: each proposal carried out by the judge, and every way that it may have missed. */
export function judgeFix(judgement: Judgement, asked: Asked, pairs: readonly NamedPair[]): void {
  const { names, machine, running } = asked;
  const advice = advise(
    machine,
    pairs.map(({ provider, client }) => ({ provider: names.bdf(provider), client: names.bdf(client) })),
  );
  const verb = pairs.length > 1 ? "fix --all" : "fix";
  const about = `${verb} ${pairs.map(pairText).join(", ")}`;
  const before = ranksOf(running, pairs);
  pairs.forEach((pair, at) => {
    const said = advice.before[at];
    if (said?.mapType === "unknown" && !asked.isWhole) return;
    const right = textOf(running.decide(pair.provider, pair.client));
    const text = `${said?.mapType} at ${said?.hops} hops (${said?.distance})`;
    judgement.pair(verb, text, right, () => `${pairText(pair)} before`);
  });
  for (const fix of advice.fixes) {
    judgement.other(`proposals of ${verb}`, "", "");
    judgeProposal(judgement, asked, pairs, before, fix, `${about}: '${fix.title}'`, verb);
  }
  if (asked.isWhole) judgeOneStep(judgement, asked, pairs, before, advice, about);
  if (asked.isWhole) judgeTwoSteps(judgement, asked, pairs, before, advice, about);
}

function judgeProposal(
  judgement: Judgement,
  asked: Asked,
  pairs: readonly NamedPair[],
  before: readonly number[],
  fix: ProvedFix,
  about: string,
  verb: string,
): void {
  const { running, isWhole } = asked;
  const after = carriedOut(asked, fix);
  if (after === undefined) {
    judgement.fault(`${about} cannot be carried out`);
    return;
  }
  const ranks = ranksOf(after, pairs);
  pairs.forEach((pair, at) => {
    const said = fix.verdicts[at];
    if (said?.mapType === "unknown" && !isWhole) return;
    const right = textOf(after.decide(pair.provider, pair.client));
    const text = `${said?.mapType} at ${said?.hops} hops (${said?.distance})`;
    judgement.pair(verb, text, right, () => `${pairText(pair)} after ${about}`);
  });
  const hops = (machine: Running): number =>
    total(
      pairs
        .filter(({ provider }) => hasMemory(running, provider))
        .map((pair) => machine.decide(pair.provider, pair.client).hops),
    );
  const isShorter = total(ranks) === total(before) && hops(after) < hops(running);
  if (!isBetter(before, ranks) && !isShorter) {
    judgement.fault(`${about} does not help: ${before} before, ${ranks} after`);
  }
  judgeOthers(judgement, asked, pairs, fix, after, about, verb);
  if (fix.changes.some(({ kind }) => kind !== "acs" && kind !== "cpu")) {
    judgeGroupChanges(judgement, `groups of ${verb}`, asked, fix.groups, running, after);
  } else {
    judgement.other(`groups of ${verb}`, JSON.stringify(fix.groups), "[]", () => about);
  }
  judgeIsolation(judgement, asked, fix, after, about, verb);
  for (const part of partsOf(asked, fix)) {
    const result = running.after(part);
    if (result === undefined) continue;
    const partRanks = ranksOf(result, pairs);
    judgement.other(`parts of proposals of ${verb}`, "", "");
    if (partRanks.every((rank, at) => rank >= (ranks[at] ?? 0)) && !(isShorter && hops(result) > hops(after))) {
      judgement.fault(`${about}: a part is enough: ${JSON.stringify(part)}`);
    }
  }
  const kernel = fix.changes.find((change) => change.kind === "kernel");
  if (kernel?.kind === "kernel") judgeNewerKernels(judgement, asked, pairs, fix, kernel.release, ranks, about);
}

/** A firmware setting is in what firmware leaves, which a write to the register stands for. */
function carriedOut({ running, names }: Asked, fix: ProvedFix): Running | undefined {
  const steps = stepsOf(fix.changes, names);
  if (!fix.kinds.includes("firmware-setting")) return running.after(steps);
  const clear = new Map(steps.flatMap((step) => (step.kind === "acs" ? [[step.name, step.clear] as const] : [])));
  const others = steps.filter(({ kind }) => kind !== "acs");
  return running.withoutFirmwareBits(clear).after(others);
}

/** Every other pair of the machine that a proposal changes, and no more. */
function judgeOthers(
  judgement: Judgement,
  { names, running, ends, isWhole }: Asked,
  pairs: readonly NamedPair[],
  fix: ProvedFix,
  after: Running,
  about: string,
  verb: string,
): void {
  const asked = new Set(pairs.flatMap(({ provider, client }) => [`${provider} ${client}`, `${client} ${provider}`]));
  const said = new Map(
    fix.others.listed.map((one) => [
      `${names.of(one.provider)} ${names.of(one.client)}`,
      `${one.before.mapType} ${one.before.hops} to ${one.after.mapType} ${one.after.hops}`,
    ]),
  );
  for (const provider of ends) {
    for (const client of ends) {
      const key = `${provider} ${client}`;
      if (asked.has(key) || provider === client) continue;
      const [old, now] = [running.decide(provider, client), after.decide(provider, client)];
      const isSame = old.mapType === now.mapType && old.hops === now.hops;
      const right = isSame ? "the same" : `${old.mapType} ${old.hops} to ${now.mapType} ${now.hops}`;
      const text = said.get(key) ?? "the same";
      if (!isWhole && text.includes("unknown")) continue;
      if (isSame && text === right) continue;
      judgement.pair(verb, text, right, () => `${provider} → ${client} after ${about}`);
    }
  }
}

/**
 * Pairs of functions that two guests could have had apart and that a proposal brings together: in one group, without an
 * IOMMU, or with requests of the one that reach the other past it. At run time groups stay, and those that the registers would form count all the same.
 */
function judgeIsolation(
  judgement: Judgement,
  { running, ends, isWhole }: Asked,
  fix: ProvedFix,
  after: Running,
  about: string,
  verb: string,
): void {
  if (isUnknown(fix.isolation)) {
    if (isWhole) judgement.fault(`${about}: the isolation lost is unknown: ${fix.isolation.unknown}`);
    return;
  }
  const isBooted = fix.changes.some(({ kind }) => kind !== "acs" && kind !== "cpu");
  const [old, now] = [running.groups, isBooted ? after.groups : running.groups];
  const formed = isBooted ? now : after.groupsOfRegisters;
  const comesPast = (a: string, b: string): boolean => isPastIommu(after, a, b) && !isPastIommu(running, a, b);
  let [lost, unseen] = [0, 0];
  for (const [at, a] of ends.entries()) {
    for (const b of ends.slice(at + 1)) {
      if (old.get(a) === undefined || old.get(b) === undefined || old.get(a) === old.get(b)) continue;
      const isJoined = formed.get(a) === undefined || formed.get(a) === formed.get(b);
      if (!isJoined && !comesPast(a, b) && !comesPast(b, a)) continue;
      lost++;
      if (now.get(a) !== now.get(b)) unseen++;
    }
  }
  const said = `${fix.isolation.pairs} pairs, ${fix.isolation.unseen} of them unseen`;
  judgement.other(`isolation lost of ${verb}`, said, `${lost} pairs, ${unseen} of them unseen`, () => about);
}

/** Whether requests of a client reach a provider past the IOMMU: a direct path, or one that only the way back is sent up on. */
function isPastIommu(running: Running, provider: string, client: string): boolean {
  if (running.decide(provider, client).mapType === "bus-addr") return true;
  return turnsBelowRoot(running, running.at(provider), running.at(client));
}

/** What a proposal is made of, each piece of which can be left out. */
function atomsOf({ running, names }: Asked, changes: readonly Change[]): Step[][] {
  const atoms: Step[][] = [];
  const isIommu = changes.some(({ kind }) => kind === "iommu");
  const whole: Step[] = [];
  for (const step of stepsOf(changes, names)) {
    if (step.kind === "acs") {
      for (let bit = 1; bit < 0x80; bit <<= 1) {
        if ((step.clear & bit) !== 0) atoms.push([{ ...step, set: 0, clear: bit }]);
        if ((step.set & bit) !== 0) atoms.push([{ ...step, set: bit, clear: 0 }]);
      }
    } else if (step.kind === "parameters" && step.text.startsWith("pci=")) {
      const name = step.text.slice(4, step.text.indexOf("=", 4));
      const kept = entriesOf(optionOf(running.setup.parameters, name));
      for (const entry of entriesOf(optionOf(step.text, name))) {
        if (!kept.includes(entry)) atoms.push([{ kind: "parameters", text: `pci=${name}=${entry}` }]);
      }
    } else if (isIommu && (step.kind === "parameters" || step.kind === "iommu")) whole.push(step);
    else atoms.push([step]);
  }
  if (whole.length > 0) atoms.push(whole);
  return atoms;
}

/** Proper parts of a proposal: all of them where there are few, else those that lack one piece. */
function partsOf(asked: Asked, fix: ProvedFix): readonly (readonly Step[])[] {
  // What firmware is told is its own matter: a setup has one switch for all.
  if (fix.kinds.includes("firmware-setting")) return [];
  const atoms = atomsOf(asked, fix.changes);
  const chosen =
    atoms.length <= 6
      ? Array.from({ length: 2 ** atoms.length - 2 }, (_, at) => atoms.filter((__, bit) => ((at + 1) >> bit) & 1))
      : atoms.map((one) => atoms.filter((other) => other !== one));
  return chosen.map((parts) => joined(asked, parts.flat()));
}

/** Entries of one list come together in one parameter, before those that the command line has. */
function joined({ running }: Asked, steps: readonly Step[]): readonly Step[] {
  const lists = new Map<string, string[]>();
  const others: Step[] = [];
  for (const step of steps) {
    const match = step.kind === "parameters" ? /^pci=([^=]+)=(.*)$/.exec(step.text) : null;
    if (match === null) others.push(step);
    else lists.set(match[1] ?? "", [...(lists.get(match[1] ?? "") ?? []), match[2] ?? ""]);
  }
  const parameters = [...lists].map(([name, entries]): Step => {
    const kept = entriesOf(optionOf(running.setup.parameters, name));
    return { kind: "parameters", text: `pci=${name}=${[...entries, ...kept].join(";")}` };
  });
  return [...others, ...parameters];
}

/** Whether the words of a proposal name a release: `Linux 5.18 or newer, but not 6.11 to 6.12.22 or 6.13`. */
function namesRelease(title: string, release: string): boolean {
  const words = /Linux ((?:[\d.]*\d|to|or|newer|but|not|,| )+)/.exec(title)?.[1]?.replace(/[ ,]+$/, "") ?? "";
  const isIn = (list: string): boolean =>
    list.split(/, | or (?!newer)/).some((span) => {
      const [first = "", last] = span.replace(" or newer", " to 999.0").split(" to ");
      const number = releaseNumber(release);
      return number >= releaseNumber(first) && number <= releaseNumber(last ?? first);
    });
  const [named = "", but] = words.split(", but not ");
  return isIn(named) && !(but !== undefined && isIn(but));
}

/** A proposal of a kernel is one of every newer one that its words name, and they leave out none on which it holds. */
function judgeNewerKernels(
  judgement: Judgement,
  asked: Asked,
  pairs: readonly NamedPair[],
  fix: ProvedFix,
  release: string,
  ranks: readonly number[],
  about: string,
): void {
  for (const newer of ALL_RELEASES.filter((one) => releaseNumber(one) > releaseNumber(release))) {
    const steps = stepsOf(fix.changes, asked.names).map((step) =>
      step.kind === "kernel" ? { ...step, release: newer } : step,
    );
    const result = asked.running.after(steps);
    if (result === undefined) continue;
    judgement.other("newer kernels than proposed", "", "");
    const newerRanks = ranksOf(result, pairs);
    const holds = !newerRanks.some((rank, at) => rank < (ranks[at] ?? 0));
    const isNamed = namesRelease(fix.title, newer);
    const text = `on ${newer}: ${newerRanks} after ${ranks}`;
    if (isNamed && !holds) judgement.fault(`${about} does not hold ${text}`);
    // What a boot makes of ACS that is not wholly seen may be left open.
    if (!isNamed && holds && asked.isWhole) judgement.fault(`${about} holds ${text}`);
  }
}

/** The one kind of thing that a proposal does, or several. */
function kindOf({ changes, kinds: done }: ProvedFix): WayKind | "several" | "firmware" {
  if (done.includes("firmware-setting")) return "firmware";
  const kinds = new Set(
    changes.map((change): WayKind => {
      if (change.kind === "acs") return "setpci";
      if (change.kind === "move" || change.kind === "switch-card") return "slot";
      if (change.kind === "kernel") return "kernel";
      if (change.kind !== "parameters") return "iommu";
      return change.text.includes("disable_acs_redir")
        ? "disable"
        : change.text.includes("config_acs")
          ? "config"
          : "iommu";
    }),
  );
  const [one = "several", ...more] = kinds;
  return more.length > 0 ? "several" : one;
}

const KINDS: readonly WayKind[] = ["disable", "config", "setpci", "iommu", "kernel", "slot"];

/** For each kind of step: where any step of it helps, `fix` proposes one, and none is better. */
function judgeOneStep(
  judgement: Judgement,
  asked: Asked,
  pairs: readonly NamedPair[],
  before: readonly number[],
  { fixes }: Advice,
  about: string,
): void {
  if (before.every((rank) => rank === 2)) return;
  const { running } = asked;
  const reachedBy = (verdicts: readonly { readonly mapType: string }[]): number =>
    total(
      verdicts.map(({ mapType }, at) => (hasMemory(running, pairs[at]?.provider ?? "") ? (RANK[mapType] ?? 0) : 0)),
    );
  const ways = oneStepWays(running, pairs).filter(({ ranks }) => isBetter(before, ranks));
  judgement.other("one-step searches", "", "");
  for (const kind of KINDS) {
    const ofKind = ways.filter((way) => way.kind === kind);
    const proposed = fixes.filter((fix) => kindOf(fix) === kind);
    if (kind === "kernel") {
      judgeOldestKernel(judgement, ofKind, proposed, about);
      continue;
    }
    const best = bestOf(ofKind);
    const reached = Math.max(...proposed.map(({ verdicts }) => reachedBy(verdicts)));
    if (best === undefined || reached >= total(best.ranks)) continue;
    const text = `${about}: ${kind} ${JSON.stringify(best.steps)} leads to ${best.ranks} from ${before}, and nothing as good of its kind is proposed`;
    judgement.fault(`${missedName(kind, pairs, asked)}: ${text}`);
  }
}

function missedName(kind: WayKind, pairs: readonly NamedPair[], { running }: Asked): string {
  if (kind !== "slot") return `missed: ${kind}`;
  if (pairs.length > 1) return "missed: slot of many pairs";
  const [pair] = pairs;
  const [a, b] = [running.at(pair?.provider ?? ""), running.at(pair?.client ?? "")];
  return a.bus === b.bus && a.devfn >> 3 === b.devfn >> 3 ? "missed: slot of one device" : "missed: slot";
}

function bestOf(ways: readonly Way[]): Way | undefined {
  return ways.reduce<Way | undefined>(
    (best, way) => (best === undefined || total(way.ranks) > total(best.ranks) ? way : best),
    undefined,
  );
}

/** The oldest of the newer releases that help most is the one that is proposed. */
function judgeOldestKernel(
  judgement: Judgement,
  ways: readonly Way[],
  proposed: readonly ProvedFix[],
  about: string,
): void {
  const releaseOf = (step: Step | Change | undefined): string | undefined =>
    step?.kind === "kernel" ? step.release : undefined;
  const right = releaseOf(bestOf(ways)?.steps[0]);
  const said = releaseOf(proposed[0]?.changes.find(({ kind }) => kind === "kernel"));
  const numberOf = (release: string | undefined): number => (release === undefined ? 0 : releaseNumber(release));
  if (numberOf(right) === numberOf(said)) return;
  judgement.fault(`${about}: ${right} is the oldest that helps most, ${said} is said`);
}

/** What two steps reach and no single one does: one of the proposals reaches as much. */
function judgeTwoSteps(
  judgement: Judgement,
  asked: Asked,
  pairs: readonly NamedPair[],
  before: readonly number[],
  { fixes }: Advice,
  about: string,
): void {
  if (before.every((rank) => rank === 2)) return;
  const { running } = asked;
  const reachedBy = (verdicts: readonly { readonly mapType: string }[]): number =>
    total(
      verdicts.map(({ mapType }, at) => (hasMemory(running, pairs[at]?.provider ?? "") ? (RANK[mapType] ?? 0) : 0)),
    );
  const reached = Math.max(
    total(before),
    // A card that somebody would have to buy does not make up for what the machine has.
    ...fixes.filter(({ kinds }) => !kinds.includes("switch-card")).map(({ verdicts }) => reachedBy(verdicts)),
    ...oneStepWays(running, pairs)
      .filter(({ ranks }) => isBetter(before, ranks))
      .map(({ ranks }) => total(ranks)),
  );
  judgement.other("two-step searches", "", "");
  for (const way of twoStepWays(running, pairs)) {
    if (!isBetter(before, way.ranks) || total(way.ranks) <= reached) continue;
    const isOfMany = pairs.length > 1 && way.kinds.includes("slot");
    const name = `missed: two steps${isOfMany ? " of many pairs" : ""}`;
    const text = `${about}: ${way.kinds} ${JSON.stringify(way.steps)} leads to ${way.ranks} from ${before}`;
    judgement.fault(`${name}: ${text}`);
    return;
  }
}
