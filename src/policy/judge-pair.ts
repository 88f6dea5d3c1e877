import type { Answers } from "../answers/answer.ts";
import { openRefusals } from "../answers/driver-gates.ts";
import type { Gate } from "../answers/gate.ts";
import { isTranslating } from "../host/machine.ts";
import { ADDRESS_GIVEN_ANEW, type Bar } from "../pci/bar.ts";
import { formatBdf } from "../pci/bdf.ts";
import { PCI_COMMAND_MEMORY } from "../pci/config-space.ts";
import { knownKind } from "../pci/device-kind.ts";
import { entryAt } from "../pci/entry-at.ts";
import type { PciFunction } from "../pci/function.ts";
import { memoryBars } from "../pci/function.ts";
import { isUnknown, type Known, type Unknown } from "../pci/known.ts";
import { mayProvide } from "../pci/peer-roles.ts";
import type { Topology } from "../pci/topology.ts";
import { VFIO_DRIVERS } from "../platforms/asking.ts";
import { conditionWords } from "../platforms/asking-conditions.ts";
import { areEmulated } from "../platforms/emulated.ts";
import { whyMaybeVirtual } from "../platforms/virtual-machine.ts";
import { whyUnread } from "../platforms/who-asks.ts";
import { OLDEST_MAINTAINED } from "../rules/by-release.ts";
import { type MapType, NOT_DIRECT } from "../rules/verdict.ts";
import type { VerdictTable } from "../rules/verdict-table.ts";
import type { PathLevel, RequireRule } from "./policy.ts";
import type { Problem, RuleOutcome } from "./result.ts";

/** Whether a pair is as a rule wants it, and what is wrong where it is not. */
export interface Judgement {
  readonly outcome: RuleOutcome;
  readonly problems: readonly Problem[];
}

/** What rules take for granted, with why the source does not show it. */
export type Assumptions = Map<string, string>;

type KnownMapType = Exclude<MapType, "unknown">;

/** The map types that pair (i, j) may have: one where the verdict is known. */
function possibleMapTypes(table: VerdictTable, i: number, j: number): readonly KnownMapType[] {
  const mapType = table.mapType(i, j);
  if (mapType !== "unknown") return [mapType];
  const { reason, supported, throughHostBridge = [] } = table.why(i, j);
  const through: readonly KnownMapType[] =
    supported === true ? ["thru-host-bridge"] : ["thru-host-bridge", "not-supported"];
  if (NOT_DIRECT.has(reason)) return through;
  const isRefused = throughHostBridge.length > 0 && throughHostBridge.every((one) => one.mapType === "not-supported");
  return ["bus-addr", ...(isRefused ? (["not-supported"] as const) : through)];
}

const isPath: Readonly<Record<PathLevel, ReadonlySet<MapType>>> = {
  direct: new Set(["bus-addr"]),
  supported: new Set(["bus-addr", "thru-host-bridge"]),
};

/** Whether pair (i, j) has a path of a level or better: what all that the source leaves possible agree on. */
export function hasPath(table: VerdictTable, i: number, j: number, level: PathLevel): RuleOutcome {
  return agreed(possibleMapTypes(table, i, j).map((mapType) => (isPath[level].has(mapType) ? "pass" : "fail")));
}

function agreed(outcomes: readonly RuleOutcome[]): RuleOutcome {
  const [first = "unknown"] = outcomes;
  return outcomes.every((outcome) => outcome === first) ? first : "unknown";
}

/** Where the source names no kernel, what is decided of a pair takes for granted that it is one of those that decide so. */
export function assumeKernel(table: VerdictTable, i: number, j: number, assumed: Assumptions): void {
  const { release } = table.machine.kernel;
  if (!isUnknown(release) || table.rules.chosenBy === "flag") return;
  const { from, to } = table.why(i, j).releases ?? { from: OLDEST_MAINTAINED, to: null };
  const what = `the kernel is Linux ${from} ${to === null ? "or newer" : `to ${to}`}`;
  if (!assumed.has(what)) assumed.set(what, release.unknown);
}

/** Judges required pairs of one rule, and collects what those that pass take for granted. */
export class RequiredPairs {
  readonly #answers: Answers;
  readonly #table: VerdictTable;
  readonly #rule: RequireRule;
  readonly #assumed: Assumptions;
  /** Why the machine may be a guest that the source does not show; looked for where its gate would fail the rule. */
  readonly #maybeVirtual: Unknown | null;

  constructor(answers: Answers, rule: RequireRule, assumed: Assumptions) {
    this.#answers = answers;
    this.#table = answers.table;
    this.#rule = rule;
    this.#assumed = assumed;
    this.#maybeVirtual = rule.gates === "none" ? whyMaybeVirtual(answers.table.machine) : null;
  }

