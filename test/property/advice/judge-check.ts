import { stringify } from "yaml";
import type { Machine } from "../../../src/host/machine.ts";
import { checkPolicy } from "../../../src/policy/check-policy.ts";
import { parsePolicy } from "../../../src/policy/parse-policy.ts";
import type { Random } from "../pastes/random.ts";
import type { Asked } from "./asked.ts";
import type { Judgement } from "./judgement.ts";
import { releaseNumber, turnsBelowRoot } from "./kernel.ts";
import type { Placed } from "./layout.ts";
import type { Running } from "./running.ts";

/** One side of a rule: as a policy has it, and by what finds its devices. */
interface Chosen {
  readonly text: string | readonly string[];
  readonly names: readonly string[];
  /** It means one device, and there is none. */
  readonly isMissing: boolean;
}

/** A rule as its file has it, and what it must come to on a machine. */
interface Rule {
  readonly section: "require" | "forbid" | "separate";
  readonly written: object;
  readonly outcome: (running: Running) => boolean;
  readonly pairs: number;
}

const KINDS = ["gpu", "nic", "nvme", "accel"] as const;

function madeChoice(random: Random, { running, names, ends }: Asked): Chosen {
  const of = (test: (fn: Placed) => boolean): string[] => ends.filter((name) => test(running.at(name)));
  const word = (): { text: string; found: readonly string[]; isOne: boolean } => {
    const name = random.pick(ends);
    switch (random.below(6)) {
      case 0:
        return { text: "all", found: ends, isOne: false };
      case 1: {
        const kind = random.pick(KINDS);
        return { text: kind, found: of((fn) => fn.kind === kind), isOne: false };
      }
      case 2:
        return { text: names.address(name), found: [name], isOne: true };
      case 3: {
        const { ids } = running.at(name);
        return { text: ids, found: of((fn) => fn.ids === ids), isOne: false };
      }
      case 4:
        return { text: "p2pmem", found: of(({ hasBuffer }) => hasBuffer), isOne: false };
      default:
        // The names of virtual functions are the judge's own.
        return name.includes("-vf")
          ? { text: names.address(name), found: [name], isOne: true }
          : { text: name, found: [name], isOne: true };
    }
  };
  if (random.chance(4)) return { text: "nobody7", names: [], isMissing: true };
  const words = Array.from({ length: random.pick([1, 1, 2]) }, word);
  const without = random.chance(20) ? [word()] : [];
  const found = ends.filter(
    (name) => words.some((one) => one.found.includes(name)) && !without.some((one) => one.found.includes(name)),
  );
  const texts = [...words.map(({ text }) => text), ...without.map(({ text }) => `not ${text}`)];
  return { text: texts.length === 1 ? (texts[0] ?? "") : texts, names: found, isMissing: found.length === 0 };
}

