import type { Machine } from "../host/machine.ts";
import { originOf } from "../host/machine.ts";
import { type Bdf, devfnOf } from "../pci/bdf.ts";
import { entryAt } from "../pci/entry-at.ts";
import { isUnknown, type Known, type Unknown, unknown } from "../pci/known.ts";
import type { RootBus, Topology } from "../pci/topology.ts";
import { inferCpu } from "../rules/inferred-cpu.ts";
import type { PairPath } from "../rules/verdict.ts";
import { isEmulated } from "./emulated.ts";
import { type DirectionOutcome, type Evidence, type FactPath, type PlatformFact, strongestEvidence } from "./fact.ts";
import { PLATFORM_FACTS } from "./facts.ts";
import { all, any, hiddenFunction, isInSet, isOtherKind, isPort, matchesMachine } from "./match.ts";
import { type VirtualMachine, virtualMachineOf, virtualMachineWords } from "./virtual-machine.ts";
import { type Way, waysOf, waysUp } from "./way.ts";

/** What is documented of one direction. */
export interface DirectionFact {
  readonly outcome: DirectionOutcome;
  /** The facts in words, or why nothing is known. */
  readonly why: string;
  /** Ids of the facts that say so; where sources disagree, of all of them. */
  readonly facts: readonly string[];
}

/** What the hardware is documented to do with peer traffic, beside what the kernel decides. */
export interface Directions {
  /** The client writes into the provider's memory. */
  readonly write: DirectionFact;
  /** The client reads the provider's memory. */
  readonly read: DirectionFact;
}

/** A fact with its answers about the machine and each of its root buses. */
interface Prepared {
  readonly fact: PlatformFact;
  readonly machine: Known<boolean>;
  /** The processor is known to be none that this hardware is part of: what is hidden is no such hardware. */
  readonly isRuledOut: boolean;
  readonly rootBuses: readonly Known<boolean>[];
}

/** What the facts say of a machine, prepared for many pairs. */
export interface PlatformContext {
  readonly topology: Topology;
  readonly facts: readonly Prepared[];
  /** Whether each function is emulated by QEMU: 0 no, 1 yes, 2 hidden. */
  readonly emulated: Uint8Array;
  readonly virtualMachine: VirtualMachine | null;
  /** Index of the function on top of each function's tree. */
  readonly tops: Int32Array;
  /** What was said before of ways through the root complex: it depends on the two tops and on whether the ends are emulated. */
  readonly remembered: Map<number, DirectionFact>;
}

/** Prepares the facts for a machine, once for all of its pairs. */
export function platformContext(machine: Machine, topology: Topology): PlatformContext {
  const tops = new Int32Array(topology.functions.length);
  for (const index of topology.preorder) {
    const above = topology.parentOf(index);
    tops[index] = above === undefined ? index : entryAt(tops, above);
  }
  const described = { ...machine, inferredCpu: inferCpu(machine) };
  const facts = PLATFORM_FACTS.flatMap((fact): Prepared[] => {
    const answer = matchesMachine(fact.match, described);
    if (answer === false) return [];
    const rootBuses = topology.roots.map((root) => matchesRootBus(fact, machine, topology, root));
    const { partOf } = fact.match;
    const isRuledOut = partOf !== undefined && isOtherKind(machine.cpu, described.inferredCpu, partOf);
    return [{ fact, machine: answer, isRuledOut, rootBuses }];
  });
  const emulated = Uint8Array.from(topology.functions, (fn) => {
    const answer = isEmulated(fn);
    return isUnknown(answer) ? 2 : Number(answer);
  });
  return { topology, facts, emulated, virtualMachine: virtualMachineOf(machine), tops, remembered: new Map() };
}

function matchesRootBus({ match }: PlatformFact, machine: Machine, topology: Topology, root: RootBus): Known<boolean> {
  const { onRootBus } = match;
  if (onRootBus === undefined) return true;
  const members = root.functions.map((index) => topology.functionAt(index));
  const seen = any(members.map((fn) => isInSet(fn, onRootBus)));
  if (seen !== false) return seen;
  if (machine.functionsMayBeMissing !== undefined) return unknown(machine.functionsMayBeMissing);

  const isText = originOf(machine) === "lspci";
  return isText && !members.some((fn) => devfnOf(fn.bdf) === 0) ? hiddenFunction("device 00.0 of the root bus") : false;
}

/**
 * What the hardware is documented to do with a pair's peer traffic, per direction, from {@link PLATFORM_FACTS}; `unknown`
 * where no source says it, sources disagree, or the machine's description hides what decides. The kernel's verdict is
 * another question, and nothing here changes it. `isUp`: the requests go up to the root complex even if the switch between
 * the two redirects nothing, as they carry an address that no bridge claims.
 */
export function directionsIn(context: PlatformContext, pair: PairPath, isUp = false): Directions {
  const hosts = hostsPath(context, pair.provider, pair.client);
  if (hosts !== undefined) return { write: hidden(hosts.unknown), read: hidden(hosts.unknown) };
  const { write, read } = (isUp ? waysUp : waysOf)(context.topology, pair);
  return {
    write: isUnknown(write) ? hidden(write.unknown) : judge(context, pair, write, "write"),
    read: isUnknown(read) ? hidden(read.unknown) : judge(context, pair, read, "read"),
  };
}

/** {@link directionsIn} for a single pair of a machine. */
export function directionsOf(machine: Machine, topology: Topology, pair: PairPath): Directions {
  return directionsIn(platformContext(machine, topology), pair);
}

