import { type CostCounters, noCost } from "../memory/cost.ts";
import { buildLabMachine } from "./build-machine.ts";
import type { MappingDesign } from "./design.ts";
import { MAPPING_DESIGNS, requireDesign } from "./designs/all-designs.ts";
import { checkLength, LIST_KINDS, type ListKind, listOf, segmentsOf } from "./list-kinds.ts";
import { MACHINE_CLASSES, requireClass } from "./machines/all-classes.ts";
import type { MachineClass, PairPlace } from "./machines/machine-class.ts";
import { LAB_OUTCOMES, type LabOutcome, outcomeOf, type RunResult } from "./outcome.ts";
import { requireDistinct } from "./own-name.ts";
import { DesignRunner, type FallBack } from "./run.ts";
import { runId } from "./run-id.ts";
import { shrink } from "./shrink.ts";

/** Lists of one peer alone go up to this length. */
const LONGEST_OF_A_PAIR = 64;
/** The list that is refused and falls back. */
const FALL_BACK_LENGTH = 64;

/** Lengths of the lists unless told. */
export const LAB_LENGTHS: readonly number[] = [1, 2, 64, 4096];

/** What the lab carries out: designs and classes of its own (all of them unless told), and of yours. */
export interface LabOptions {
  readonly designs?: readonly MappingDesign[];
  readonly classes?: readonly MachineClass[];
  /** Ascending, 1 to 4096 each. */
  readonly lengths?: readonly number[];
  /** Decides where the pages of a list lie; 1 unless told. */
  readonly seed?: number;
  /** Called with each cell when it is done. */
  readonly onCell?: (cell: LabCell) => void;
}

/** One list on one machine by one design. */
export interface LabRun {
  readonly listKind: ListKind;
  readonly length: number;
  readonly result: RunResult;
}

/** The smallest list with which a design does not do right on a machine. */
export interface CounterExample {
  readonly id: string;
  readonly result: RunResult;
}

/** All runs of a design on a machine. */
export interface LabCell {
  /** Names of the design and of the machine class. */
  readonly design: string;
  readonly kind: string;
  /** Where the client's two pairs are, as the class says. */
  readonly pairs: readonly [PairPlace, PairPlace];
  readonly runs: readonly LabRun[];
  /** `null` where everything was right. */
  readonly counterExample: CounterExample | null;
  /** What users of a list of peer memory had who fell back to system memory; `null` where nothing is refused. */
  readonly fallBack: FallBack | null;
}

/** What it costs a kernel that knows of no peers to map and unmap a list of RAM. */
export interface Baseline {
  readonly kind: string;
  readonly length: number;
  readonly map: CostCounters;
  readonly unmap: CostCounters;
}

/** What the lab found. */
export interface LabResult {
  readonly seed: number;
  readonly lengths: readonly number[];
  readonly designs: readonly MappingDesign[];
  readonly classes: readonly MachineClass[];
  readonly cells: readonly LabCell[];
  readonly baselines: readonly Baseline[];
}

/**
 * Carries out every list by every design on every machine. The same options give the same result. Throws `usage` for a
 * design or class of yours that has the name of another.
 *
 * @example
 * runLab({ designs: [mine, findDesign("special-pages")], classes: [findClass("bus-offset")] });
 */
export function runLab(options: LabOptions = {}): LabResult {
  const { designs = MAPPING_DESIGNS, classes = MACHINE_CLASSES, lengths = LAB_LENGTHS, seed = 1, onCell } = options;
  designs.forEach(requireDesign);
  classes.forEach(requireClass);
  requireDistinct("a design", designs);
  requireDistinct("a machine class", classes);
  lengths.forEach(checkLength);
  const cells = designs.flatMap((design) =>
    classes.map((kind) => {
      const cell = runCell(design, kind, lengths, seed);
      onCell?.(cell);
      return cell;
    }),
  );
  const baselines = classes.flatMap((kind) => lengths.map((length) => baselineOf(kind, length, seed)));
  return { seed, lengths, designs, classes, cells, baselines };
}

function runCell(design: MappingDesign, kind: MachineClass, lengths: readonly number[], seed: number): LabCell {
  const runner = new DesignRunner(design, kind);
  const runs = LIST_KINDS.flatMap((listKind) =>
    lengths
      // A mixed list of one segment is an all-peer one.
      .filter((length) => listKind !== "mixed" || length > 1)
      // Lists of one pair are there for their outcome; what long ones cost, the others show.
      .filter((length) => !listKind.startsWith("only-") || length <= LONGEST_OF_A_PAIR)
      .map((length): LabRun => ({ listKind, length, result: runner.run(segmentsOf(listKind, length), seed) })),
  );
  const cell = { design: design.id, kind: kind.id, pairs: kind.pairs };
  const worst = worstRun(runs);
  if (worst === undefined || outcomeOf(worst.result) === "right") {
    return { ...cell, runs, counterExample: null, fallBack: null };
  }
  const segments = segmentsOf(worst.listKind, worst.length);
  const smallest = shrink(runner, segments, seed, worst.result);
  const id = runId({ design, kind, seed, segments: smallest.segments });
  const fallBack = runner.fallBack(segmentsOf("all-peer", FALL_BACK_LENGTH), seed);
  return { ...cell, runs, counterExample: { id, result: smallest.result }, fallBack };
}

/** The shortest of those that ended worst. */
function worstRun(runs: readonly LabRun[]): LabRun | undefined {
  const rank = ({ result }: LabRun): number => LAB_OUTCOMES.indexOf(outcomeOf(result));
  return runs.toSorted((a, b) => rank(b) - rank(a) || a.length - b.length)[0];
}

/** How lists of a kind end, each direction by itself. */
export interface ListOutcome {
  readonly read: LabOutcome;
  readonly write: LabOutcome;
  /** Whether bytes lie in system memory, moved there without a word. */
  readonly isInHostMemory: boolean;
}

/** The worst outcome of the lists of a kind, each direction by itself; `null` where there are none. */
export function outcomesOf({ runs }: LabCell, listKind: ListKind): ListOutcome | null {
  const results = runs.filter((run) => run.listKind === listKind).map(({ result }) => result);
  if (results.length === 0) return null;
  const worst = (of: (result: RunResult) => LabOutcome): LabOutcome =>
    LAB_OUTCOMES[Math.max(...results.map((result) => LAB_OUTCOMES.indexOf(of(result))))] ?? "right";
  const isInHostMemory = results.some((result) => result.inHostMemory > 0);
  return { read: worst(({ read }) => read), write: worst(({ write }) => write), isInHostMemory };
}

function baselineOf(kind: MachineClass, length: number, seed: number): Baseline {
  const machine = buildLabMachine(kind, false);
  const { cost, device, host } = machine.world;
  const list = listOf(machine, segmentsOf("no-peer", length), seed);
  const parts = [noCost(), noCost()] as const;
  const counted = (part: CostCounters, work: () => void): void => {
    const before = { ...cost };
    work();
    for (const name of Object.keys(part) as (keyof CostCounters)[]) part[name] = cost[name] - before[name];
  };
  counted(parts[0], () => host.mapList(device, list, "bidirectional"));
  counted(parts[1], () => host.unmapList(device, list, "bidirectional"));
  return { kind: kind.id, length, map: parts[0], unmap: parts[1] };
}