  judge(i: number, j: number): Judgement {
    const judgements = possibleMapTypes(this.#table, i, j).map((mapType) => this.#judgeAs(i, j, mapType));
    const outcome = agreed(judgements.map((judgement) => judgement.outcome));
    if (outcome === "pass") this.#assume(i, j);
    const problems = judgements.flatMap((judgement) => judgement.problems);
    const isOpen = outcome === "unknown" && judgements.some((judgement) => judgement.outcome !== "unknown");
    return { outcome, problems: distinct(isOpen ? [{ kind: "path" }, ...problems] : problems) };
  }

  /** What comes of a pair with a map type that it may have. */
  #judgeAs(i: number, j: number, mapType: KnownMapType): Judgement {
    // What fails here fails whatever the gates are, and gates of a path that is not there are beside the point.
    if (!isPath[this.#rule.path].has(mapType)) return { outcome: "fail", problems: [{ kind: "path" }] };
    const gates = this.#rule.gates === "ignore" ? [] : this.#answers.gates(i, j, mapType);
    const failures = [...this.#tooFar(i, j), ...this.#failingGates(i, j, mapType, gates)];
    if (failures.length > 0) return { outcome: "fail", problems: failures };
    const open: Problem[] = this.#hidesHops(i, j) ? [{ kind: "path" }] : [];
    for (const reason of this.#hiddenGates(i, j, mapType, gates)) open.push({ kind: "hidden", reason });
    return { outcome: open.length > 0 ? "unknown" : "pass", problems: open };
  }

  #tooFar(i: number, j: number): Problem[] {
    const hops = this.#table.hops(i, j);
    const most = this.#rule.maxHops;
    return hops !== null && most !== null && hops > most ? [{ kind: "hops", hops, most }] : [];
  }

  /** Where the topology is hidden, a pair may be supported all the same, however far it is. */
  #hidesHops(i: number, j: number): boolean {
    return this.#rule.maxHops !== null && this.#table.hops(i, j) === null;
  }

  #failingGates(i: number, j: number, mapType: KnownMapType, gates: readonly Gate[]): Problem[] {
    return gates
      .filter((gate) => this.#rule.gates === "none" || gate.effect === "blocks")
      .filter((gate) => gate.doubt === undefined)
      .filter((gate) => gate.kind !== "beyond-dma-mask" || !this.#mayBeTranslated(mapType))
      .filter((gate) => gate.kind !== "virtual-machine" || !isUnknown(this.#areEmulated(i, j)))
      .map((gate): Problem => ({ kind: "gate", gate }));
  }

  /** Where the IOMMU may translate, no BAR is known to lie beyond a DMA mask. */
  #mayBeTranslated(mapType: KnownMapType): boolean {
    return mapType === "thru-host-bridge" && isUnknown(this.#table.machine.iommu.mode);
  }

  /** Whether the guest's bus is all that lies between the two. */
  #areEmulated(i: number, j: number): Known<boolean> {
    return areEmulated(this.#provider(i), this.#client(j));
  }

  /** Why gates may be there that the source does not show. */
  #hiddenGates(i: number, j: number, mapType: KnownMapType, shown: readonly Gate[]): string[] {
    if (this.#rule.gates === "ignore") return [];
    const provider = this.#provider(i);
    const { mode } = this.#table.machine.iommu;
    const reasons = hiddenBarGates(this.#table.topology, provider);
    const provides = mayProvide(provider);
    const askedBy = this.#answers.askedBy(i, j);
    const { ways } = askedBy;
    const unread = whyUnread(askedBy, provider, this.#client(j));
    if (unread !== null) reasons.push(unread);
    const { command, driver } = this.#client(j);
    if (isUnknown(command) && driver !== null) reasons.push(command.unknown);
    if (isUnknown(provides) && !ways.some(({ row, given }) => row.sharesAnyBar === true && given.length === 0)) {
      reasons.push(provides.unknown);
    }
    const mask = shown.find((gate) => gate.kind === "beyond-dma-mask");
    if (mask !== undefined && isUnknown(mode))
      reasons.push(`${mask.message}, unless the IOMMU translates`, mode.unknown);
    for (const { doubt, effect, kind, message, isUnsupported } of shown) {
      if (isUnsupported === true) reasons.push(message);
      if (doubt === undefined || kind === "beyond-dma-mask") continue;
      if (this.#rule.gates === "none" || effect === "blocks") reasons.push(message, doubt);
    }
    if (this.#rule.gates !== "none") return reasons;
    const emulated = this.#areEmulated(i, j);
    if (isUnknown(emulated) && shown.some(({ kind }) => kind === "virtual-machine")) reasons.push(emulated.unknown);
    if (this.#maybeVirtual !== null && emulated !== true) reasons.push(this.#maybeVirtual.unknown);
    if (isUnknown(mode) && mapType === "bus-addr") reasons.push(mode.unknown);
    return [...reasons, ...hiddenSizes(provider)];
  }

  /** Things that most sources cannot show, and without which no verdict of theirs would pass. */
  #assume(i: number, j: number): void {
    const { gates } = this.#rule;
    if (gates === "ignore") return;
    const askedBy = this.#answers.askedBy(i, j);
    const { class: askClass, ways, hidden } = askedBy;
    if (askClass === "unknown" && hidden !== null && !this.#assumed.has(SHARED)) this.#assumed.set(SHARED, hidden);
    for (const { holds, when, words } of openRefusals(this.#table.machine, askedBy)) {
      const what = `it is not so that ${conditionWords(when)} (${words})`;
      if (isUnknown(holds) && !this.#assumed.has(what)) this.#assumed.set(what, holds.unknown);
    }
    if (askClass === "does-not-ask" || askClass === "user-space") {
      const what = "the hardware carries what the kernel's verdict allows";
      this.#assumed.set(what, `not every driver asks the kernel: ${ways[0]?.row.title}`);
    }
    const { kernel, iommu } = this.#table.machine;
    const add = (what: string, value: Known<unknown>): void => {
      if (isUnknown(value) && !this.#assumed.has(what)) this.#assumed.set(what, value.unknown);
    };
    assumeKernel(this.#table, i, j, this.#assumed);
    const moved = memoryBars(this.#provider(i))?.find(isGivenAnew);
    if (moved !== undefined) add("BARs that have addresses now have some after the move", moved.busAddress);
    const provider = this.#provider(i);
    if ([provider, this.#client(j)].some(({ driver: name }) => !isUnknown(name) && VFIO_DRIVERS.includes(name ?? ""))) {
      add("an IOMMU is on: VFIO needs one", iommu.mode);
    }
    if (knownKind(provider) === "nvme")
      add("a BAR of an NVMe controller that can hold a memory buffer does", provider.p2pmem);
    add("the kernel is built with CONFIG_PCI_P2PDMA", kernel.config);
    if (gates === "none") add("kernel parameters mean what was meant", kernel.commandLine);
    if (ways.some(({ row }) => row.address === "nvidia") && this.#table.mapType(i, j) !== "bus-addr") {
      add("no IOMMU translates: it would reject what the NVIDIA driver hands out", iommu.mode);
    }
    const client = this.#client(j);
    const isTranslated =
      this.#table.mapType(i, j) === "thru-host-bridge" && !isUnknown(iommu.mode) && isTranslating(iommu.mode);
    if (isTranslated || client.driver === null) return;
    add("clients address the whole of the BARs", isUnknown(client.driver) ? client.driver : client.dmaMaskBits);
  }

  #provider(i: number): PciFunction {
    return this.#table.topology.functionOf(entryAt(this.#table.providers, i));
  }

  #client(j: number): PciFunction {
    return this.#table.topology.functionOf(entryAt(this.#table.clients, j));
  }
}

/** What is taken for granted of drivers of which nothing is known. */
const SHARED = "the drivers of the two share memory as the kernel decides";

/** True for a BAR that has an address now, and another after a move. */
function isGivenAnew({ busAddress }: Bar): boolean {
  return isUnknown(busAddress) && busAddress.unknown === ADDRESS_GIVEN_ANEW.unknown;
}

/** Problems without those that are said already. */
function distinct(problems: readonly Problem[]): readonly Problem[] {
  if (problems.length < 2) return problems;
  return [...new Map(problems.map((problem) => [JSON.stringify(problem), problem])).values()];
}

function hiddenBarGates(topology: Topology, provider: PciFunction): string[] {
  if (isUnknown(provider.bars)) return [provider.bars.unknown];
  const reasons: string[] = [];
  for (const bar of memoryBars(provider) ?? []) {
    if (!isUnknown(bar.busAddress) || !isUnknown(bar.physAddress) || isGivenAnew(bar)) continue;
    reasons.push(bar.busAddress.unknown);
  }
  return [...new Set([...reasons, ...hiddenDecode(topology, provider)])];
}

/** Of a virtual function the physical one's VF MSE decides; its own memory bit is 0 whatever happens. */
function hiddenDecode(topology: Topology, { physicalFunction, command }: PciFunction): string[] {
  if (isUnknown(physicalFunction)) {
    if (isUnknown(command)) return [command.unknown];
    return (command & PCI_COMMAND_MEMORY) !== 0 ? [] : [physicalFunction.unknown];
  }
  if (physicalFunction === null) return isUnknown(command) ? [command.unknown] : [];
  const sriov = topology.find(physicalFunction)?.sriov;
  if (sriov === undefined) return [`${formatBdf(physicalFunction)}, which holds its VF MSE, is not in the source`];
  return isUnknown(sriov) ? [sriov.unknown] : [];
}

function hiddenSizes({ resizableBars }: PciFunction): string[] {
  if (isUnknown(resizableBars)) return [resizableBars.unknown];
  return resizableBars.flatMap(({ currentBytes, supportedBytes }) =>
    isUnknown(currentBytes) ? [currentBytes.unknown] : isUnknown(supportedBytes) ? [supportedBytes.unknown] : [],
  );
}