/**
 * Why nothing of a guest's bus tells what happens between two devices, where not both are emulated: the way of one that
 * was passed through is the host's. `undefined` for machines that are no guests, and for what a hypervisor makes up.
 */
export function hostsPath(
  { topology, emulated, virtualMachine }: PlatformContext,
  provider: Bdf,
  client: Bdf,
): Unknown | undefined {
  if (virtualMachine === null || provider === client) return undefined;
  if ([provider, client].every((bdf) => emulated[topology.indexOf(bdf)] === 1)) return undefined;
  return unknown(`the path is the host's: ${virtualMachineWords(virtualMachine)}`);
}

function hidden(reason: string): DirectionFact {
  return { outcome: "unknown", why: reason, facts: [] };
}

function covers(path: FactPath, way: string): boolean {
  return path === way || (path === "any-through-root-complex" && way !== "within-switch");
}

function judge(context: PlatformContext, pair: PairPath, way: Way, direction: "write" | "read"): DirectionFact {
  if (typeof way !== "string") return hidden(`no documented fact applies: ${way.none}`);
  const key = keyOf(context, pair, way, direction);
  if (key === undefined) return judgeAnew(context, pair, way, direction);
  let fact = context.remembered.get(key);
  if (fact === undefined) {
    fact = judgeAnew(context, pair, way, direction);
    context.remembered.set(key, fact);
  }
  return fact;
}

/** The number under which an answer is remembered; `undefined` where facts look at the ports on the way as well. */
function keyOf(
  { topology, tops, emulated, facts }: PlatformContext,
  { provider, client }: PairPath,
  way: Exclude<Way, object>,
  direction: "write" | "read",
): number | undefined {
  if (facts.some(({ fact }) => fact.match.switchPorts !== undefined && covers(fact.path, way))) return undefined;
  const [of, by] = [topology.indexOf(provider), topology.indexOf(client)];
  const above = entryAt(tops, of) * tops.length + entryAt(tops, by);
  const areEmulated = entryAt(emulated, of) * 3 + entryAt(emulated, by);
  return ((above * 9 + areEmulated) * WAYS.length + WAYS.indexOf(way)) * 2 + (direction === "write" ? 0 : 1);
}

const WAYS: readonly string[] = ["within-switch", "same-host-bridge", "across-host-bridges"];

function judgeAnew(
  context: PlatformContext,
  pair: PairPath,
  way: Exclude<Way, object>,
  direction: "write" | "read",
): DirectionFact {
  const said: PlatformFact[] = [];
  const open: { fact: PlatformFact; reason: string }[] = [];
  for (const prepared of context.facts) {
    const { fact } = prepared;
    if (fact[direction] === null || !covers(fact.path, way)) continue;
    // In a guest, what is known of a processor or a switch is known of the host's.
    if (context.virtualMachine !== null && fact.match.endpoints === undefined) continue;
    const answer = matchesPair(context, prepared, pair);
    if (answer === true) said.push(fact);
    else if (isUnknown(answer)) open.push({ fact, reason: answer.unknown });
  }
  const outcomes = new Set(said.map((fact) => fact[direction]));
  const facts = said.map(({ id }) => id);
  if (outcomes.size > 1) return { outcome: "unknown", why: `sources disagree: ${inWords(said, direction)}`, facts };
  const [outcome] = outcomes;
  const doubt = open.find(({ fact }) => fact[direction] !== outcome);
  if (doubt !== undefined) return hidden(`${doubt.reason} (it decides whether '${doubt.fact.id}' applies)`);
  if (outcome === undefined || outcome === null) return hidden(`no documented fact is known of this hardware (${way})`);
  return { outcome, why: inWords(said), facts };
}

const evidenceWords: Readonly<Record<Evidence, string>> = {
  kernel: "kernel source",
  documentation: "documentation",
  driver: "another driver's source",
  measured: "measured",
  report: "reports",
};

/** The facts as sentences with their evidence; with `direction`, each with what it says of it. */
function inWords(facts: readonly PlatformFact[], direction?: "write" | "read"): string {
  return facts
    .map((fact) => {
      const says = direction === undefined ? "" : `${fact[direction]}, `;
      return `${fact.words} (${says}${evidenceWords[strongestEvidence(fact)]}: ${fact.id})`;
    })
    .join(" ");
}

function matchesPair({ topology, tops }: PlatformContext, prepared: Prepared, pair: PairPath): Known<boolean> {
  const { rootPort, switchPorts, onRootBus, endpoints } = prepared.fact.match;
  const ends = [pair.provider, pair.client].map((bdf) => topology.indexOf(bdf));
  const answers: Known<boolean>[] = [prepared.machine];
  for (const end of ends) {
    if (onRootBus !== undefined) {
      const root = topology.rootOf(end);
      answers.push(root === undefined ? hiddenFunction("the host bridge") : entryAt(prepared.rootBuses, root));
    }
    if (endpoints !== undefined) answers.push(isEmulated(topology.functionAt(end)));
    if (rootPort !== undefined) {
      const top = entryAt(tops, end);
      const fn = topology.functionAt(top);
      const isShown = topology.isOnRootBus(top);
      answers.push(isShown ? all([isPort(fn, "root-port"), isInSet(fn, rootPort)]) : hiddenFunction("the root port"));
    }
  }
  if (switchPorts !== undefined) {
    for (const bdf of pair.path.slice(1, -1)) {
      const fn = topology.functionOf(bdf);
      answers.push(all([isPort(fn, "switch"), isInSet(fn, switchPorts)]));
    }
  }
  const answer = all(answers);
  return isUnknown(answer) && prepared.isRuledOut ? false : answer;
}