function madeRule(random: Random, asked: Asked, at: number): Rule {
  const section = random.pick(["require", "require", "forbid", "separate"] as const);
  const optional = random.pick([true, false]);
  const name = `rule ${at}`;
  const [a, b] = [madeChoice(random, asked), madeChoice(random, asked)];
  if (section === "separate") {
    const hasFrom = random.chance(40);
    const outcome = ({ groups }: Running): boolean => {
      const others = hasFrom ? b.names : a.names;
      if (!optional && !a.names.some((one) => others.some((other) => other !== one))) return false;
      return a.names.every((one) => {
        const group = groups.get(one);
        return group !== undefined && !others.some((other) => other !== one && groups.get(other) === group);
      });
    };
    return {
      section,
      outcome,
      pairs: 0,
      written: { name, devices: a.text, ...(hasFrom ? { from: b.text } : {}), optional },
    };
  }
  const path = random.pick(["direct", "supported"] as const);
  const pairs = a.names.flatMap((provider) =>
    b.names.filter((client) => client !== provider).map((client) => ({ provider, client })),
  );
  const hasPath = (running: Running, provider: string, client: string): boolean => {
    const { mapType } = running.decide(provider, client);
    return mapType === "bus-addr" || (path === "supported" && mapType === "thru-host-bridge");
  };
  const isMissing = a.isMissing || b.isMissing;
  const base = { name, provider: a.text, client: b.text, path, optional };
  if (section === "forbid") {
    // What the kernel does not call direct, a port that does not redirect lets past the IOMMU all the same.
    const reaches = (running: Running, provider: string, client: string): boolean =>
      hasPath(running, provider, client) ||
      (path === "direct" && turnsBelowRoot(running, running.at(provider), running.at(client)));
    const outcome = (running: Running): boolean =>
      (optional || pairs.length > 0) && !pairs.some(({ provider, client }) => reaches(running, provider, client));
    return { section, outcome, pairs: pairs.length, written: base };
  }
  const each = random.pick(["pair", "provider", "client"] as const);
  const maxHops = random.chance(30) ? 2 + random.below(8) : undefined;
  const holds = (running: Running, provider: string, client: string): boolean =>
    hasPath(running, provider, client) && (maxHops === undefined || running.decide(provider, client).hops <= maxHops);
  const outcome = (running: Running): boolean => {
    if (!optional && isMissing) return false;
    if (each === "pair") {
      return (optional || pairs.length > 0) && pairs.every(({ provider, client }) => holds(running, provider, client));
    }
    const [devices, others] = each === "provider" ? [a.names, b.names] : [b.names, a.names];
    // What may be missing on one side asks nothing of the other.
    if (optional && others.length === 0) return true;
    return devices.every((device) =>
      others.some(
        (other) =>
          other !== device && (each === "provider" ? holds(running, device, other) : holds(running, other, device)),
      ),
    );
  };
  const written = { ...base, each, gates: "ignore", ...(maxHops === undefined ? {} : { maxHops }) };
  return { section, outcome, pairs: pairs.length, written };
}

/** A policy that is made up, on the machine and on what it would be. */
export function judgeCheck(
  judgement: Judgement,
  asked: Asked,
  random: Random,
  after: { readonly machine: Machine; readonly running: Running },
): void {
  const rules = Array.from({ length: 3 + random.below(4) }, (_, at) => madeRule(random, asked, at));
  const bound = random.pick(["4.20", "5.4", "5.19", "6.12", "7.1.3", "7.3"]);
  const operator = random.pick([">=", "<"] as const);
  const mode = random.pick(["off", "strict", "lazy", "passthrough"] as const);
  const list = (section: Rule["section"]): object =>
    rules.some((rule) => rule.section === section)
      ? { [section]: rules.filter((rule) => rule.section === section).map(({ written }) => written) }
      : {};
  const text = stringify({
    ...{ ...list("require"), ...list("forbid"), ...list("separate") },
    machine: { kernel: `${operator}${bound}`, iommu: [mode, "lazy"] },
  });
  const policy = parsePolicy(text, "made.yaml");
  for (const [when, { machine, running }] of [
    ["before", asked],
    ["after", after],
  ] as const) {
    const result = checkPolicy(machine, policy);
    for (const [at, { outcome, written, pairs }] of rules.entries()) {
      const said = result.results.find(({ rule }) => rule.name === `rule ${at}`);
      if (said?.outcome === "unknown" && !asked.isWhole) continue;
      const right = outcome(running) ? "pass" : "fail";
      judgement.other(
        "rules of check",
        said?.outcome ?? "not there",
        right,
        () => `${when}: ${JSON.stringify(written)}`,
      );
      // A rule is judged as a whole, and one pair of it decides it: it counts as one.
      if (pairs > 0) judgement.pair("check", "", "", () => "");
    }
    const isInRange = releaseNumber(running.setup.release) >= releaseNumber(bound) === (operator === ">=");
    const facts = { kernel: isInRange, iommu: [mode, "lazy"].includes(running.setup.iommu) };
    for (const [fact, holds] of Object.entries(facts)) {
      const said = result.results.find(({ rule }) => rule.id === `machine/${fact}`)?.outcome ?? "not there";
      judgement.other(
        "facts of check",
        said,
        holds ? "pass" : "fail",
        () => `${when}: ${fact} ${operator}${bound} ${mode}`,
      );
    }
  }
}
